/* Updates at the gate: what may go out, what is withheld, and what those that wait are told.
 *
 * What changes during an event only notes which updates it concerns, and which of their targets (look_at). At
 * the event's end updates_let_through() takes those in job order, each once for all that it was to look at.
 */
#include "base/memory.h"
#include "stager/gate_turn.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Invariant 3. */
static bool is_resolved(const struct gate_state *state, const struct gate_job *job, size_t target)
{
	const struct gate_point *point = gate_point_find(state, job->work->targets[target]);

	return job->work->withheld[target] ||
	       (point != NULL && point->released.offset >= job->position.offset);
}

static const struct gate_staging *target_staging(
        const struct gate_version *version, const struct gate_job *job, size_t target)
{
	return version == NULL ? NULL : gate_staging_find(version, job->work->targets[target]);
}

static bool has_phase(const struct gate_staging *staging, enum staging_phase phase)
{
	return staging != NULL && staging->phase == phase;
}

static void look_at(struct gate_turn *turn, struct gate_job *job, size_t first, size_t end)
{
	struct gate_work *work = job->work;

	if (!work->look || first < work->look_first)
		work->look_first = first;
	if (!work->look || end > work->look_end)
		work->look_end = end;
	work->look = true;
	if (job->position.offset < turn->look_from)
		turn->look_from = job->position.offset;
}

static void withhold_superseded(
        struct gate_turn *turn, struct gate_job *job, size_t target, const struct gate_point *point)
{
	char detail[200];

	snprintf(detail, sizeof(detail), "a later update (jobs/%d@%lld) was released there first",
	        (int)point->released.partition, (long long)point->released.offset);
	say_withheld(turn, job, point->name, "superseded", detail);
	look_at(turn, job, target, target + 1);
}

/* A release supersedes the older updates that are not resolved on its DP. */
static void release(struct gate_turn *turn, const struct gate_job *job, const struct gate_version *version,
        const struct gate_staging *staging)
{
	struct gate_point *point = gate_point_need(turn->state, staging->name);
	const struct gate_live *live = &turn->state->live;
	int64_t before = point->released.offset;

	assert(before < job->position.offset);
	say_release(turn, job, version, staging);
	point->released = job->position;
	touch_point(turn, point);
	for (size_t i = gate_live_from(live, before + 1); live->roll.jobs[i] != job; i++) {
		struct gate_job *older = live->roll.jobs[i];
		size_t target = gate_job_target(older, point->name);

		if (older->work->type == JOB_UPDATE && target < older->work->target_count &&
		        !older->work->withheld[target])
			withhold_superseded(turn, older, target, point);
	}
}

static void withhold(
        struct gate_turn *turn, struct gate_job *job, size_t target, const char *reason, const char *detail)
{
	say_withheld(turn, job, job->work->targets[target], reason, detail);
	job->work->withheld[target] = true;
	touch_job(turn, job);
}

void update_withhold_rest(
        struct gate_turn *turn, struct gate_job *job, const char *reason, const char *detail)
{
	for (size_t i = 0; i < job->work->target_count; i++)
		if (!is_resolved(turn->state, job, i))
			withhold(turn, job, i, reason, detail);
}

static void describe_failure(const struct gate_staging *staging, char *text, size_t size)
{
	snprintf(text, size, "staging on %s failed (%s): %s", staging->name, staging->error_code,
	        staging->error_message);
}

/* Gate all: one that failed ends it for all, and nothing goes out yet. */
static void target_advance(
        struct gate_turn *turn, struct gate_job *job, const struct gate_version *version, size_t target)
{
	const struct gate_staging *staging = target_staging(version, job, target);
	bool is_all = job->work->gate == GATE_ALL;
	char detail[ERROR_MESSAGE_MAX];

	if (is_resolved(turn->state, job, target))
		return;
	if (has_phase(staging, STAGING_FAILED)) {
		describe_failure(staging, detail, sizeof(detail));
		if (is_all)
			update_withhold_rest(turn, job, "failed", detail);
		else
			withhold(turn, job, target, "failed", detail);
	} else if (!is_all && has_phase(staging, STAGING_STAGED)) {
		release(turn, job, version, staging);
	}
}

static void release_rest(struct gate_turn *turn, struct gate_job *job, const struct gate_version *version)
{
	for (size_t i = 0; i < job->work->target_count; i++)
		if (!is_resolved(turn->state, job, i))
			release(turn, job, version, target_staging(version, job, i));
}

/* The status topic is kept for ever: of a large job every tenth of the way is said. */
static bool is_news(const struct gate_work *work, uint32_t staged)
{
	uint64_t steps = work->target_count < 10 ? work->target_count : 10;

	if (work->held_count == 0 || work->held_staged > work->target_count)
		return true;
	return staged != work->held_staged &&
	       staged * steps / work->target_count != work->held_staged * steps / work->target_count;
}

