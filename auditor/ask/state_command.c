/* holdpoint-auditor state: what was staged and current where, now or at any moment. */
#include "auditor/ask/commands.h"
#include "auditor/ask/jobs.h"
#include "auditor/ask/matrix.h"
#include "auditor/history/history.h"
#include "auditor/history/rows.h"
#include "auditor/reading/cut.h"
#include "auditor/reading/question.h"
#include "auditor/reading/reading.h"
#include "base/clock.h"
#include "base/memory.h"
#include "command/moment.h"
#include "command/paragraph.h"
#include "command/terminal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct option_spec state_options[] = {
        CUT_OPTIONS,
        OPTION_JSON,
        OPTION_TIMEOUT,
        REPLAY_OPTIONS,
        {.name = NULL},
};

static const struct command_spec state_command = {
        .name = "holdpoint-auditor state",
        .usage = "[OPTION]… [PACKAGE]",
        .summary = "Tells which version is current on which distribution point and what is coming there, now "
                   "or as of any earlier moment; of one package at length. As of a record means: that record "
                   "and those before it in its partition, and of all other partitions and topics the records "
                   "whose time in the log is not later than its.",
        .examples = "holdpoint-auditor state -b localhost:9092\n"
                    "holdpoint-auditor state HELLO -b localhost:9092 --at-time 2026-11-22T10:00:00Z\n"
                    "holdpoint-auditor state -b localhost:9092 --at-position status/3/1041 --json\n",
        .options = state_options,
        .kafka = true,
        .most_arguments = 1,
};

struct asked {
	const char *package; /* NULL: all */
	struct cut cut;
	int64_t now_ms; /* of the cut */
	struct database *database;
};

/* ---- all ---- */

/* "as of 2026-…: 5 current, 1 retrying" */
static enum status print_summary(const struct asked *asked, struct error *err)
{
	struct query *query = query_new(asked->database,
	        "SELECT state, count(*) FROM current_state GROUP BY state ORDER BY count(*) DESC, state");
	bool row = false, first = true;
	enum status status;

	printf("As of %s", moment_text(asked->now_ms));
	while ((status = query_next(query, &row, err)) == STATUS_OK && row) {
		char *state = row_text(query, 0);

		printf("%s%" PRId64 " %s", first ? ": " : ", ", query_int(query, 1), state);
		first = false;
		free(state);
	}
	fputs("\n\n", stdout);
	query_free(query);
	return status;
}

static enum status print_all(const struct asked *asked, struct error *err)
{
	size_t packages;
	int64_t cells;

	if (database_number(asked->database, "SELECT count(*) FROM current_state", &cells, err) != STATUS_OK)
		return err->status;
	if (!cells) {
		printf("Nothing was wanted or staged anywhere as of %s.\n", moment_text(asked->now_ms));
		return STATUS_OK;
	}
	if (print_summary(asked, err) != STATUS_OK)
		return err->status;
	struct query *query = state_ask(asked->database, NULL);
	enum status status = matrix_print(query, stdout, &packages, err);

	query_free(query);
	return status;
}

/* ---- one package ---- */

enum { NAMES_SHOWN = 3 };

static void add_text(struct grid *grid, struct query *query, int column, const char *colour)
{
	char *text = row_text(query, column);

	grid_cell(grid, text, colour);
	free(text);
}

static void add_place(struct grid *grid, struct query *query, int column, enum log_topic topic)
{
	struct place place = {.topic = topic};
	char *text = row_text(query, column);
	struct error err;

	if (text && place_parse(text, "", &place, &err) == STATUS_OK)
		grid_cell(grid, place_text(place.topic, place.position), COLOUR_DIM);
	else
		grid_cell(grid, "", NULL);
	free(text);
}

/* "1.2 retrying" */
static char *coming_words(struct query *query, const char *state)
{
	char *coming = row_text(query, STATE_COMING);
	char *words = coming ? memory_format("%s %s", coming, state) : memory_text("");

	free(coming);
	return words;
}

