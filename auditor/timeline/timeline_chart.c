/* The jobs of a timeline as bars over time: what waited, worked, and was tried again, when. */
#include "auditor/timeline/timeline_show.h"
#include "base/memory.h"
#include "base/table.h"
#include "command/command.h"
#include "command/moment.h"
#include "command/terminal.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS_MAX = 24, JOBS_MAX = 12, LABEL_MAX = 32, END_WIDTH = 20, BAR_MAX = 80, LEAST_BAR = 16 };

enum mode { IDLE, WAITS, WORKS, RETRIES };

struct row {
	const char *name; /* of a distribution point; first, as struct table wants it; of a job "" */
	const struct timeline_job *job;
	char cells[BAR_MAX]; /* of enum mode */
	enum mode mode;
	int64_t since_ms;
	const char *state; /* what it came to: of a distribution point that of its last event */
	int64_t began_ms, ended_ms;
	uint32_t attempts;
};

struct chart {
	const struct timeline *timeline;
	const struct timeline_view *view;
	int64_t from_ms, until_ms;
	int label, bar; /* columns */
	struct row jobs[JOBS_MAX];
	struct table points[JOBS_MAX]; /* of each job: rows */
	size_t job_index[JOBS_MAX], job_count, left_out;
	bool with_points;
};

static bool is(const char *text, const char *word)
{
	return text && strcmp(text, word) == 0;
}

/* ---- bars ---- */

static int column_of(const struct chart *chart, int64_t ms)
{
	int64_t span = chart->until_ms - chart->from_ms;
	int64_t column = span > 0 ? (ms - chart->from_ms) * chart->bar / span : 0;

	return column < 0 ? 0 : column >= chart->bar ? chart->bar - 1 : (int)column;
}

/* The row was in its mode until now, and is in another from now on. */
static void enter(const struct chart *chart, struct row *row, int64_t ms, enum mode mode)
{
	if (row->mode != IDLE)
		for (int i = column_of(chart, row->since_ms); i <= column_of(chart, ms); i++)
			row->cells[i] = (char)row->mode;
	if (row->mode == IDLE && mode != IDLE && !row->began_ms)
		row->began_ms = ms;
	row->mode = mode;
	row->since_ms = ms;
	row->ended_ms = mode == IDLE ? ms : 0;
}

static void draw_job(const struct chart *chart, struct row *row)
{
	const struct timeline_job *job = row->job;

	row->state = job->state;
	enter(chart, row, job->sent_ms, WORKS);
	if (job->held_ms)
		enter(chart, row, job->held_ms, WAITS);
	if (job->released_ms && job->held_ms)
		enter(chart, row, job->released_ms, WORKS);
	if (job->ended_ms)
		enter(chart, row, job->ended_ms, IDLE);
	else if (row->mode != IDLE)
		enter(chart, row, chart->until_ms, row->mode);
}

static struct row *point_row(struct chart *chart, size_t job, const char *name)
{
	struct row *row = table_find(&chart->points[job], name);
	const struct timeline_job *of = chart->jobs[job].job;

	if (row)
		return row;
	row = memory_alloc(sizeof(*row));
	row->name = name;
	row->job = of;
	table_add(&chart->points[job], row);
	enter(chart, row, of->accepted_ms ? of->accepted_ms : of->sent_ms,
	        is(of->type, "update") && !of->has_content ? WAITS : WORKS);
	return row;
}

static void draw_point(struct chart *chart, struct row *row, const struct timeline_event *event)
{
	bool updates = is(row->job->type, "update");

	row->state = event->state;
	switch (event->type) {
	case FACT_STAGED:
		row->state = "staged";
		enter(chart, row, event->time_ms, updates ? WAITS : IDLE);
		break;
	case FACT_RELEASE:
		enter(chart, row, event->time_ms, WORKS);
		break;
	case FACT_WITHHELD:
		row->state = event->reason;
		enter(chart, row, event->time_ms, IDLE);
		break;
	case FACT_UPDATED:
		row->state = "updated";
		enter(chart, row, event->time_ms, IDLE);
		break;
	default:
		if (is(event->state, "retrying"))
			enter(chart, row, event->time_ms, RETRIES);
		else if (is(event->state, "failed"))
			enter(chart, row, event->time_ms, IDLE);
		else if (!event->echo)
			enter(chart, row, event->time_ms, WORKS);
	}
	if (event->attempt > row->attempts)
		row->attempts = event->attempt;
}