static uint32_t count_staged(const struct gate_version *version, const struct gate_job *job)
{
	uint32_t count = 0;

	for (size_t i = 0; i < job->work->target_count; i++)
		count += has_phase(target_staging(version, job, i), STAGING_STAGED);
	return count;
}

/* With either gate an update waits while one of its targets is neither resolved nor staged. */
static bool is_waited_for(const struct gate_state *state, const struct gate_version *version,
        const struct gate_job *job, size_t target)
{
	return !is_resolved(state, job, target) &&
	       !has_phase(target_staging(version, job, target), STAGING_STAGED);
}

static void tell_held(struct gate_turn *turn, struct gate_job *job, const struct gate_version *version)
{
	struct gate_work *work = job->work;
	const char **missing;
	size_t missing_count = 0;

	if (work->staged == GATE_UNCOUNTED)
		work->staged = count_staged(version, job);
	if (!is_news(work, work->staged))
		return;
	missing = memory_alloc((work->target_count + 1) * sizeof(*missing));
	for (size_t i = 0; i < work->target_count; i++)
		if (is_waited_for(turn->state, version, job, i))
			missing[missing_count++] = work->targets[i];
	work->held_count++;
	work->held_staged = work->staged;
	touch_job(turn, job);
	say_held(turn, job, missing, missing_count);
	free(missing);
}

static void update_advance(struct gate_turn *turn, struct gate_job *job)
{
	const struct gate_version *version = gate_version_find(turn->state, job->work->version);

	for (size_t i = job->work->look_first; i < job->work->look_end; i++)
		target_advance(turn, job, version, i);
	if (job->work->targets == NULL || job_waits(turn->state, version, job, is_waited_for)) {
		tell_held(turn, job, version);
		return;
	}
	release_rest(turn, job, version);
	job_end(turn, job);
}

void update_look_at(struct gate_turn *turn, struct gate_job *job)
{
	look_at(turn, job, 0, job->work->target_count);
}

static bool is_update_to(const struct gate_job *job, const char *version)
{
	return job->work->type == JOB_UPDATE && strcmp(job->work->version, version) == 0;
}

void updates_look_at(struct gate_turn *turn, const char *version)
{
	for (size_t i = 0; i < turn->state->live.roll.count; i++)
		if (is_update_to(turn->state->live.roll.jobs[i], version))
			update_look_at(turn, turn->state->live.roll.jobs[i]);
}

static void update_hears(struct gate_turn *turn, struct gate_job *job, const char *point, int more_staged)
{
	size_t target = gate_job_target(job, point);

	if (target == job->work->target_count)
		return;
	if (job->work->staged != GATE_UNCOUNTED)
		job->work->staged += (uint32_t)more_staged;
	look_at(turn, job, target, target + 1);
}

void updates_hear(struct gate_turn *turn, const char *version, const char *point, int more_staged)
{
	for (size_t i = 0; i < turn->state->live.roll.count; i++) {
		struct gate_job *job = turn->state->live.roll.jobs[i];

		if (is_update_to(job, version))
			update_hears(turn, job, point, more_staged);
	}
}

/* Oldest first, so that none is superseded that could have gone before. A release lets older ones be looked
 * at again: what it supersedes leaves their gate. */
void updates_let_through(struct gate_turn *turn)
{
	while (turn->look_from != INT64_MAX) {
		size_t i = gate_live_from(&turn->state->live, turn->look_from);
		struct gate_job *job =
		        i < turn->state->live.roll.count ? turn->state->live.roll.jobs[i] : NULL;

		if (job == NULL)
			break;
		turn->look_from = job->position.offset + 1;
		if (job->work->look) {
			job->work->look = false;
			update_advance(turn, job);
		}
	}
	turn->look_from = INT64_MAX;
}

void update_adopt(struct gate_turn *turn, struct gate_job *job, const char *const *names, size_t count)
{
	const struct gate_limits *limits = turn->state->limits;
	size_t held = turn->state->live.held_targets;

	if (held + count > limits->held_targets_max) {
		char detail[200];

		snprintf(detail, sizeof(detail),
		        "its %zu targets became known when the updates held had %zu already, at most %zu are",
		        count, held, limits->held_targets_max);
		say_ended(turn, job, JOB_FAILED, "overloaded", detail, NULL, 0);
		job_end(turn, job);
		return;
	}
	gate_live_set_targets(&turn->state->live, job, names, count);
	job->work->held_staged = UINT32_MAX; /* whatever it waits for now is news */
	update_look_at(turn, job);
	touch_job(turn, job);
	for (size_t i = 0; i < count; i++)
		if (is_resolved(turn->state, job, i))
			withhold_superseded(turn, job, i, gate_point_find(turn->state, names[i]));
}
