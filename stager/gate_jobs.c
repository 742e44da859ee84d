/* A job comes in: is it new, is it allowed, and what does it change? */
#include "base/memory.h"
#include "stager/gate_turn.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The targets that a request has by invariant 4, as far as they are known now. */
struct targets {
	const char *const *names;
	size_t count;
	const char **own; /* names, where they are not the request's */
};

static struct targets version_targets(const struct gate_version *version)
{
	struct targets targets = {.count = version->stagings.count};

	targets.own = memory_alloc((targets.count + 1) * sizeof(*targets.own));
	for (size_t i = 0; i < targets.count; i++)
		targets.own[i] = ((struct gate_staging *)version->stagings.items[i])->name;
	targets.names = targets.own;
	return targets;
}

static struct targets request_targets(const struct gate_request *request, const struct gate_version *version)
{
	if (request->target_count == 0 && version != NULL)
		return version_targets(version);
	return (struct targets){.names = request->targets, .count = request->target_count};
}

static void answer_known(
        struct gate_turn *turn, const struct gate_request *request, const struct gate_job *known)
{
	struct error err;

	if (strcmp(known->payload, request->payload) == 0) {
		say_duplicate(turn, request, known->position);
		return;
	}
	error_set(&err, STATUS_REJECT, "job_id_conflict",
	        "job id %s was used before, by another job for %s (jobs/%d@%lld); "
	        "give this one an id of its own",
	        request->id, turn->state->package, (int)known->position.partition,
	        (long long)known->position.offset);
	say_rejected(turn, request, err.code, err.message);
}

static enum status check_content(const struct gate_state *state, const struct gate_request *request,
        const struct gate_version *version, const struct targets *targets, struct error *err)
{
	size_t added = 0;

	if (version != NULL && strcmp(version->digest, request->digest) != 0)
		return error_set(err, STATUS_REJECT, "content_differs",
		        "version %s of %s has the content %s and never changes, this job has %s; give the "
		        "new content a new version",
		        version->name, state->package, version->digest, request->digest);
	if (targets->count == 0)
		return error_set(err, STATUS_REJECT, "no_targets",
		        "the job names no distribution_points and version %s of %s is not known yet; name "
		        "those that it is for",
		        request->version, state->package);
	for (size_t i = 0; i < targets->count; i++)
		added += version == NULL || gate_staging_find(version, targets->names[i]) == NULL;
	if (added + (version == NULL ? 0 : version->stagings.count) > JOB_TARGETS_MAX)
		return error_set(err, STATUS_REJECT, "too_many_targets",
		        "with this job version %s of %s would be on %zu distribution points, at most %d are "
		        "possible",
		        request->version, state->package,
		        added + (version == NULL ? 0 : version->stagings.count), JOB_TARGETS_MAX);
	if (state->staging_count + added > state->limits->stagings_max ||
	        state->versions.count + (version == NULL) > state->limits->versions_max)
		return error_set(err, STATUS_REJECT, "too_many_versions",
		        "%s has %zu versions on %zu places in all, at most %zu on %zu are possible",
		        state->package, state->versions.count, state->staging_count,
		        state->limits->versions_max, state->limits->stagings_max);
	return STATUS_OK;
}

static bool is_staged_everywhere(const struct gate_version *version, const struct targets *targets)
{
	for (size_t i = 0; i < targets->count; i++) {
		const struct gate_staging *staging =
		        version == NULL ? NULL : gate_staging_find(version, targets->names[i]);

		if (staging == NULL || staging->phase != STAGING_STAGED)
			return false;
	}
	return targets->count > 0;
}

static enum status check_room(const struct gate_state *state, const struct gate_request *request, size_t held,
        const struct gate_version *version, const struct targets *targets, struct error *err)
{
	size_t live = state->live.updates, live_targets = state->live.held_targets;

	if (request->type == JOB_CREATE) {
		live = state->live.roll.count - state->live.updates;
		if (live < state->limits->creates_max)
			return STATUS_OK;
		return error_set(err, STATUS_REJECT, "overloaded",
		        "%zu creates of %s are under way, at most %zu are taken; send it again once some "
		        "have ended",
		        live, state->package, state->limits->creates_max);
	}
	if (is_staged_everywhere(version, targets)) /* it goes through at once */
		return STATUS_OK;
	if (held >= state->limits->held_shard_max)
		return error_set(err, STATUS_REJECT, "overloaded",
		        "%zu updates of all packages on this partition are held, at most %zu are; send it "
		        "again "
		        "once some have ended",
		        held, state->limits->held_shard_max);
	if (live < state->limits->held_max &&
	        live_targets + targets->count <= state->limits->held_targets_max)
		return STATUS_OK;
	return error_set(err, STATUS_REJECT, "overloaded",
	        "%zu updates of %s are held, for %zu distribution points in all, at most %zu for %zu are; "
	        "send it again once some have ended",
	        live, state->package, live_targets, state->limits->held_max, state->limits->held_targets_max);
}

