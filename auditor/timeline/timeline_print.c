/* The events of a timeline as lines for people, or as JSON for programs. */
#include "auditor/log/place.h"
#include "auditor/timeline/timeline_show.h"
#include "base/map.h"
#include "base/memory.h"
#include "command/moment.h"
#include "command/paragraph.h"
#include "command/terminal.h"
#include "schemas/json.h"

#include <stdlib.h>
#include <string.h>

enum { TIME_WIDTH = 12, AFTER_WIDTH = 11 };

/* ---- lines ---- */

static void paint(const struct timeline_view *view, const char *colour)
{
	if (view->colour)
		fputs(colour, view->out);
}

static int place_width(const struct timeline *timeline, const struct timeline_view *view)
{
	size_t widest = strlen("PLACE");

	for (size_t i = 0; i < timeline_count(timeline); i++) {
		const struct timeline_event *event = timeline_at(timeline, i);
		size_t width = view->shown[i] ? strlen(place_text(event->topic, event->position)) : 0;

		widest = width > widest ? width : widest;
	}
	return (int)widest;
}

/* The day's date, where it is another than that of the latest event so far. */
static void put_day(const struct timeline_view *view, int64_t last_ms, int64_t ms)
{
	char last[TIMESTAMP_SIZE], at[TIMESTAMP_SIZE];

	timestamp_format(last_ms, last);
	timestamp_format(ms, at);
	if (last_ms && memcmp(last, at, 10) == 0)
		return;
	paint(view, COLOUR_BOLD);
	fprintf(view->out, "%.10s", at);
	paint(view, COLOUR_OFF);
	fputc('\n', view->out);
}

static void put_event(const struct timeline_view *view, const struct timeline_event *event,
        const struct timeline_words *words, int64_t last_ms, int places)
{
	int indent = TIME_WIDTH + 2 + AFTER_WIDTH + 2 + places + 2;
	char at[TIMESTAMP_SIZE], after[SPAN_SIZE + 1] = "";

	timestamp_format(event->time_ms, at);
	if (last_ms && event->time_ms != last_ms)
		snprintf(after, sizeof(after), "%c%s", event->time_ms > last_ms ? '+' : '-',
		        span_text(llabs(event->time_ms - last_ms)));
	fprintf(view->out, "%.12s  %-*s  ", at + 11, AFTER_WIDTH, after);
	paint(view, COLOUR_DIM);
	fprintf(view->out, "%-*s  ", places, place_text(event->topic, event->position));
	paint(view, COLOUR_OFF);
	paint(view, words->colour);
	fprintf(view->out, "%s ", words->sign);
	paragraph_print(view->out, words->text.data, indent + 2, indent + 2, view->width);
	paint(view, COLOUR_OFF);
	fputc('\n', view->out);
	if (words->why.len == 0)
		return;
	fprintf(view->out, "%*s", indent + 4, "");
	paragraph_print(view->out, words->why.data, indent + 4, indent + 4, view->width);
	fputc('\n', view->out);
}

/* An error that the same version met on the same distribution point the time before is not told again. */
static void spare_why(struct map *told, const struct timeline_event *event, struct timeline_words *words)
{
	char key[160];
	char *last;

	if (event->type != FACT_POINT || !event->point || !event->version || !words->why.len)
		return;
	snprintf(key, sizeof(key), "%s/%s", event->version, event->point);
	last = map_put(told, view_text(key), memory_text(words->why.data));
	if (last && strcmp(last, words->why.data) == 0) {
		buffer_clear(&words->why);
		if (event->reason)
			buffer_add_format(&words->text, ": %s again", event->reason);
	}
	free(last);
}

static void put_why_back(const struct timeline_view *view)
{
	static const char words[] =
	        "A time with a minus is before that of a line above: what one transaction writes to several "
	        "topics their brokers stamp each for itself. Causes are told before what follows from them.";

	fputc('\n', view->out);
	paint(view, COLOUR_DIM);
	paragraph_print(view->out, words, 0, 0, view->width);
	paint(view, COLOUR_OFF);
	fputc('\n', view->out);
}

