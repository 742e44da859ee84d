/* SQLite behind plain functions: opening, refusing what is not ours, statements and their columns. */
#include "auditor/history/database_room.h"
#include "base/clock.h"
#include "base/memory.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

enum { APPLICATION_ID = 0x486f6c64, SCHEMA = 3, BUSY_TIMEOUT_MS = 10000 };

/* schema.sql, as it is, with a NUL behind it */
extern const char schema_sql[];
__asm__(".pushsection .rodata\n"
        "schema_sql: .incbin \"" HOLDPOINT_SCHEMA_SQL "\"\n"
        ".byte 0\n"
        ".popsection\n");

struct query {
	struct database *database;
	sqlite3_stmt *statement; /* NULL: it could not be prepared, err says why */
	int bound;
	struct error err;
};

static enum status fail(struct database *database, int code, struct error *err)
{
	const char *name = database->name, *words = sqlite3_errmsg(database->handle);

	switch (code & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return error_set(err, STATUS_RETRY, "database_busy",
		        "another process is writing %s: wait until it is done, or end it", name);
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		return error_set(err, STATUS_REJECT, "database_invalid",
		        "%s is no database, or a damaged one (%s): name another file, or remove it to begin "
		        "anew",
		        name, words);
	case SQLITE_CANTOPEN:
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return error_set(err, STATUS_REJECT, "database_unusable",
		        "%s cannot be opened or written (%s): is its folder there, and may this user write "
		        "it?",
		        name, words);
	case SQLITE_INTERRUPT:
		return error_set(err, STATUS_RETRY, "database_slow",
		        "the answer from %s took too long: ask for less, or again later", name);
	case SQLITE_FULL:
		return error_set(err, STATUS_FATAL, "database_failed",
		        "no room to write %s: make room on its disk and run it again", name);
	default:
		return error_set(err, STATUS_FATAL, "database_failed", "%s: %s", name, words);
	}
}

enum status database_exec(struct database *database, const char *sql, struct error *err)
{
	int code = sqlite3_exec(database->handle, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? STATUS_OK : fail(database, code, err);
}

enum status database_number(struct database *database, const char *sql, int64_t *ret, struct error *err)
{
	struct query *query = query_new(database, sql);
	bool row;
	enum status status = query_next(query, &row, err);

	if (status == STATUS_OK)
		*ret = row ? query_int(query, 0) : 0;
	query_free(query);
	return status;
}

/* ---- opening */

static enum status identify(struct database *database, bool *ret_empty, struct error *err)
{
	int64_t application = 0, version = 0, tables = 0;
	enum status status = database_number(database, "PRAGMA application_id", &application, err);

	if (status == STATUS_OK)
		status = database_number(database, "PRAGMA user_version", &version, err);
	if (status == STATUS_OK)
		status = database_number(database, "SELECT count(*) FROM sqlite_schema", &tables, err);
	if (status != STATUS_OK)
		return status;
	*ret_empty = application == 0 && tables == 0;
	if (*ret_empty)
		return STATUS_OK;
	if (application != APPLICATION_ID)
		return error_set(err, STATUS_REJECT, "database_invalid",
		        "%s is a database of something else: name another file", database->name);
	if (version != SCHEMA)
		return error_set(err, STATUS_REJECT, "database_version",
		        "%s has tables of version %lld, this program those of version %d: export into a new "
		        "file",
		        database->name, (long long)version, SCHEMA);
	return STATUS_OK;
}

static enum status put_meta(struct database *database, const char *name, const char *value, struct error *err)
{
	struct query *query = query_new(database, "INSERT INTO meta VALUES (?, ?)");
	enum status status;

	query_bind_words(query, name);
	query_bind_words(query, value);
	status = query_run(query, err);
	query_free(query);
	return status;
}

static enum status check_meta(
        struct database *database, const char *name, const char *want, const char *what, struct error *err)
{
	struct query *query = query_new(database, "SELECT value FROM meta WHERE name = ?");
	struct view have = {0};
	bool row = false;
	enum status status;

	query_bind_words(query, name);
	status = query_next(query, &row, err);
	if (row)
		have = query_text(query, 0);
	if (status == STATUS_OK && !view_is(have, want))
		status = error_set(err, STATUS_REJECT, "database_prefix",
		        "%s was made with %s '%.*s', this is '%s': use the same, or another file",
		        database->name, what, (int)have.len, have.data ? have.data : "", want);
	query_free(query);
	return status;
}

static const char *yes_or_no(bool yes)
{
	return yes ? "yes" : "no";
}

static enum status create(
        struct database *database, const char *events, const char *values, struct error *err)
{
	enum status status = database_exec(database, schema_sql, err);

