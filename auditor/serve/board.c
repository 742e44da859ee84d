#include "auditor/serve/board.h"

#include "auditor/history/database_room.h"
#include "base/map.h"
#include "base/memory.h"

#include <stdlib.h>

/* From this many on, all are looked at in one go. */
enum { CHANGED_MAX = 5000 };

struct board {
	struct database *database;
	struct map *changed; /* package → board */
	bool all;            /* too many of them: everything is to be looked at */
	struct query *states, *asked_for, *put, *mark;
	struct buffer package; /* the one that is looked at */
};

/* board.sql, as it is, with a NUL behind it */
extern const char board_sql[];
__asm__(".pushsection .rodata\n"
        "board_sql: .incbin \"" HOLDPOINT_BOARD_SQL "\"\n"
        ".byte 0\n"
        ".popsection\n");

/* All that makes a package one that is listed, though it lies nowhere yet: the job itself was taken. */
#define TAKEN "state NOT IN ('submitted', 'rejected', 'dead_letter', 'rerouted', 'duplicate')"

static const char *const state_names[] = {
        "empty", "pending", "staging", "retrying", "failed", "staged", "updating", "current"};
enum { STATE_EMPTY = 1, STATE_COUNT = sizeof(state_names) / sizeof(*state_names) };

unsigned board_state(struct view name)
{
	for (unsigned i = 0; i < STATE_COUNT; i++)
		if (view_is(name, state_names[i]))
			return 1u << i;
	return 0;
}

/* How far the history goes: a board that was marked with it is of the same. */
#define READ_SO_FAR "(SELECT coalesce(sum(next_offset), 0) || '' FROM lane)"

static enum status is_current(struct database *database, bool *ret, struct error *err)
{
	int64_t same = 0;
	enum status status = database_number(database,
	        "SELECT count(*) FROM meta WHERE name = 'board' AND value = " READ_SO_FAR, &same, err);

	*ret = same > 0;
	return status;
}

enum status board_open(struct database *database, struct board **ret, struct error *err)
{
	bool current = false;
	enum status status = database_exec(database, board_sql, err);

	if (status == STATUS_OK)
		status = is_current(database, &current, err);
	if (status != STATUS_OK)
		return status;
	struct board *board = memory_alloc(sizeof(*board));
	board->database = database;
	board->changed = map_new();
	board->all = !current;
	buffer_init(&board->package, 4096);
	board->states = query_new(database, "SELECT DISTINCT state FROM current_state WHERE package = ?");
	board->asked_for = query_new(database, "SELECT 1 FROM job WHERE package = ? AND " TAKEN " LIMIT 1");
	board->put = query_new(database, "INSERT OR REPLACE INTO board_package VALUES (?, ?)");
	board->mark = query_new(database, "INSERT OR REPLACE INTO meta VALUES ('board', " READ_SO_FAR ")");
	*ret = board;
	return STATUS_OK;
}

void board_free(struct board *board)
{
	if (!board)
		return;
	query_free(board->states);
	query_free(board->asked_for);
	query_free(board->put);
	query_free(board->mark);
	map_free(board->changed, NULL);
	buffer_release(&board->package);
	free(board);
}

void board_note(struct board *board, const struct fact *fact)
{
	if (board->all || !fact->package.len || fact->topic == LOG_DLQ)
		return;
	if (map_count(board->changed) == CHANGED_MAX)
		board->all = true;
	else if (!map_get(board->changed, fact->package))
		map_put(board->changed, fact->package, board);
}

bool board_is_behind(const struct board *board)
{
	return board->all || map_count(board->changed) > 0;
}

static enum status put(struct board *board, struct view package, unsigned states, struct error *err)
{
	query_bind_borrowed(board->put, package);
	query_bind_int(board->put, states);
	return query_run(board->put, err);
}

static enum status read_states(
        struct board *board, struct view package, unsigned *ret_states, struct error *err)
{
	enum status status;
	bool row;

	query_bind_borrowed(board->states, package);
	while ((status = query_next(board->states, &row, err)) == STATUS_OK && row)
		*ret_states |= board_state(query_text(board->states, 0));
	query_reset(board->states);
	if (status != STATUS_OK || *ret_states)
		return status;
	query_bind_borrowed(board->asked_for, package);
	status = query_next(board->asked_for, &row, err);
	if (status == STATUS_OK && row)
		*ret_states = STATE_EMPTY;
	query_reset(board->asked_for);
	return status;
}

static enum status look_at(struct board *board, struct view package, struct error *err)
{
	unsigned states = 0;
	enum status status = read_states(board, package, &states, err);

	return status == STATUS_OK && states ? put(board, package, states, err) : status;
}

struct flush {
	struct board *board;
	enum status status;
	struct error *err;
};

static void look_at_changed(struct view package, void *value, void *context)
{
	struct flush *flush = context;

	(void)value;
	if (flush->status == STATUS_OK)
		flush->status = look_at(flush->board, package, flush->err);
}

/* Rows of one package follow each other. */
static enum status put_all(struct board *board, struct query *all, struct error *err)
{
	unsigned states = 0;
	enum status status;
	bool row;

	buffer_clear(&board->package);
	while ((status = query_next(all, &row, err)) == STATUS_OK && row) {
		struct view package = query_text(all, 0);
		if (states && !view_equal(package, buffer_view(&board->package))) {
			status = put(board, buffer_view(&board->package), states, err);
			if (status != STATUS_OK)
				return status;
			states = 0;
		}
		if (!states) {
			buffer_clear(&board->package);
			buffer_add(&board->package, package.data, package.len);
		}
		states |= board_state(query_text(all, 1));
	}
	if (status == STATUS_OK && states)
		status = put(board, buffer_view(&board->package), states, err);
	return status;
}

static enum status look_at_all(struct board *board, struct error *err)
{
	struct query *all =
	        query_new(board->database, "SELECT package, state FROM current_state ORDER BY package");
	enum status status = database_exec(board->database,
	        "DELETE FROM board_package;"
	        "INSERT INTO board_package SELECT DISTINCT package, 1 FROM job WHERE package <> '' "
	        "AND " TAKEN,
	        err);

	if (status == STATUS_OK)
		status = put_all(board, all, err);
	query_free(all);
	return status;
}

static enum status flush_in_transaction(struct board *board, struct error *err)
{
	struct flush flush = {board, STATUS_OK, err};

	if (board->all)
		flush.status = look_at_all(board, err);
	else
		map_each(board->changed, look_at_changed, &flush);
	return flush.status == STATUS_OK ? query_run(board->mark, err) : flush.status;
}

enum status board_flush(struct board *board, struct error *err)
{
	enum status status = database_exec(board->database, "BEGIN IMMEDIATE", err);

	if (status == STATUS_OK)
		status = flush_in_transaction(board, err);
	if (status == STATUS_OK)
		status = database_exec(board->database, "COMMIT", err);
	if (status != STATUS_OK)
		return status;
	map_free(board->changed, NULL);
	board->changed = map_new();
	board->all = false;
	return STATUS_OK;
}