static enum status check(const struct gate_state *state, const struct gate_request *request, size_t held,
        const struct gate_version *version, const struct targets *targets, struct error *err)
{
	enum status status = STATUS_OK;

	if (request->refusal != NULL) {
		*err = *request->refusal;
		return STATUS_REJECT;
	}
	if (request->digest != NULL)
		status = check_content(state, request, version, targets, err);
	return status == STATUS_OK ? check_room(state, request, held, version, targets, err) : status;
}

static int64_t deadline_of(const struct gate_turn *turn, const struct gate_request *request)
{
	const struct gate_limits *limits = turn->state->limits;

	switch (request->deadline) {
	case DEADLINE_AT:
		return request->deadline_ms;
	case DEADLINE_AFTER:
		return turn->now_ms + request->deadline_ms;
	case DEADLINE_NEVER:
		return turn->now_ms + limits->never_ms;
	case DEADLINE_DEFAULT:
		break;
	}
	return turn->now_ms + limits->default_deadline_ms;
}

static struct gate_job *job_new(
        struct gate_turn *turn, const struct gate_request *request, const struct targets *targets)
{
	struct gate_job *job = gate_job_new(request->id, request->payload, request->position);

	job->work->type = request->type;
	job->work->has_content = request->digest != NULL;
	job->work->gate = request->gate;
	job->work->version = memory_text(request->version);
	job->work->traceparent = memory_text(request->traceparent);
	job->work->deadline_ms = deadline_of(turn, request);
	job->work->accepted_ms = turn->now_ms;
	if (targets->count > 0)
		gate_job_set_targets(job, targets->names, targets->count);
	gate_live_add(&turn->state->live, job);
	touch_job(turn, job);
	return job;
}

/* Updates that wait for a version without knowing where take its targets over. */
static void version_give_targets(struct gate_turn *turn, const struct gate_version *version)
{
	struct targets targets = version_targets(version);

	for (size_t i = 0; i < turn->state->live.roll.count;) {
		struct gate_job *job = turn->state->live.roll.jobs[i];
		bool waits = job->work->targets == NULL && strcmp(job->work->version, version->name) == 0;

		if (waits)
			update_adopt(turn, job, targets.names, targets.count);
		i += job->work != NULL; /* else it has ended */
	}
	free(targets.own);
}

static void learn_content(
        struct gate_turn *turn, const struct gate_request *request, const struct gate_job *job)
{
	struct gate_version *version = gate_version_need(turn->state, request->version);

	assert(strlen(request->digest) < sizeof(version->digest));
	strcpy(version->digest, request->digest);
	gate_text_set(&version->manifest_url, request->manifest_url);
	version->source = request->position;
	touch_version(turn, version);
	stagings_arm(turn, version, job);
	version_give_targets(turn, version);
}

static void accept_content(
        struct gate_turn *turn, const struct gate_request *request, const struct gate_job *job)
{
	const struct gate_state *state = turn->state;

	learn_content(turn, request, job);
	for (size_t i = 0; i < state->live.roll.count; i++)
		if (strcmp(state->live.roll.jobs[i]->work->version, request->version) == 0)
			stagings_keep(turn, state->live.roll.jobs[i]);
	updates_look_at(turn, request->version);
}

/* Without content: no other job finds anything new. */
static void accept_update(struct gate_turn *turn, struct gate_job *job)
{
	stagings_keep(turn, job);
	update_look_at(turn, job);
}

static void accept(struct gate_turn *turn, const struct gate_request *request, const struct targets *targets)
{
	struct gate_job *job = job_new(turn, request, targets);

	say_accepted(turn, job, request);
	if (request->digest != NULL)
		accept_content(turn, request, job);
	else
		accept_update(turn, job);
	pass_time(turn); /* its deadline may have passed before it came */
	updates_let_through(turn);
	creates_end_done(turn, request->version);
}

void apply_job(struct gate_turn *turn, const struct gate_request *request, size_t held)
{
	const struct gate_job *known =
	        request->payload == NULL ? NULL : gate_job_find(turn->state, request->id);
	const struct gate_version *version;
	struct targets targets;
	struct error err;

	if (known != NULL) {
		answer_known(turn, request, known);
		return;
	}
	assert(request->refusal != NULL || request->type == JOB_UPDATE || request->digest != NULL);
	version = gate_version_find(turn->state, request->version);
	targets = request_targets(request, version);
	if (check(turn->state, request, held, version, &targets, &err) == STATUS_OK)
		accept(turn, request, &targets);
	else
		say_rejected(turn, request, err.code, err.message);
	free(targets.own);
}