static void draw_points(struct chart *chart, size_t job)
{
	for (size_t i = 0; i < timeline_count(chart->timeline); i++) {
		const struct timeline_event *event = timeline_at(chart->timeline, i);

		if (event->point && !event->echo && timeline_is_of(chart->timeline, i, chart->job_index[job]))
			draw_point(chart, point_row(chart, job, event->point), event);
	}
	for (size_t i = 0; i < chart->points[job].count; i++) {
		struct row *row = chart->points[job].items[i];

		if (row->mode != IDLE)
			enter(chart, row,
			        chart->jobs[job].ended_ms ? chart->jobs[job].ended_ms : chart->until_ms,
			        chart->jobs[job].ended_ms ? IDLE : row->mode);
	}
}

/* ---- what is drawn ---- */

/* Of each job whether something of it is shown: one look at all events, there may be many of both. */
static bool *find_shown(const struct chart *chart)
{
	bool *shown = memory_alloc((timeline_job_count(chart->timeline) + 1) * sizeof(*shown));

	for (size_t i = 0; i < timeline_count(chart->timeline); i++) {
		int job = timeline_at(chart->timeline, i)->job;

		if (chart->view->shown[i] && job >= 0)
			shown[job] = true;
	}
	return shown;
}

static bool is_drawn(const struct chart *chart, const bool *shown, size_t job)
{
	if (chart->view->job >= 0)
		return chart->view->job == (int)job;
	return shown[job] && !is(timeline_job_at(chart->timeline, job)->state, "duplicate");
}

/* The newest jobs, oldest first. */
static void choose_jobs(struct chart *chart)
{
	bool *shown = find_shown(chart);

	for (size_t i = 0; i < timeline_job_count(chart->timeline); i++) {
		if (!is_drawn(chart, shown, i))
			continue;
		if (chart->job_count == JOBS_MAX) {
			memmove(chart->job_index, chart->job_index + 1,
			        (JOBS_MAX - 1) * sizeof(*chart->job_index));
			chart->job_count--;
			chart->left_out++;
		}
		chart->job_index[chart->job_count++] = i;
	}
	free(shown);
	for (size_t i = 0; i < chart->job_count; i++)
		chart->jobs[i] = (struct row){
		        .name = "", .job = timeline_job_at(chart->timeline, chart->job_index[i])};
}

/* To the last event: what is open goes on from there, maybe for days. */
static void choose_span(struct chart *chart)
{
	int64_t last_ms = timeline_at(chart->timeline, timeline_count(chart->timeline) - 1)->time_ms;

	chart->from_ms = INT64_MAX;
	for (size_t i = 0; i < chart->job_count; i++) {
		const struct timeline_job *job = chart->jobs[i].job;
		int64_t end_ms = job->ended_ms ? job->ended_ms : last_ms;

		chart->from_ms = job->sent_ms < chart->from_ms ? job->sent_ms : chart->from_ms;
		chart->until_ms = end_ms > chart->until_ms ? end_ms : chart->until_ms;
	}
}

static void job_label(const struct timeline_job *job, char label[4 * LABEL_MAX])
{
	snprintf(label, 4 * LABEL_MAX, "%s %s  %s", job->type ? job->type : "job",
	        job->version ? job->version : "?", job->id ? job->id : "");
}

static void choose_widths(struct chart *chart)
{
	int total = chart->view->width ? chart->view->width : 100;

	for (size_t i = 0; i < chart->job_count; i++) {
		char label[4 * LABEL_MAX];
		int width;

		job_label(chart->jobs[i].job, label);
		width = (int)strlen(label);
		chart->label = width > chart->label ? width : chart->label;
		for (size_t k = 0; chart->with_points && k < chart->points[i].count; k++) {
			width = 2 + (int)strlen(((struct row *)chart->points[i].items[k])->name);
			chart->label = width > chart->label ? width : chart->label;
		}
	}
	chart->label = chart->label > LABEL_MAX ? LABEL_MAX : chart->label;
	chart->bar = total - chart->label - END_WIDTH - 4;
	chart->bar = chart->bar > BAR_MAX ? BAR_MAX : chart->bar < LEAST_BAR ? LEAST_BAR : chart->bar;
}