static enum status print_points(const struct asked *asked, struct error *err)
{
	static const char *const headings[] = {"POINT", "CURRENT", "SINCE", "JOB", "COMING", "EVIDENCE"};
	struct query *query = state_ask(asked->database, asked->package);
	struct grid *grid = grid_new(6, headings);
	bool row = false;
	enum status status;

	while ((status = query_next(query, &row, err)) == STATUS_OK && row) {
		char *state = row_text(query, STATE_STATE), *coming = coming_words(query, state);

		add_text(grid, query, STATE_POINT, COLOUR_BOLD);
		add_text(grid, query, STATE_LIVE, NULL);
		grid_cell(grid,
		        moment_column(
		                query_int(query, STATE_UPDATED), asked->now_ms, paragraph_is_narrow(stdout)),
		        NULL);
		add_text(grid, query, STATE_JOB, NULL);
		grid_cell(grid, coming, state_colour(state));
		add_place(grid, query, STATE_UPDATED_PLACE, LOG_UPDATED);
		free(coming);
		free(state);
	}
	if (status == STATUS_OK && grid_rows(grid))
		grid_print(grid, stdout);
	else if (status == STATUS_OK)
		puts("Nothing of it was wanted or staged anywhere.");
	grid_free(grid);
	query_free(query);
	return status;
}

static void print_trouble(struct query *query)
{
	char *point = row_text(query, STATE_POINT), *code = row_text(query, STATE_ERROR),
	     *message = row_text(query, STATE_ERROR_MESSAGE), *state = row_text(query, STATE_STATE);
	char *coming = coming_words(query, state);
	bool colour = terminal_has_colour(stdout);
	struct buffer words;

	buffer_init(&words, 1 << 16);
	buffer_add_format(&words, "%s", coming);
	if (query_int(query, STATE_ATTEMPT) > 1)
		buffer_add_format(&words, ", attempt %" PRId64, query_int(query, STATE_ATTEMPT));
	if (query_int(query, STATE_NEXT_RETRY))
		buffer_add_format(&words, ", again at %s", moment_text(query_int(query, STATE_NEXT_RETRY)));
	buffer_add_format(&words, ": %s (%s)", message ? message : "", code);
	printf("%s%s:%s ", colour ? COLOUR_BOLD : "", point, colour ? COLOUR_OFF : "");
	paragraph_print(stdout, words.data, (int)strlen(point) + 2, 4, paragraph_width(stdout));
	putchar('\n');
	buffer_release(&words);
	free(point);
	free(code);
	free(message);
	free(state);
	free(coming);
}

static enum status print_troubles(const struct asked *asked, struct error *err)
{
	struct query *query = state_ask(asked->database, asked->package);
	bool row = false, any = false;
	enum status status;

	while ((status = query_next(query, &row, err)) == STATUS_OK && row) {
		if (query_is_null(query, STATE_ERROR))
			continue;
		if (!any)
			putchar('\n');
		any = true;
		print_trouble(query);
	}
	query_free(query);
	return status;
}

/* As much of it as people compare. */
static void add_digest(struct grid *grid, struct query *query, int column)
{
	struct view digest = query_text(query, column);
	char text[24];

	snprintf(text, sizeof(text), "%.*s", (int)(digest.len < 19 ? digest.len : 19),
	        digest.data ? digest.data : "");
	grid_cell(grid, text, COLOUR_DIM);
}

/* "osaka, paris", or of many "all 14", "12 of 14, not osaka, paris". */
static void add_where(struct grid *grid, struct query *query)
{
	int64_t count = query_int(query, 6), total = query_int(query, 7);
	char *where = row_text(query, 1), *missing = row_text(query, 8), *words = NULL;

	if (count > NAMES_SHOWN && count == total)
		words = memory_format("all %" PRId64, total);
	else if (count > NAMES_SHOWN)
		words = memory_format("%" PRId64 " of %" PRId64 "%s%s", count, total,
		        total - count <= NAMES_SHOWN ? ", not " : "",
		        total - count <= NAMES_SHOWN && missing ? missing : "");
	grid_cell(grid, words ? words : where, NULL);
	free(words);
	free(missing);
	free(where);
}

