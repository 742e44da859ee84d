/* What each event of a timeline says, in words. */
#include "auditor/log/place.h"
#include "auditor/timeline/timeline_show.h"
#include "command/moment.h"
#include "command/terminal.h"

#include <string.h>

enum { WORDS_MAX = 64 * 1024, NAMES_SHOWN = 8 };

void timeline_words_init(struct timeline_words *words)
{
	*words = (struct timeline_words){.sign = "", .colour = ""};
	buffer_init(&words->text, WORDS_MAX);
	buffer_init(&words->why, WORDS_MAX);
}

void timeline_words_release(struct timeline_words *words)
{
	buffer_release(&words->text);
	buffer_release(&words->why);
}

static const char *or_nothing(const char *text)
{
	return text ? text : "";
}

static bool is(const char *text, const char *word)
{
	return text && strcmp(text, word) == 0;
}

const char *timeline_state_colour(const char *state)
{
	if (is(state, "completed") || is(state, "updated") || is(state, "staged"))
		return COLOUR_GREEN;
	if (is(state, "failed") || is(state, "rejected") || is(state, "expired"))
		return COLOUR_RED;
	if (is(state, "retrying") || is(state, "held") || is(state, "pending"))
		return COLOUR_YELLOW;
	return is(state, "superseded") || is(state, "canceled") || is(state, "duplicate") ? COLOUR_DIM : "";
}

static const char *state_sign(const char *state)
{
	const char *colour = timeline_state_colour(state);

	if (is(state, "held"))
		return "◌";
	if (is(state, "retrying") || is(state, "pending"))
		return "↻";
	if (strcmp(colour, COLOUR_GREEN) == 0)
		return "✓";
	if (strcmp(colour, COLOUR_RED) == 0)
		return "✗";
	return strcmp(colour, COLOUR_DIM) == 0 ? "–" : "·";
}

/* "paris, tokyo and 12 more" */
static void add_names(struct buffer *text, const struct timeline_event *event)
{
	const char *end = or_nothing(event->names);
	uint32_t shown = 0;

	while (*end && shown < NAMES_SHOWN) {
		end += strcspn(end, ",");
		shown++;
		if (*end && shown < NAMES_SHOWN)
			end += 2;
	}
	buffer_add(text, or_nothing(event->names), (size_t)(end - or_nothing(event->names)));
	if (shown < event->name_count)
		buffer_add_format(text, " and %u more", event->name_count - shown);
}

static void add_why(struct timeline_words *words, const struct timeline_event *event)
{
	const char *detail = or_nothing(event->detail), *reason = or_nothing(event->reason);

	buffer_add_text(&words->why, detail);
	if (reason[0])
		buffer_add_format(&words->why, detail[0] ? " (%s)" : "%s", reason);
}

static void say_submitted(struct timeline_words *words, const struct timeline_event *event)
{
	struct buffer *text = &words->text;

	words->sign = "→";
	words->colour = COLOUR_BOLD;
	buffer_add_format(text, "%s %s submitted as %s", event->job_type ? event->job_type : "job",
	        or_nothing(event->version), or_nothing(event->job_id));
	if (event->requested_by)
		buffer_add_format(text, " by %s", event->requested_by);
	if (event->name_count) {
		buffer_add_text(text, " for ");
		add_names(text, event);
	}
	if (is(event->gate, "all"))
		buffer_add_text(text, ", gate all");
	if (event->origin)
		buffer_add_format(
		        text, ", %s %s", event->redriven ? "redriven from" : "sent on from", event->origin);
}

static void say_held(
        const struct timeline_job *job, struct timeline_words *words, const struct timeline_event *event)
{
	struct buffer *text = &words->text;
	const char *still = job && job->held_ms < event->time_ms ? "still " : "";

	if (!event->waiting_targets) {
		buffer_add_format(text, "%s %sheld: version %s is not created yet", or_nothing(event->job_id),
		        still, or_nothing(event->version));
		return;
	}
	buffer_add_format(text, "%s %sheld: %u of %u staged, waiting for ", or_nothing(event->job_id), still,
	        event->waiting_staged, event->waiting_targets);
	add_names(text, event);
}

static void say_ended(
        const struct timeline_job *job, struct timeline_words *words, const struct timeline_event *event)
{
	struct buffer *text = &words->text;
	int64_t held_until = job && job->released_ms ? job->released_ms : event->time_ms;

	buffer_add_format(text, "%s %s", or_nothing(event->job_id), or_nothing(event->state));
	if (event->took_ms >= 0)
		buffer_add_format(text, " after %s", span_text(event->took_ms));
	if (job && job->held_ms)
		buffer_add_format(text, ", held %s of it", span_text(held_until - job->held_ms));
	add_why(words, event);
}