/* ---- printing ---- */

static void paint(const struct chart *chart, const char *colour)
{
	if (chart->view->colour)
		fputs(colour, chart->view->out);
}

static void print_bar(const struct chart *chart, const struct row *row)
{
	static const char *const glyphs[] = {" ", "┄", "━", "╌"};
	static const char *const colours[] = {"", COLOUR_YELLOW, COLOUR_GREEN, COLOUR_RED};

	for (int i = 0; i < chart->bar; i++) {
		if (i == 0 || row->cells[i] != row->cells[i - 1]) {
			paint(chart, i ? COLOUR_OFF : "");
			paint(chart, colours[(int)row->cells[i]]);
		}
		fputs(glyphs[(int)row->cells[i]], chart->view->out);
	}
	paint(chart, COLOUR_OFF);
}

static void print_end(const struct chart *chart, const struct row *row)
{
	bool open = !row->ended_ms;
	int64_t until_ms = open ? chart->view->now_ms : row->ended_ms;

	paint(chart, timeline_state_colour(row->state));
	fprintf(chart->view->out, "%s", row->state ? row->state : "");
	paint(chart, COLOUR_OFF);
	fprintf(chart->view->out, " %s%s", span_text(until_ms - row->began_ms), open ? " …" : "");
	if (row->attempts > 1)
		fprintf(chart->view->out, ", %u tries", row->attempts);
	fputc('\n', chart->view->out);
}

static void print_row(const struct chart *chart, const struct row *row, const char *label)
{
	char words[4 * LABEL_MAX];

	fprintf(chart->view->out, "%-*.*s  ", chart->label, chart->label,
	        printable(label, words, sizeof(words)));
	print_bar(chart, row);
	fputs("  ", chart->view->out);
	print_end(chart, row);
}

static void print_axis(const struct chart *chart)
{
	char from[TIMESTAMP_SIZE], until[TIMESTAMP_SIZE];

	timestamp_format(chart->from_ms, from);
	timestamp_format(chart->until_ms, until);
	paint(chart, COLOUR_DIM);
	fprintf(chart->view->out, "%*s  %.8s%*.8s  %s", chart->label, "", from + 11, chart->bar - 8,
	        until + 11, span_text(chart->until_ms - chart->from_ms));
	paint(chart, COLOUR_OFF);
	fputc('\n', chart->view->out);
}

static void print_points(const struct chart *chart, size_t job)
{
	for (size_t k = 0; k < chart->points[job].count; k++) {
		const struct row *row = chart->points[job].items[k];
		char label[4 * LABEL_MAX];

		snprintf(label, sizeof(label), "  %s", row->name);
		print_row(chart, row, label);
	}
}

static size_t row_count(struct chart *chart)
{
	size_t rows = chart->job_count;

	for (size_t i = 0; i < chart->job_count; i++)
		rows += chart->points[i].count;
	return rows;
}

/* Rows first, to know their labels; then once more, over the width that these leave. */
static void draw(struct chart *chart)
{
	chart->bar = LEAST_BAR;
	for (size_t i = 0; i < chart->job_count; i++)
		draw_points(chart, i);
	chart->with_points = row_count(chart) <= ROWS_MAX;
	choose_widths(chart);
	for (size_t i = 0; i < chart->job_count; i++) {
		table_release(&chart->points[i], free);
		chart->points[i] = (struct table){0};
		draw_job(chart, &chart->jobs[i]);
		if (chart->with_points)
			draw_points(chart, i);
	}
}

void timeline_print_chart(const struct timeline *timeline, const struct timeline_view *view)
{
	struct chart *chart = memory_alloc(sizeof(*chart));

	chart->timeline = timeline;
	chart->view = view;
	choose_jobs(chart);
	choose_span(chart);
	if (chart->job_count) {
		draw(chart);
		print_axis(chart);
	}
	for (size_t i = 0; i < chart->job_count; i++) {
		char label[4 * LABEL_MAX];

		job_label(chart->jobs[i].job, label);
		print_row(chart, &chart->jobs[i], label);
		print_points(chart, i);
		table_release(&chart->points[i], free);
	}
	if (chart->left_out)
		fprintf(view->out, "%zu earlier %s not drawn\n", chart->left_out,
		        chart->left_out == 1 ? "job is" : "jobs are");
	free(chart);
}
