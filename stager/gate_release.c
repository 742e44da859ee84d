/* Updates at the gate: what may go out, what is withheld, and what those that wait are told. */
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

static void withhold_superseded(
        struct gate_turn *turn, struct gate_job *job, const char *target, const struct gate_point *point)
{
	char detail[200];

	snprintf(detail, sizeof(detail), "a later update (jobs/%d@%lld) was released there first",
	        (int)point->released.partition, (long long)point->released.offset);
	say_withheld(turn, job, target, "superseded", detail);
	update_look_at(turn, job);
}

/* A release supersedes the older updates that are not resolved on its DP. */
static void release(struct gate_turn *turn, const struct gate_job *job, const struct gate_version *version,
        const struct gate_staging *staging)
{
	struct gate_point *point = gate_point_need(turn->state, staging->name);
	int64_t before = point->released.offset;

	assert(before < job->position.offset);
	say_release(turn, job, version, staging);
	point->released = job->position;
	touch_point(turn, point);
	for (size_t i = 0; i < turn->state->live.roll.count; i++) {
		struct gate_job *older = turn->state->live.roll.jobs[i];

		if (older->position.offset >= job->position.offset)
			break;
		if (older->work->type != JOB_UPDATE || older->position.offset <= before)
			continue;
		for (size_t t = 0; t < older->work->target_count; t++)
			if (!older->work->withheld[t] && strcmp(older->work->targets[t], point->name) == 0)
				withhold_superseded(turn, older, point->name, point);
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

static void advance_each(struct gate_turn *turn, struct gate_job *job, const struct gate_version *version)
{
	char detail[ERROR_MESSAGE_MAX];

	for (size_t i = 0; i < job->work->target_count; i++) {
		const struct gate_staging *staging = target_staging(version, job, i);

		if (is_resolved(turn->state, job, i))
			continue;
		if (has_phase(staging, STAGING_STAGED)) {
			release(turn, job, version, staging);
		} else if (has_phase(staging, STAGING_FAILED)) {
			describe_failure(staging, detail, sizeof(detail));
			withhold(turn, job, i, "failed", detail);
		}
	}
}

/* Nothing before every target that is still the job's is staged; one that failed ends it for all. */
static void advance_all(struct gate_turn *turn, struct gate_job *job, const struct gate_version *version)
{
	bool ready = true;
	char detail[ERROR_MESSAGE_MAX];

	for (size_t i = 0; i < job->work->target_count; i++) {
		const struct gate_staging *staging = target_staging(version, job, i);

		if (is_resolved(turn->state, job, i))
			continue;
		if (has_phase(staging, STAGING_FAILED)) {
			describe_failure(staging, detail, sizeof(detail));
			update_withhold_rest(turn, job, "failed", detail);
			return;
		}
		ready = ready && has_phase(staging, STAGING_STAGED);
	}
	for (size_t i = 0; ready && i < job->work->target_count; i++)
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

static void tell_held(struct gate_turn *turn, struct gate_job *job, const struct gate_version *version)
{
	struct gate_work *work = job->work;
	const char **missing = memory_alloc((work->target_count + 1) * sizeof(*missing));
	size_t missing_count = 0;
	uint32_t staged = 0;

	for (size_t i = 0; i < work->target_count; i++) {
		if (has_phase(target_staging(version, job, i), STAGING_STAGED))
			staged++;
		else if (!is_resolved(turn->state, job, i))
			missing[missing_count++] = work->targets[i];
	}
	if (is_news(work, staged)) {
		work->held_count++;
		work->held_staged = staged;
		touch_job(turn, job);
		say_held(turn, job, missing, missing_count);
	}
	free(missing);
}

static bool is_all_resolved(const struct gate_state *state, const struct gate_job *job)
{
	for (size_t i = 0; i < job->work->target_count; i++)
		if (!is_resolved(state, job, i))
			return false;
	return job->work->targets != NULL;
}

static void update_advance(struct gate_turn *turn, struct gate_job *job)
{
	const struct gate_version *version = gate_version_find(turn->state, job->work->version);

	if (job->work->gate == GATE_ALL)
		advance_all(turn, job, version);
	else
		advance_each(turn, job, version);
	if (is_all_resolved(turn->state, job))
		job_end(turn, job);
	else
		tell_held(turn, job, version);
}

void update_look_at(struct gate_turn *turn, struct gate_job *job)
{
	job->work->look = true;
	if (job->position.offset < turn->look_from)
		turn->look_from = job->position.offset;
}

void updates_look_at(struct gate_turn *turn, const char *version)
{
	for (size_t i = 0; i < turn->state->live.roll.count; i++) {
		struct gate_job *job = turn->state->live.roll.jobs[i];

		if (job->work->type == JOB_UPDATE && strcmp(job->work->version, version) == 0)
			update_look_at(turn, job);
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
			withhold_superseded(turn, job, names[i], gate_point_find(turn->state, names[i]));
}
