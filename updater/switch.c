/* The switch: what a record of the staged topic changes, and who sees to the rest. */
#include "updater/switch_state.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECOND = 1000, MINUTE = 60 * SECOND };

const struct switch_rules switch_rules_default = {
        .retry_first_ms = SECOND / 2,
        .retry_most_ms = 5 * MINUTE,
        .look_most_ms = 5 * SECOND,
        .grace_ms = 60 * SECOND,
        .recheck_ms = {1 * SECOND, 5 * SECOND, 30 * SECOND},
};

void turn_say(const struct turn *turn, const struct switch_fact *fact)
{
	struct switch_fact whole = *fact;

	whole.state = turn->state;
	turn->out->say(turn->out, &whole);
}

static void say_dead_letter(const struct turn *turn, const char *code, const char *format, ...)
        printf_like(3, 4);

static void say_dead_letter(const struct turn *turn, const char *code, const char *format, ...)
{
	char *message = NULL;
	va_list arguments;

	va_start(arguments, format);
	if (vasprintf(&message, format, arguments) < 0)
		abort();
	va_end(arguments);
	turn_say(turn, &(struct switch_fact){.kind = FACT_DEAD_LETTER, .code = code, .message = message});
	free(message);
}

static void apply_staged(const struct turn *turn, const struct staged_record *record)
{
	struct switch_state *state = turn->state;
	char *name = switch_staged_name(record->version, record->distribution_point);
	struct switch_staged *staged = table_find(&state->staged, name);
	struct switch_point *point = table_find(&state->points, record->distribution_point);

	if (staged && strcmp(staged->digest, record->digest) != 0) {
		say_dead_letter(turn, "version_changed",
		        "version %s was staged on %s with %s before and now with %s: a version is immutable, "
		        "so this event is not believed; check who may write the staged topic",
		        record->version, record->distribution_point, staged->digest, record->digest);
		free(name);
		return;
	}
	if (staged && strcmp(staged->staged_id, record->id) == 0) {
		say_dead_letter(turn, "duplicate_staged",
		        "staged event %s was read before at offset %lld: this copy changes nothing",
		        record->id, (long long)staged->offset);
		free(name);
		return;
	}
	if (staged) {
		free(name);
		free(staged->staged_id);
		free(staged->dp_id);
	} else {
		staged = memory_alloc(sizeof(*staged));
		staged->name = name;
		table_add(&state->staged, staged);
	}
	staged->staged_id = memory_text(record->id);
	staged->dp_id = memory_text(record->dp_id);
	memcpy(staged->digest, record->digest, DIGEST_SIZE);
	staged->offset = turn->event->position.offset;
	turn_say(turn, &(struct switch_fact){.kind = FACT_STAGED_ROW, .staged = staged});
	/* The desired version came anew, perhaps on another disk: point to it there. What is under way asks
	 * again when it ends. */
	if (point && strcmp(point->desired.version, record->version) == 0 && point->phase != POINT_DUE) {
		point_attempt(point);
		point_say(turn, point);
	}
}

static bool is_same_job(const struct switch_release *release, const struct staged_record *record)
{
	return position_equal(release->job_position, record->job_position) &&
	       strcmp(release->job_id, record->job_id) == 0;
}

/* Whether this (job, distribution point) was heard of before: then the record is refused. */
static bool refuse_doubled(
        const struct turn *turn, const struct staged_record *record, const struct job_part *part)
{
	const struct switch_point *point = table_find(&turn->state->points, record->distribution_point);

	if (!(point && is_same_job(&point->desired, record)) && !tally_knows(turn->state, part))
		return false;
	say_dead_letter(turn, "duplicate_release",
	        "job %s (jobs/%d@%lld) was released to or withheld from %s before, or has ended: each "
	        "distribution point of a job hears once, so this record changes nothing",
	        record->job_id, (int)record->job_position.partition, (long long)record->job_position.offset,
	        record->distribution_point);
	return true;
}

static bool is_staged(const struct turn *turn, const struct staged_record *record)
{
	char *name = switch_staged_name(record->version, record->distribution_point);
	const struct switch_staged *staged = table_find(&turn->state->staged, name);

	free(name);
	return staged && strcmp(staged->staged_id, record->staged_id) == 0 &&
	       strcmp(staged->dp_id, record->dp_id) == 0 && strcmp(staged->digest, record->digest) == 0;
}