void timeline_print_events(const struct timeline *timeline, const struct timeline_view *view)
{
	struct map *told = map_new();
	struct timeline_words words;
	int places = place_width(timeline, view);
	int64_t last_ms = 0; /* the latest so far */
	bool back = false;

	timeline_words_init(&words);
	for (size_t i = 0; i < timeline_count(timeline); i++) {
		const struct timeline_event *event = timeline_at(timeline, i);

		if (!view->shown[i] || event->echo)
			continue;
		if (event->time_ms >= last_ms)
			put_day(view, last_ms, event->time_ms);
		timeline_words_of(timeline, event, &words);
		spare_why(told, event, &words);
		put_event(view, event, &words, last_ms, places);
		back = back || event->time_ms < last_ms;
		last_ms = event->time_ms > last_ms ? event->time_ms : last_ms;
	}
	if (back)
		put_why_back(view);
	timeline_words_release(&words);
	map_free(told, free);
}

/* ---- JSON ---- */

/* Of "paris, tokyo". */
static void put_names(struct buffer *out, const char *name, const char *names)
{
	json_key(out, name);
	json_begin(out, '[');
	while (*names) {
		size_t len = strcspn(names, ",");

		json_add_view(out, (struct view){names, len});
		names += len;
		names += strspn(names, ", ");
	}
	json_end(out, ']');
}

static void put_count(struct buffer *out, const char *name, uint64_t count)
{
	if (count)
		json_put_uint(out, name, count);
}

static void put_time(struct buffer *out, const char *name, int64_t ms)
{
	if (ms)
		json_put_time(out, name, ms);
}

/* As in the table event of an export. */
static const char *type_name(const struct timeline_event *event)
{
	switch (event->type) {
	case FACT_JOB:
		return event->job_type ? event->job_type : "unknown_job";
	case FACT_JOB_STATUS:
		return "job";
	case FACT_POINT:
		return "distribution_point";
	case FACT_DEAD_LETTER:
		return "dead_letter";
	default:
		return fact_type_name(event->type);
	}
}

static const char *took_name(enum fact_type type)
{
	switch (type) {
	case FACT_STAGED:
		return "staging_ms";
	case FACT_RELEASE:
	case FACT_WITHHELD:
		return "held_ms";
	case FACT_UPDATED:
		return "updating_ms";
	default:
		return "elapsed_ms";
	}
}

static void put_waiting(struct buffer *out, const struct timeline_event *event)
{
	json_key(out, "waiting_for");
	json_begin(out, '{');
	json_put_uint(out, "staged", event->waiting_staged);
	json_put_uint(out, "targets", event->waiting_targets);
	put_names(out, "missing", event->names ? event->names : "");
	json_end(out, '}');
}

static void put_texts(struct buffer *out, const struct timeline_event *event)
{
	json_put_text(out, "version", event->version);
	json_put_text(out, "previous_version", event->previous_version);
	json_put_text(out, "distribution_point", event->point);
	json_put_text(out, "job_id", event->job_id);
	json_put_text(out, "job_type", event->job_type);
	json_put_text(out, "requested_by", event->requested_by);
	json_put_text(out, "gate", event->gate);
	json_put_text(out, "state", event->state);
	json_put_text(out, "reason", event->reason);
	json_put_text(out, "detail", event->detail);
	json_put_text(out, "read_back", event->read_back);
	json_put_text(out, event->redriven ? "redriven_from" : "origin", event->origin);
}

void timeline_put_json(
        const struct timeline *timeline, const struct timeline_event *event, struct buffer *out)
{
	bool held = event->type == FACT_JOB_STATUS && event->state && strcmp(event->state, "held") == 0;

	json_begin(out, '{');
	json_put_time(out, "time", event->time_ms);
	place_put(out, "place", event->topic, event->position);
	json_put_text(out, "type", type_name(event));
	put_texts(out, event);
	if (event->job >= 0)
		place_put(out, "job", LOG_JOBS, timeline_job_at(timeline, (size_t)event->job)->position);
	if (event->type == FACT_JOB_STATUS)
		json_put_bool(out, "final", event->final);
	if (held)
		put_waiting(out, event);
	else if (event->name_count)
		put_names(out, "distribution_points", event->names);
	if (event->type == FACT_POINT && event->reason)
		json_put_bool(out, "retryable", event->retryable);
	put_count(out, "attempt", event->attempt);
	put_count(out, "targets", event->targets);
	if (event->type == FACT_STAGED) {
		json_put_uint(out, "files", event->files);
		json_put_uint(out, "bytes", event->bytes);
	}
	put_time(out, "deadline", event->deadline_ms);
	put_time(out, "next_retry", event->next_retry_ms);
	if (event->took_ms >= 0)
		json_put_int(out, took_name(event->type), event->took_ms);
	json_end(out, '}');
}
