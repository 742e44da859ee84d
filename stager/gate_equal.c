/* Whether two gates remember the same, for comparing one with the one that its rows give; and whether what
 * one keeps beside its rows follows from them. */
#include "stager/gate_state.h"

static bool staging_equal(const void *one, const void *other)
{
	const struct gate_staging *a = one, *b = other;

	return text_equal(a->name, b->name) && a->phase == b->phase && a->attempt == b->attempt &&
	       a->failures == b->failures && a->content_failures == b->content_failures &&
	       a->restages == b->restages && a->next_retry_ms == b->next_retry_ms &&
	       a->until_ms == b->until_ms && text_equal(a->cause_id, b->cause_id) &&
	       position_equal(a->cause, b->cause) && text_equal(a->dp_id, b->dp_id) &&
	       text_equal(a->staged_id, b->staged_id) && text_equal(a->error_code, b->error_code) &&
	       text_equal(a->error_message, b->error_message);
}

static bool version_equal(const void *one, const void *other)
{
	const struct gate_version *a = one, *b = other;

	return text_equal(a->name, b->name) && text_equal(a->digest, b->digest) &&
	       text_equal(a->manifest_url, b->manifest_url) && position_equal(a->source, b->source) &&
	       a->active == b->active && table_equal(&a->stagings, &b->stagings, staging_equal);
}

static bool point_equal(const void *one, const void *other)
{
	const struct gate_point *a = one, *b = other;

	return text_equal(a->name, b->name) && position_equal(a->released, b->released) &&
	       text_equal(a->dp_id, b->dp_id);
}

static bool targets_equal(const struct gate_work *a, const struct gate_work *b)
{
	if (a->target_count != b->target_count || !a->targets != !b->targets)
		return false;
	for (size_t i = 0; i < a->target_count; i++)
		if (!text_equal(a->targets[i], b->targets[i]) || a->withheld[i] != b->withheld[i])
			return false;
	return true;
}

static bool work_equal(const struct gate_work *a, const struct gate_work *b)
{
	if (!a || !b)
		return a == b;
	return a->type == b->type && a->has_content == b->has_content && a->gate == b->gate &&
	       text_equal(a->version, b->version) && a->deadline_ms == b->deadline_ms &&
	       a->accepted_ms == b->accepted_ms && text_equal(a->traceparent, b->traceparent) &&
	       a->held_count == b->held_count && a->held_staged == b->held_staged && targets_equal(a, b);
}

static bool job_equal(const struct gate_job *a, const struct gate_job *b)
{
	return text_equal(a->name, b->name) && text_equal(a->payload, b->payload) &&
	       position_equal(a->position, b->position) && a->ended_number == b->ended_number &&
	       work_equal(a->work, b->work);
}

static bool roll_equal(const struct gate_roll *a, const struct gate_roll *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!job_equal(a->jobs[i], b->jobs[i]))
			return false;
	return true;
}

bool gate_state_equal(const struct gate_state *a, const struct gate_state *b)
{
	return text_equal(a->package, b->package) && a->staging_count == b->staging_count &&
	       table_equal(&a->versions, &b->versions, version_equal) &&
	       table_equal(&a->points, &b->points, point_equal) && roll_equal(&a->live.roll, &b->live.roll) &&
	       roll_equal(&a->ended, &b->ended);
}

static bool version_is_counted(const struct gate_version *version)
{
	size_t active = 0;

	for (size_t i = 0; i < version->stagings.count; i++) {
		const struct gate_staging *staging = version->stagings.items[i];

		active += staging_is_active(staging);
		if (staging_due_ms(staging) < version->due_ms)
			return false;
	}
	return version->active == active;
}

static bool update_is_counted(const struct gate_version *version, const struct gate_work *work)
{
	uint32_t staged = 0;

	for (size_t i = 0; version != NULL && i < work->target_count; i++) {
		const struct gate_staging *staging = gate_staging_find(version, work->targets[i]);

		staged += staging != NULL && staging->phase == STAGING_STAGED;
	}
	return work->staged == staged || (work->staged == GATE_UNCOUNTED && work->target_count > 0);
}

bool gate_state_is_counted(const struct gate_state *state)
{
	for (size_t i = 0; i < state->versions.count; i++)
		if (!version_is_counted(state->versions.items[i]))
			return false;
	for (size_t i = 0; i < state->live.roll.count; i++) {
		const struct gate_work *work = state->live.roll.jobs[i]->work;

		if (work->type == JOB_UPDATE &&
		        !update_is_counted(gate_version_find(state, work->version), work))
			return false;
	}
	return true;
}