static void desire(const struct turn *turn, struct switch_point *point, const struct staged_record *record,
        const struct job_part *part)
{
	switch_release_clear(&point->desired);
	point->desired = (struct switch_release){
	        .version = memory_text(record->version),
	        .release_id = memory_text(record->id),
	        .job_id = memory_text(record->job_id),
	        .traceparent = memory_text(part->traceparent),
	        .job_position = record->job_position,
	        .offset = turn->event->position.offset,
	        .targets = record->targets,
	        .deadline_ms = record->deadline_ms,
	        .time_ms = record->time_ms,
	};
	point->resolved = false;
	point->looking = turn->now_ms >= record->deadline_ms;
	point->failures = 0;
	/* releases in quick succession must not use up the looks for a write that is late */
	if (point->rechecks > 0)
		point->rechecks = SWITCH_RECHECKS;
	if (point->phase != POINT_DUE)
		point_attempt(point);
}

static void apply_release(
        const struct turn *turn, const struct staged_record *record, const struct job_part *part)
{
	struct switch_point *point = table_find(&turn->state->points, record->distribution_point);

	if (!is_staged(turn, record)) {
		say_dead_letter(turn, SWITCH_FORGED,
		        "ALARM: release %s of version %s to %s has no staged event %s before it: it can only "
		        "be forged, and nothing is switched; check who may write the staged topic",
		        record->id, record->version, record->distribution_point, record->staged_id);
		if (part->position.offset >= 0) /* else nobody knows which job */
			tally_resolve(turn, part, JOB_FAILED, "its release had no staged event before it");
		return;
	}
	if (point && point->desired.job_position.offset > record->job_position.offset) {
		tally_resolve(turn, part, JOB_SUPERSEDED, "a later job's update was released there before");
		return;
	}
	if (point) {
		point_resolve(turn, point, JOB_SUPERSEDED, "a newer update was released there");
	} else {
		point = memory_alloc(sizeof(*point));
		point->name = memory_text(record->distribution_point);
		point->error_code = memory_text("");
		timer_init(&point->pending);
		table_add(&turn->state->points, point);
	}
	desire(turn, point, record, part);
	point_say(turn, point);
}

static enum job_state withheld_outcome(const char *reason)
{
	static const enum job_state outcomes[] = {JOB_EXPIRED, JOB_SUPERSEDED, JOB_CANCELED};

	for (size_t i = 0; i < sizeof(outcomes) / sizeof(*outcomes); i++)
		if (strcmp(reason, job_state_name(outcomes[i])) == 0)
			return outcomes[i];
	return JOB_FAILED;
}

static void apply_record(const struct turn *turn)
{
	const struct staged_record *record = turn->event->record;

	if (record->type == STAGED_STAGED) {
		apply_staged(turn, record);
		return;
	}
	struct view trace = turn->event->traceparent;
	char *traceparent = trace.data ? memory_copy(trace.data, trace.len) : NULL;
	struct job_part part = {.job_id = record->job_id,
	        .version = record->version,
	        .distribution_point = record->distribution_point,
	        .position = record->job_position,
	        .targets = record->targets,
	        .traceparent = traceparent};

	if (record->targets < 1 || record->targets > JOB_TARGETS_MAX)
		say_dead_letter(turn, "invalid_field", "targets: must be 1 to %d, not %u", JOB_TARGETS_MAX,
		        record->targets);
	else if (refuse_doubled(turn, record, &part))
		; /* said */
	else if (part.position.offset < 0 && (record->type != STAGED_RELEASE || is_staged(turn, record)))
		say_dead_letter(turn, "missing_field",
		        "job_position: missing, so it cannot be told which job this is about");
	else if (record->type == STAGED_RELEASE)
		apply_release(turn, record, &part);
	else
		tally_resolve(turn, &part, withheld_outcome(record->reason), record->detail);
	free(traceparent);
}

static void apply_to_all(
        const struct turn *turn, bool (*apply)(const struct turn *turn, struct switch_point *point))
{
	for (size_t i = 0; i < turn->state->points.count; i++)
		if (apply(turn, turn->state->points.items[i]))
			point_say(turn, turn->state->points.items[i]);
}

void switch_apply(
        struct switch_state *state, const struct switch_event *event, int64_t now_ms, struct switch_out *out)
{
	struct turn turn = {state, event, now_ms, out};

	switch (event->kind) {
	case SWITCH_RECORD:
		apply_record(&turn);
		break;
	case SWITCH_ANSWER:
		point_answer(&turn);
		break;
	case SWITCH_TICK:
		apply_to_all(&turn, point_tick);
		break;
	case SWITCH_CATALOGUE:
		apply_to_all(&turn, point_remind);
		break;
	}
}
