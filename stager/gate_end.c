/* How jobs end, and how long their ids are remembered. */
#include "base/memory.h"
#include "base/timestamp.h"
#include "stager/gate_turn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void job_end(struct gate_turn *turn, struct gate_job *job)
{
	struct gate_state *state = turn->state;

	gate_live_remove(&state->live, job);
	gate_job_forget_work(job);
	job->ended_number =
	        state->ended.count == 0 ? 1 : state->ended.jobs[state->ended.count - 1]->ended_number + 1;
	gate_ended_add(state, job);
	touch_job(turn, job);
}

static enum job_state outcome_of(const struct gate_staging *staging)
{
	if (staging->phase == STAGING_STAGED)
		return JOB_COMPLETED;
	return staging->phase == STAGING_FAILED ? JOB_FAILED : JOB_EXPIRED;
}

/* The first target whose outcome is the job's gives the words. */
static void say_create_ended(struct gate_turn *turn, const struct gate_job *job, enum job_state state,
        const struct gate_version *version, const struct dp_outcome *outcomes)
{
	const char *reason = state == JOB_EXPIRED ? "deadline" : NULL;
	char detail[ERROR_MESSAGE_MAX] = "";
	size_t first = 0, same = 0;

	for (size_t i = job->work->target_count; i-- > 0;)
		if (outcomes[i].outcome == state) {
			first = i;
			same++;
		}
	if (state != JOB_COMPLETED) {
		const struct gate_staging *staging = gate_staging_find(version, job->work->targets[first]);

		if (state == JOB_FAILED)
			reason = staging->error_code;
		snprintf(detail, sizeof(detail), "not staged on %zu of %zu distribution points; %s: %s", same,
		        job->work->target_count, staging->name,
		        staging->error_message == NULL ? "no transfer has ended yet"
		                                       : staging->error_message);
	}
	say_ended(turn, job, state, reason, detail[0] == '\0' ? NULL : detail, outcomes,
	        job->work->target_count);
}

static void create_end(struct gate_turn *turn, struct gate_job *job)
{
	const struct gate_version *version = gate_version_find(turn->state, job->work->version);
	struct dp_outcome *outcomes = memory_alloc(job->work->target_count * sizeof(*outcomes));

	for (size_t i = 0; i < job->work->target_count; i++) {
		outcomes[i].distribution_point = job->work->targets[i];
		outcomes[i].outcome = outcome_of(gate_staging_find(version, job->work->targets[i]));
	}
	say_create_ended(turn, job, outcome_combine(outcomes, job->work->target_count), version, outcomes);
	free(outcomes);
	job_end(turn, job);
}

bool job_waits(const struct gate_state *state, const struct gate_version *version, struct gate_job *job,
        gate_target_test *is_waited_for)
{
	struct gate_work *work = job->work;

	for (size_t i = 0; i < work->target_count; i++) {
		size_t target = (work->waits_for + i) % work->target_count;

		if (is_waited_for(state, version, job, target)) {
			work->waits_for = target;
			return true;
		}
	}
	return false;
}

/* A create waits while any of its targets is worked at, also one that it did not arm itself. */
static bool is_worked_at(const struct gate_state *state, const struct gate_version *version,
        const struct gate_job *job, size_t target)
{
	(void)state;
	return staging_is_active(gate_staging_find(version, job->work->targets[target]));
}

void creates_end_done(struct gate_turn *turn, const char *version)
{
	const struct gate_state *state = turn->state;

	if (state->live.roll.count == state->live.updates)
		return;
	for (size_t i = 0; i < state->live.roll.count;) {
		struct gate_job *job = state->live.roll.jobs[i];
		bool done = job->work->type == JOB_CREATE && strcmp(job->work->version, version) == 0 &&
		            !job_waits(state, gate_version_find(state, version), job, is_worked_at);

		if (done)
			create_end(turn, job);
		else
			i++;
	}
}

static void expire(struct gate_turn *turn, struct gate_job *job)
{
	char deadline[TIMESTAMP_SIZE], detail[200];

	if (job->work->type == JOB_CREATE) {
		create_end(turn, job);
		return;
	}
	timestamp_format(job->work->deadline_ms, deadline);
	if (job->work->targets == NULL) {
		snprintf(detail, sizeof(detail), "version %s was not created before the deadline %s",
		        job->work->version, deadline);
		say_ended(turn, job, JOB_EXPIRED, "deadline", detail, NULL, 0);
	} else {
		snprintf(detail, sizeof(detail), "%s before the deadline %s",
		        job->work->gate == GATE_ALL ? "not all targets were staged" : "not staged", deadline);
		update_withhold_rest(turn, job, "expired", detail);
	}
	job_end(turn, job);
}

void jobs_expire(struct gate_turn *turn)
{
	if (gate_live_note_until(&turn->state->live) > turn->now_ms)
		return;
	for (size_t i = 0; i < turn->state->live.roll.count;) {
		struct gate_job *job = turn->state->live.roll.jobs[i];

		if (job->work->deadline_ms <= turn->now_ms)
			expire(turn, job);
		else
			i++;
	}
}

void jobs_choose_forgotten(struct gate_turn *turn)
{
	const struct gate_state *state = turn->state;

	for (size_t i = 0; i + state->limits->ended_max < state->ended.count; i++) {
		state->ended.jobs[i]->gone = true;
		touch_job(turn, state->ended.jobs[i]);
	}
}

void jobs_forget(struct gate_turn *turn)
{
	while (turn->state->ended.count > 0 && turn->state->ended.jobs[0]->gone) {
		struct gate_job *job = turn->state->ended.jobs[0];

		gate_roll_remove(&turn->state->ended, job);
		gate_job_free(job);
	}
}
