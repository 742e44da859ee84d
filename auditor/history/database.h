#ifndef AUDITOR_DATABASE_H
#define AUDITOR_DATABASE_H

#include "auditor/log/fact.h"

/* The history as tables (schema.sql says what each means): facts go in, questions are asked in SQL. SQLite
 * stays behind this header.
 *
 * A database is for one thread; any number of others may read a file through databases of their own
 * (database_open_reader()), also while it is written. One process writes a file at a time.
 *
 * Error codes: "database_invalid" (not one of ours, damaged), "database_version" (of another schema),
 * "database_prefix" (of another installation, or made with other flags), "database_other_log" (see
 * database_apply()), "database_unusable" (cannot be opened or written), "database_busy" (another process
 * writes it; STATUS_RETRY), "database_failed" (STATUS_FATAL: the disk is full, …). After a failure to write,
 * close it: what was committed is whole, and the rest is read again the next time. */
struct database;

enum {
	DATABASE_EVENTS = 1, /* fill the table event; else it stays empty, and filling is much faster */
	DATABASE_VALUES = 2, /* with the records themselves */
};

/* To be filled: makes the tables where the file is new or empty. path NULL: a private one, gone when it is
 * closed, which no other database can read. prefix: the topics'. A file made with other flags is refused. */
must_check enum status database_open(
        const char *path, const char *prefix, unsigned flags, struct database **ret, struct error *err);
/* To be read, by another thread or process than the one that fills it. */
must_check enum status database_open_reader(const char *path, struct database **ret, struct error *err);
/* What was not committed is lost, and read again the next time. NULL is fine. */
void database_close(struct database *database);

/* Whether nothing has ever been committed to it but its tables. */
bool database_is_new(const struct database *database);

/* The offset to go on at, as replay_spec.first_offset wants it (context: the database): that of the record
 * last read, which must come by once more, so that another log is noticed; -1: the beginning. */
int64_t database_first_offset(void *database, enum log_topic topic, int32_t partition);

/* Takes in one record, each lane in its order; value: the record's, or absent. *ret_new (may be NULL): false
 * where it was read before, which changes nothing. "database_other_log" where that one was another: the log
 * was re-created, or lost records that had been read. Begins a transaction where none is under way, and
 * commits it once it is large or old enough (10,000 records, 200 ms), so that a reader sees much at a time.
 */
must_check enum status database_apply(struct database *database, const struct fact *fact, struct view value,
        bool *ret_new, struct error *err);
/* Commits what was applied. To be called whenever nothing more comes for now. */
must_check enum status database_commit(struct database *database, struct error *err);
/* At the replay's end: whether every lane that was read before has shown its last record again. Nothing is
 * committed before they have. Fails with "database_other_log". */
must_check enum status database_check_lanes(const struct database *database, struct error *err);
/* Records committed since it was opened. */
uint64_t database_added(const struct database *database);

/* A question: one SQL statement with ? for each value bound, in order. Its errors show at query_next(), so
 * that binding needs no checks:
 *
 *	struct query *query = query_new(database, "SELECT state, accepted FROM job WHERE package = ?");
 *	query_bind_text(query, package);
 *	while ((status = query_next(query, &row, err)) == STATUS_OK && row)
 *		use(query_text(query, 0), query_int(query, 1));
 *	query_free(query);
 *
 * All that is asked between database_begin_reading() and database_end_reading() is answered from one state of
 * the tables. Views are valid until the query's next call. */
struct query;
struct query *query_new(struct database *database, const char *sql);
void query_free(struct query *query);                         /* NULL is fine */
void query_bind_text(struct query *query, struct view text);  /* absent: NULL; the text is copied */
void query_bind_words(struct query *query, const char *text); /* the same of a C string */
void query_bind_int(struct query *query, int64_t value);
void query_bind_null(struct query *query);
/* Not copied: they must live until the query is reset or freed. */
void query_bind_borrowed(struct query *query, struct view text);
void query_bind_blob(struct query *query, struct view bytes);
must_check enum status query_next(struct query *query, bool *ret_row, struct error *err);
void query_reset(struct query *query); /* to be bound and asked again */

/* Columns of the row, from 0. NULL reads as 0 or the absent view. */
int query_columns(const struct query *query);
const char *query_name(const struct query *query, int column);
bool query_is_null(struct query *query, int column);
bool query_is_int(struct query *query, int column);
int64_t query_int(struct query *query, int column);
struct view query_text(struct query *query, int column); /* also of BLOBs */

/* All that is asked from now on must be answered within this time: what is not fails with "database_slow"
 * (STATUS_RETRY). 0: as long as it takes, as at first. */
void database_set_time(struct database *database, int64_t ms);

must_check enum status database_begin_reading(struct database *database, struct error *err);
void database_end_reading(struct database *database);

/* The one statement that gives one number: count(*) and the like. */
must_check enum status database_number(
        struct database *database, const char *sql, int64_t *ret, struct error *err);

#endif
