/* A distribution point's attempts: what an answer means, when to try again, and what time brings. */
#include "updater/switch_state.h"

#include "base/memory.h"
#include "engine/back_off.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void point_say(const struct turn *turn, struct switch_point *point)
{
	switch_note_pending(turn->state, point);
	turn_say(turn, &(struct switch_fact){.kind = FACT_POINT_ROW, .point = point});
}

/* A status is said on changes only, so a point's attempt and state name it. */
static void say_point_status(const struct turn *turn, const struct switch_point *point, const char *version,
        enum dp_state state, const struct error *err)
{
	char id[DIGEST_NAME_SIZE], attempt[24];

	snprintf(attempt, sizeof(attempt), "%u", point->attempt);
	fact_id(id, "point status", turn->state->package_id, point->name, attempt, dp_state_name(state),
	        NULL);
	struct dp_status status = {.id = id,
	        .time_ms = turn->now_ms,
	        .package_id = turn->state->package_id,
	        .version = version,
	        .distribution_point = point->name,
	        .state = state,
	        .attempt = err ? point->failures : point->failures + 1,
	        .error_code = err ? err->code : NULL,
	        .error_message = err ? err->message : NULL,
	        .retryable = err != NULL,
	        .next_retry_ms = err ? point->next_ms : 0};

	turn_say(turn, &(struct switch_fact){.kind = FACT_POINT_STATUS,
	                       .point_status = &status,
	                       .traceparent = point->desired.traceparent});
}

static struct job_part part_of(const struct switch_point *point)
{
	const struct switch_release *desired = &point->desired;

	return (struct job_part){.job_id = desired->job_id,
	        .version = desired->version,
	        .distribution_point = point->name,
	        .position = desired->job_position,
	        .targets = desired->targets,
	        .traceparent = desired->traceparent};
}

void point_resolve(
        const struct turn *turn, struct switch_point *point, enum job_state outcome, const char *detail)
{
	if (point->resolved)
		return;
	point->resolved = true;
	point->looking = false;
	struct job_part part = part_of(point);

	tally_resolve(turn, &part, outcome, detail);
}

void point_attempt(struct switch_point *point)
{
	point->phase = POINT_DUE;
	point->attempt++;
	point->next_ms = 0;
}

static void wait_until(struct switch_point *point, int64_t next_ms)
{
	point->phase = POINT_WAITING;
	point->next_ms = next_ms;
}

static int64_t retry_delay(const struct turn *turn, const struct switch_point *point)
{
	const struct switch_rules *rules = turn->state->rules;
	char what[400];

	snprintf(what, sizeof(what), "%s/%s/%u", turn->state->package_id, point->name, point->attempt);
	return back_off_ms(point->failures, rules->retry_first_ms,
	        point->looking ? rules->look_most_ms : rules->retry_most_ms, view_text(what));
}

/* The pointer was seen as this task wants it: told where it is new. */
static bool say_updated(const struct turn *turn, struct switch_point *point, const struct switch_task *task)
{
	int32_t partition = turn->event->position.partition;
	bool same_disk = point->current_dp_id && strcmp(point->current_dp_id, task->dp_id) == 0;
	char id[DIGEST_NAME_SIZE];

	if (same_disk && point->current_offset == task->release_offset)
		return false;
	fact_id(id, "updated", task->package_id, task->distribution_point, task->release_id, task->staged_id,
	        NULL);
	struct updated_record updated = {.id = id,
	        .time_ms = turn->now_ms,
	        .package_id = task->package_id,
	        .version = task->version,
	        .previous_version = same_disk ? point->current_version : NULL,
	        .distribution_point = task->distribution_point,
	        .dp_id = task->dp_id,
	        .digest = task->digest,
	        .job_id = task->job_id,
	        .staged_id = task->staged_id,
	        .staged_position = {partition, task->staged_offset},
	        .release_id = task->release_id,
	        .release_position = {partition, task->release_offset}};

	turn_say(turn, &(struct switch_fact){
	                       .kind = FACT_UPDATED, .updated = &updated, .traceparent = task->traceparent});
	free(point->current_version);
	free(point->current_dp_id);
	point->current_version = memory_text(task->version);
	point->current_dp_id = memory_text(task->dp_id);
	point->current_offset = task->release_offset;
	return true;
}

static void seen_as_wanted(
        const struct turn *turn, struct switch_point *point, const struct switch_task *task)
{
	/* what was said to be retrying is said to be over, also where nothing else is new */
	if (say_updated(turn, point, task) || point->error_code[0])
		say_point_status(turn, point, task->version, DP_UPDATED, NULL);
	point->failures = 0;
	free(point->error_code);
	point->error_code = memory_text("");
}