static enum status print_versions(const struct asked *asked, struct error *err)
{
	static const char *const headings[] = {"VERSION", "STAGED ON", "FILES", "SIZE", "FIRST", "DIGEST"};
	struct query *query = query_new(asked->database,
	        "WITH point AS (SELECT DISTINCT distribution_point FROM copy WHERE package = ?1), "
	        "here AS (SELECT * FROM staged_copy WHERE package = ?1 ORDER BY distribution_point) "
	        "SELECT version, group_concat(distribution_point, ', '), max(files), max(bytes), "
	        "min(staged), "
	        "max(digest), count(*), (SELECT count(*) FROM point), "
	        "(SELECT group_concat(distribution_point, ', ') FROM point WHERE distribution_point NOT IN "
	        "(SELECT distribution_point FROM here other WHERE other.version = here.version)) "
	        "FROM here GROUP BY version ORDER BY min(staged)");
	struct grid *grid = grid_new(6, headings);
	bool row = false;
	enum status status;

	query_bind_words(query, asked->package);
	while ((status = query_next(query, &row, err)) == STATUS_OK && row) {
		char bytes[BYTES_SIZE];

		add_text(grid, query, 0, COLOUR_BOLD);
		add_where(grid, query);
		add_text(grid, query, 2, NULL);
		bytes_format((uint64_t)query_int(query, 3), bytes);
		grid_cell(grid, bytes, NULL);
		grid_cell(grid,
		        moment_column(query_int(query, 4), asked->now_ms, paragraph_is_narrow(stdout)), NULL);
		add_digest(grid, query, 5);
	}
	if (status == STATUS_OK && grid_rows(grid)) {
		putchar('\n');
		grid_print(grid, stdout);
	}
	grid_free(grid);
	query_free(query);
	return status;
}

static enum status print_open_jobs(const struct asked *asked, struct error *err)
{
	struct jobs_asked jobs = {.package = asked->package};
	struct query *query = jobs_ask(asked->database, &jobs);
	size_t count;

	putchar('\n');
	enum status status = jobs_print(query, asked->now_ms, stdout, &count, err);

	if (status == STATUS_OK && !count)
		puts("No job of it is open.");
	query_free(query);
	return status;
}

static enum status print_package(const struct asked *asked, struct error *err)
{
	bool colour = terminal_has_colour(stdout);

	printf("%s%s%s as of %s\n\n", colour ? COLOUR_BOLD : "", asked->package, colour ? COLOUR_OFF : "",
	        moment_text(asked->now_ms));
	if (print_points(asked, err) != STATUS_OK || print_troubles(asked, err) != STATUS_OK ||
	        print_versions(asked, err) != STATUS_OK)
		return err->status;
	return print_open_jobs(asked, err);
}

static enum status print_json(const struct asked *asked, struct error *err)
{
	struct query *query = state_ask(asked->database, asked->package);
	size_t count;
	enum status status = rows_print_json(query, NULL, stdout, &count, err);

	query_free(query);
	return status;
}

static enum status tell_state(const struct options *options, struct error *err)
{
	struct asked asked = {.now_ms = clock_wall_ms()};
	enum status status = cut_find(options, asked.now_ms, &asked.cut, err);

	if (options_argument_count(options))
		asked.package = options_argument(options, 0);
	if (status == STATUS_OK)
		status = history_read(options, &asked.cut, asked.package, &asked.database, err);
	if (status != STATUS_OK)
		return status;
	if (asked.cut.until_ms < asked.now_ms)
		asked.now_ms = asked.cut.until_ms;
	if (options_switch(options, "json"))
		status = print_json(&asked, err);
	else
		status = asked.package ? print_package(&asked, err) : print_all(&asked, err);
	database_close(asked.database);
	return status;
}

int run_state(int argc, char **argv)
{
	return question_run(&state_command, tell_state, argc, argv);
}