	if (status == STATUS_OK)
		status = put_meta(database, "prefix", database->prefix, err);
	if (status == STATUS_OK)
		status = put_meta(database, "events", events, err);
	return status == STATUS_OK ? put_meta(database, "values", values, err) : status;
}

/* Ours, new or not, in one transaction: two that begin at once make the tables once. */
static enum status create_or_check(struct database *database, struct error *err)
{
	const char *events = yes_or_no(database->flags & DATABASE_EVENTS);
	const char *values = yes_or_no(database->flags & DATABASE_VALUES);
	bool empty = false;
	enum status status = database_exec(database, "BEGIN IMMEDIATE", err);

	if (status == STATUS_OK)
		status = identify(database, &empty, err);
	if (status == STATUS_OK && empty)
		status = create(database, events, values, err);
	if (status == STATUS_OK)
		status = check_meta(database, "prefix", database->prefix, "prefix", err);
	if (status == STATUS_OK)
		status = check_meta(database, "events", events, "its events kept:", err);
	if (status == STATUS_OK)
		status = check_meta(database, "values", values, "the records' values kept:", err);
	if (status == STATUS_OK)
		status = batches_load(database, err);
	return status == STATUS_OK ? database_exec(database, "COMMIT", err) : status;
}

static enum status open_handle(
        const char *path, const char *name, int how, struct database **ret, struct error *err)
{
	struct database *database = memory_alloc(sizeof(*database));
	int code;

	database->name = memory_text(name);
	code = sqlite3_open_v2(
	        path, &database->handle, how | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
	*ret = database;
	if (code != SQLITE_OK)
		return fail(database, code, err);
	sqlite3_busy_timeout(database->handle, BUSY_TIMEOUT_MS);
	return STATUS_OK;
}

/* Readers and the writer don't wait for each other in WAL mode; a power cut may cost the last transactions,
 * which are read again, never the file. What is private needs neither. Pages and the WAL are larger than by
 * default, since rows are: it saves a quarter of the time. */
static const char settle_private[] =
        "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536";
static const char settle_file[] =
        "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
        "PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -65536";

static enum status settle(struct database *database, bool private, struct error *err)
{
	bool empty;
	enum status status = identify(database, &empty, err);

	if (status != STATUS_OK)
		return status;
	return database_exec(database, private ? settle_private : settle_file, err);
}

/* As a path, whatever it looks like: SQLite has names of its own (":memory:", "file:…"). */
static char *path_of(const char *path)
{
	return memory_format("%s%s", *path == '/' ? "" : "./", path);
}

enum status database_open(
        const char *path, const char *prefix, unsigned flags, struct database **ret, struct error *err)
{
	struct database *database;
	char *file = path ? path_of(path) : NULL;
	enum status status = open_handle(file ? file : "", path ? path : "the private database",
	        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &database, err);

	free(file);
	database->prefix = memory_text(prefix);
	database->flags = flags;
	if (status == STATUS_OK)
		status = settle(database, path == NULL, err);
	database->batches = batches_new();
	if (status == STATUS_OK)
		status = create_or_check(database, err);
	if (status != STATUS_OK) {
		database_close(database);
		return status;
	}
	database->projection = projection_new(database);
	*ret = database;
	return STATUS_OK;
}

/* A question reads most pages once, and keeps none for the next: more would only be taken and given back. */
static const char settle_reader[] = "PRAGMA cache_size = -512";

enum status database_open_reader(const char *path, struct database **ret, struct error *err)
{
	struct database *database;
	char *file = path_of(path);
	bool empty = false;
	enum status status = open_handle(file, path, SQLITE_OPEN_READONLY, &database, err);

	free(file);
	if (status == STATUS_OK)
		status = identify(database, &empty, err);
	if (status == STATUS_OK)
		status = database_exec(database, settle_reader, err);
	if (status == STATUS_OK && empty)
		status = error_set(err, STATUS_REJECT, "database_invalid",
		        "%s is empty: fill it with holdpoint-auditor export", path);
	if (status != STATUS_OK) {
		database_close(database);
		return status;
	}
	*ret = database;
	return STATUS_OK;
}

void database_close(struct database *database)
{
	if (!database)
		return;
	projection_free(database->projection);
	batches_free(database->batches);
	sqlite3_close(database->handle);
	free(database->name);
	free(database->prefix);
	free(database);
}

static int is_late(void *context)
{
	const struct database *database = context;

	return clock_monotonic_ms() > database->deadline_ms;
}

void database_set_time(struct database *database, int64_t ms)
{
	enum { LOOK_EVERY = 10000 /* steps of SQLite's machine */ };

	database->deadline_ms = clock_monotonic_ms() + ms;
	sqlite3_progress_handler(database->handle, ms ? LOOK_EVERY : 0, is_late, database);
}

enum status database_begin_reading(struct database *database, struct error *err)
{
	return database_exec(database, "BEGIN", err);
}

void database_end_reading(struct database *database)
{
	sqlite3_exec(database->handle, "COMMIT", NULL, NULL, NULL);
	/* the pages it keeps are old with the writer's next commit, and would be more as the tables grow */
	sqlite3_db_release_memory(database->handle);
}

/* ---- questions */

struct query *query_new(struct database *database, const char *sql)
{
	struct query *query = memory_alloc(sizeof(*query));
	int code;

	query->database = database;
	code = sqlite3_prepare_v2(database->handle, sql, -1, &query->statement, NULL);
	if (code != SQLITE_OK)
		fail(database, code, &query->err);
	return query;
}

void query_free(struct query *query)
{
	if (!query)
		return;
	sqlite3_finalize(query->statement);
	free(query);
}

static void bind_text(struct query *query, struct view text, sqlite3_destructor_type copy)
{
	if (!query->statement)
		return;
	if (text.data)
		sqlite3_bind_text64(query->statement, ++query->bound, text.data, text.len, copy, SQLITE_UTF8);
	else
		sqlite3_bind_null(query->statement, ++query->bound);
}

void query_bind_text(struct query *query, struct view text)
{
	bind_text(query, text, SQLITE_TRANSIENT);
}

void query_bind_words(struct query *query, const char *text)
{
	bind_text(query, view_text(text), SQLITE_TRANSIENT);
}

void query_bind_borrowed(struct query *query, struct view text)
{
	bind_text(query, text, SQLITE_STATIC);
}

void query_bind_blob(struct query *query, struct view bytes)
{
	if (!query->statement)
		return;
	if (bytes.data)
		sqlite3_bind_blob64(query->statement, ++query->bound, bytes.data, bytes.len, SQLITE_STATIC);
	else
		sqlite3_bind_null(query->statement, ++query->bound);
}

void query_bind_int(struct query *query, int64_t value)
{
	if (query->statement)
		sqlite3_bind_int64(query->statement, ++query->bound, value);
}

void query_bind_null(struct query *query)
{
	if (query->statement)
		sqlite3_bind_null(query->statement, ++query->bound);
}

enum status query_next(struct query *query, bool *ret_row, struct error *err)
{
	int code;

	if (!query->statement) {
		*err = query->err;
		return err->status;
	}
	assert(query->bound == sqlite3_bind_parameter_count(query->statement));
	code = sqlite3_step(query->statement);
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		return fail(query->database, code, err);
	*ret_row = code == SQLITE_ROW;
	return STATUS_OK;
}

void query_reset(struct query *query)
{
	query->bound = 0;
	sqlite3_reset(query->statement);
}

enum status query_run(struct query *query, struct error *err)
{
	bool row;
	enum status status = query_next(query, &row, err);

	query_reset(query);
	return status;
}

int query_columns(const struct query *query)
{
	return sqlite3_column_count(query->statement);
}

const char *query_name(const struct query *query, int column)
{
	return sqlite3_column_name(query->statement, column);
}

bool query_is_null(struct query *query, int column)
{
	return sqlite3_column_type(query->statement, column) == SQLITE_NULL;
}

bool query_is_int(struct query *query, int column)
{
	return sqlite3_column_type(query->statement, column) == SQLITE_INTEGER;
}

int64_t query_int(struct query *query, int column)
{
	return sqlite3_column_int64(query->statement, column);
}

struct view query_text(struct query *query, int column)
{
	struct view text = {0};

	if (query_is_null(query, column))
		return text;
	text.data = sqlite3_column_blob(query->statement, column);
	text.len = (size_t)sqlite3_column_bytes(query->statement, column);
	if (!text.data)
		text.data = ""; /* SQLite's answer for what is there and empty */
	return text;
}