static void answer_wanted(const struct turn *turn, struct switch_point *point)
{
	uint32_t done = SWITCH_RECHECKS - point->rechecks;

	point_resolve(turn, point, JOB_COMPLETED, NULL);
	point->phase = POINT_SETTLED;
	if (point->rechecks == 0)
		return;
	point->rechecks--;
	wait_until(point, turn->now_ms + turn->state->rules->recheck_ms[done]);
}

static bool is_power_of_two(uint32_t number)
{
	return (number & (number - 1)) == 0;
}

static void answer_unknown(
        const struct turn *turn, struct switch_point *point, const struct switch_answer *answer)
{
	bool canceled = strcmp(answer->err.code, "canceled") == 0; /* by ourselves: nobody's failure */
	bool news = strcmp(answer->err.code, point->error_code) != 0;
	int64_t delay, asked = answer->retry_after_ms;

	point->failures++;
	delay = retry_delay(turn, point);
	if (asked > delay)
		delay = asked < turn->state->rules->retry_most_ms ? asked : turn->state->rules->retry_most_ms;
	wait_until(point, turn->now_ms + delay);
	if (canceled || !(news || is_power_of_two(point->failures)))
		return;
	free(point->error_code);
	point->error_code = memory_text(answer->err.code);
	say_point_status(turn, point, point->desired.version, DP_RETRYING, &answer->err);
}

/* What the answer says of the desired release, which it was about. */
static void answer_desired(
        const struct turn *turn, struct switch_point *point, const struct switch_answer *answer)
{
	switch (answer->outcome) {
	case POINTER_IS_WANTED:
		answer_wanted(turn, point);
		break;
	case POINTER_IS_NEWER: /* a release that we have not read yet is there already */
		point_resolve(turn, point, JOB_SUPERSEDED, "its pointer shows a newer release");
		point->phase = POINT_SETTLED;
		break;
	case POINTER_IS_OTHER:
		if (answer->task->wish == POINTER_READ) { /* the deadline has passed; it stays desired */
			point_resolve(turn, point, JOB_EXPIRED, "it was not switched before the deadline");
			point_attempt(point);
			break;
		}
		answer_unknown(turn, point, answer);
		break;
	case POINTER_UNKNOWN:
		answer_unknown(turn, point, answer);
		break;
	}
}

/* Whether the answer is about what is desired now, from the evidence that counts now. */
static bool is_about_desired(
        const struct turn *turn, const struct switch_point *point, const struct switch_task *task)
{
	struct switch_task now;

	return switch_find_task(turn->state, point->name, task->attempt, &now) &&
	       now.release_offset == task->release_offset && now.staged_offset == task->staged_offset;
}

void point_answer(const struct turn *turn)
{
	const struct switch_answer *answer = turn->event->answer;
	const struct switch_task *task = answer->task;
	struct switch_point *point = table_find(&turn->state->points, task->distribution_point);

	if (!point || point->phase != POINT_DUE || point->attempt != task->attempt)
		return; /* only the wanted attempt has an answer */
	bool desired = is_about_desired(turn, point, task);

	/* A write may still be on its way to this disk, ours or that of a former owner of this state. */
	if ((answer->may_have_changed || point->unanswered) && !answer->refuses_older)
		point->rechecks = SWITCH_RECHECKS;
	point->unanswered = false;
	if (answer->outcome == POINTER_IS_WANTED)
		seen_as_wanted(turn, point, task);
	if (desired) {
		answer_desired(turn, point, answer);
	} else {
		/* on a disk that was replaced since */
		if (answer->outcome == POINTER_IS_WANTED && task->release_offset == point->desired.offset)
			point_resolve(turn, point, JOB_COMPLETED, NULL);
		point_attempt(point);
	}
	point_say(turn, point);
}

bool point_tick(const struct turn *turn, struct switch_point *point)
{
	int64_t deadline = point->desired.deadline_ms;
	bool changed = false;

	if (!point->resolved && point->looking && turn->now_ms >= deadline + turn->state->rules->grace_ms) {
		point_resolve(turn, point, JOB_EXPIRED,
		        "it was not switched before the deadline, and its pointer could not be read since");
		changed = true;
	}
	if (!point->resolved && !point->looking && turn->now_ms >= deadline) {
		point->looking = true;
		if (point->phase == POINT_WAITING)
			point->next_ms = turn->now_ms;
		changed = true;
	}
	if (point->phase == POINT_WAITING && turn->now_ms >= point->next_ms) {
		point_attempt(point);
		changed = true;
	}
	return changed;
}

bool point_remind(const struct turn *turn, struct switch_point *point)
{
	int64_t latest = turn->now_ms + turn->state->rules->retry_most_ms;

	if (point->phase != POINT_WAITING)
		return false;
	if (strcmp(point->error_code, "dp_unknown") == 0) {
		point_attempt(point);
		return true;
	}
	if (point->next_ms <= latest)
		return false;
	point->next_ms = latest;
	return true;
}
