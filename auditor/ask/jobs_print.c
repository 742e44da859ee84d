/* Lists of jobs, for people. */
#include "auditor/ask/jobs.h"
#include "auditor/history/rows.h"
#include "auditor/timeline/timeline_show.h"
#include "base/memory.h"
#include "command/moment.h"
#include "command/paragraph.h"
#include "command/terminal.h"

#include <stdlib.h>
#include <string.h>

enum { STATE_WIDTH = 8, INDENT = 4 };

/* "update HELLO 1.0" */
static char *what_of(struct query *query)
{
	char *type = row_text(query, JOB_TYPE), *package = row_text(query, JOB_PACKAGE),
	     *version = row_text(query, JOB_VERSION);
	char *what = memory_format("%s %s%s%s", type ? type : "job of", package ? package : "?",
	        version ? " " : "", version ? version : "");

	free(type);
	free(package);
	free(version);
	return what;
}

static void add_what(struct grid *grid, struct query *query)
{
	char *what = what_of(query);

	grid_cell(grid, what, NULL);
	free(what);
}

static void add_state(struct grid *grid, struct query *query)
{
	char *state = row_text(query, JOB_STATE);

	grid_cell(grid, state, timeline_state_colour(state));
	free(state);
}

/* What ends a table whose rows are in: it is shown, unless it is empty or its query failed. */
static enum status grid_end(struct grid *grid, enum status status, FILE *out, size_t *ret_count)
{
	*ret_count = grid_rows(grid);
	if (status == STATUS_OK && grid_rows(grid))
		grid_print(grid, out);
	grid_free(grid);
	return status;
}

/* Whose id is none has its place as name. */
static void add_id(struct grid *grid, struct query *query)
{
	char *id = row_text(query, JOB_ID), *place = row_text(query, JOB_PLACE);
	char *name = id && id[0] ? memory_text(id) : memory_format("jobs/%s", place);

	grid_cell(grid, name, NULL);
	free(name);
	free(id);
	free(place);
}

static char *why(struct query *query)
{
	char *detail = row_text(query, JOB_DETAIL), *reason = row_text(query, JOB_REASON);
	char *state = row_text(query, JOB_STATE), *words;

	if (strcmp(state, "held") == 0) {
		char *waits = row_text(query, JOB_WAITS_FOR);

		words = memory_format("waits for %s", waits ? waits : "?");
		free(waits);
	} else if (detail && reason) {
		words = memory_format("%s (%s)", detail, reason);
	} else {
		words = memory_text(detail ? detail : reason ? reason : "");
	}
	free(detail);
	free(reason);
	free(state);
	return words;
}

static int64_t first_of(struct query *query, int a, int b)
{
	return query_int(query, a) ? query_int(query, a) : query_int(query, b);
}

/* On a narrow terminal how long it took gives way to why. */
enum status jobs_print(struct query *query, int64_t now_ms, FILE *out, size_t *ret_count, struct error *err)
{
	static const char *const few[] = {"JOB", "WHAT", "STATE", "SUBMITTED", "WHY"};
	static const char *const all[] = {"JOB", "WHAT", "STATE", "SUBMITTED", "TOOK", "WHY"};
	bool row = false, narrow = paragraph_is_narrow(out);
	struct grid *grid = narrow ? grid_new(5, few) : grid_new(6, all);
	enum status status;

	while ((status = query_next(query, &row, err)) == STATUS_OK && row) {
		int64_t began = first_of(query, JOB_SUBMITTED, JOB_ACCEPTED),
		        ended = query_int(query, JOB_ENDED);
		char *words = why(query);

		add_id(grid, query);
		add_what(grid, query);
		add_state(grid, query);
		grid_cell(grid, moment_column(began, now_ms, narrow), NULL);
		if (!narrow)
			grid_cell(grid, began ? span_text((ended ? ended : now_ms) - began) : "", NULL);
		grid_cell(grid, words, NULL);
		free(words);
	}
	return grid_end(grid, status, out, ret_count);
}

static const char *span_of(int64_t ms, bool narrow, char text[SPAN_SIZE])
{
	return narrow ? span_format_short(ms, text) : span_format(ms, text);
}

enum status jobs_print_held(
        struct query *query, int64_t now_ms, FILE *out, size_t *ret_count, struct error *err)
{
	static const char *const headings[] = {"HELD FOR", "JOB", "WHAT", "STAGED", "ENDS IN", "WAITS FOR"};
	struct grid *grid = grid_new(6, headings);
	bool row = false, narrow = paragraph_is_narrow(out);
	enum status status;

	while ((status = query_next(query, &row, err)) == STATUS_OK && row) {
		int64_t targets = query_int(query, JOB_WAITING_TARGETS),
		        deadline = query_int(query, JOB_DEADLINE);
		char staged[48] = "", text[SPAN_SIZE], *words = row_text(query, JOB_WAITS_FOR);

		grid_cell(grid, span_of(now_ms - query_int(query, JOB_HELD), narrow, text), COLOUR_YELLOW);
		add_id(grid, query);
		add_what(grid, query);
		if (targets)
			snprintf(staged, sizeof(staged), "%lld of %lld",
			        (long long)query_int(query, JOB_WAITING_STAGED), (long long)targets);
		grid_cell(grid, staged, NULL);
		grid_cell(grid, deadline ? span_of(deadline - now_ms, narrow, text) : "", NULL);
		grid_cell(grid, words, NULL);
		free(words);
	}
	return grid_end(grid, status, out, ret_count);
}

/* "failed    create HELLO 1.2, c-bad, 2026-11-22T20:43:36Z (jobs/3@4)" */
static void print_dead(struct query *query, const char *state, FILE *out)
{
	char *id = row_text(query, JOB_ID), *place = row_text(query, JOB_PLACE), *what = what_of(query);
	char *words = memory_format("%s%s%s, %s (jobs/%s)", what, id && id[0] ? ", " : "", id ? id : "",
	        moment_text(first_of(query, JOB_ENDED, JOB_SUBMITTED)), place);
	bool colour = terminal_has_colour(out);

	fprintf(out, "%s%-*s%s  ", colour ? timeline_state_colour(state) : "", STATE_WIDTH, state,
	        colour ? COLOUR_OFF : "");
	paragraph_print(out, words, STATE_WIDTH + 2, INDENT, paragraph_width(out));
	fputc('\n', out);
	free(words);
	free(id);
	free(place);
	free(what);
}

enum status jobs_print_dead(struct query *query, FILE *out, size_t *ret_count, struct error *err)
{
	bool row = false;
	enum status status;

	*ret_count = 0;
	while ((status = query_next(query, &row, err)) == STATUS_OK && row) {
		char *state = row_text(query, JOB_STATE), *words = why(query);

		print_dead(query, state, out);
		if (words[0]) {
			fprintf(out, "%*s", INDENT, "");
			paragraph_print(out, words, INDENT, INDENT, paragraph_width(out));
			fputc('\n', out);
		}
		++*ret_count;
		free(state);
		free(words);
	}
	return status;
}