static void say_job_status(
        const struct timeline_job *job, struct timeline_words *words, const struct timeline_event *event)
{
	words->colour = timeline_state_colour(event->state);
	words->sign = state_sign(event->state);
	if (event->final) {
		say_ended(job, words, event);
		return;
	}
	if (is(event->state, "held")) {
		say_held(job, words, event);
		return;
	}
	buffer_add_format(&words->text, "%s %s", or_nothing(event->job_id), or_nothing(event->state));
	if (event->name_count) {
		buffer_add_text(&words->text, " for ");
		add_names(&words->text, event);
	}
	if (event->deadline_ms)
		buffer_add_format(&words->text, ", deadline %s", moment_text(event->deadline_ms));
	add_why(words, event);
}

static void say_staged(struct timeline_words *words, const struct timeline_event *event)
{
	struct buffer *text = &words->text;
	char bytes[BYTES_SIZE];

	words->sign = "✓";
	words->colour = COLOUR_GREEN;
	bytes_format(event->bytes, bytes);
	buffer_add_format(text, "%s: %s staged", or_nothing(event->point), or_nothing(event->version));
	if (event->took_ms >= 0)
		buffer_add_format(text, " in %s", span_text(event->took_ms));
	if (event->attempt > 1)
		buffer_add_format(text, ", attempt %u", event->attempt);
	buffer_add_format(text, ": %ju %s, %s, %s", (uintmax_t)event->files,
	        event->files == 1 ? "file" : "files", bytes,
	        is(event->read_back, "size") ? "sizes compared" : "read back");
}

static void say_released(struct timeline_words *words, const struct timeline_event *event)
{
	bool released = event->type == FACT_RELEASE;

	words->sign = released ? "▸" : "–";
	words->colour = released ? "" : COLOUR_DIM;
	buffer_add_format(&words->text, "%s: %s %s %s", or_nothing(event->point), or_nothing(event->version),
	        released ? "released for" : "withheld from", or_nothing(event->job_id));
	if (event->took_ms >= 0)
		buffer_add_format(&words->text, ", held %s", span_text(event->took_ms));
	add_why(words, event);
}

static void say_updated(struct timeline_words *words, const struct timeline_event *event)
{
	words->sign = "✓";
	words->colour = COLOUR_GREEN;
	buffer_add_format(
	        &words->text, "%s: %s is current", or_nothing(event->point), or_nothing(event->version));
	if (event->previous_version)
		buffer_add_format(&words->text, ", was %s", event->previous_version);
	if (event->took_ms >= 0)
		buffer_add_format(&words->text, ", %s after its release", span_text(event->took_ms));
}

static void say_point(struct timeline_words *words, const struct timeline_event *event)
{
	struct buffer *text = &words->text;
	char at[TIMESTAMP_SIZE];

	words->sign = state_sign(event->state);
	words->colour = timeline_state_colour(event->state);
	buffer_add_format(text, "%s: %s %s", or_nothing(event->point), or_nothing(event->version),
	        or_nothing(event->state));
	if (event->attempt && !is(event->state, "updated"))
		buffer_add_format(text, is(event->state, "retrying") ? " after attempt %u" : ", attempt %u",
		        event->attempt);
	if (event->next_retry_ms) {
		timestamp_format(event->next_retry_ms, at);
		buffer_add_format(text, ", again at %.12s", at + 11);
	}
	add_why(words, event);
}

void timeline_words_of(
        const struct timeline *timeline, const struct timeline_event *event, struct timeline_words *ret)
{
	const struct timeline_job *job =
	        event->job >= 0 ? timeline_job_at(timeline, (size_t)event->job) : NULL;

	buffer_clear(&ret->text);
	buffer_clear(&ret->why);
	switch (event->type) {
	case FACT_JOB:
		say_submitted(ret, event);
		return;
	case FACT_JOB_STATUS:
		say_job_status(job, ret, event);
		return;
	case FACT_STAGED:
		say_staged(ret, event);
		return;
	case FACT_RELEASE:
	case FACT_WITHHELD:
		say_released(ret, event);
		return;
	case FACT_UPDATED:
		say_updated(ret, event);
		return;
	case FACT_POINT:
		say_point(ret, event);
		return;
	case FACT_DUPLICATE:
		ret->sign = "–";
		ret->colour = COLOUR_DIM;
		buffer_add_format(&ret->text, "%s sent again (%s): a duplicate, without effect",
		        or_nothing(event->job_id), or_nothing(event->origin));
		return;
	case FACT_DEAD_LETTER:
	case FACT_UNREADABLE:
		ret->sign = "✗";
		ret->colour = COLOUR_RED;
		if (event->type == FACT_UNREADABLE)
			buffer_add_text(&ret->text, "a record that cannot be read");
		else
			buffer_add_format(&ret->text, "dead letter of %s",
			        event->origin ? event->origin : "nobody knows what");
		add_why(ret, event);
		return;
	}
}
