/* What the gate remembers: sorted tables, and jobs in their order. */
#include "stager/gate_state.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void *item_new(size_t size, const char *name)
{
	size_t len = strlen(name);
	char **item = memory_alloc(size + len + 1);

	*item = memcpy((char *)item + size, name, len);
	return item;
}

static void *need(struct table *table, const char *name, size_t size, bool *ret_made)
{
	void *item = table_find(table, name);

	*ret_made = item == NULL;
	if (item == NULL) {
		item = item_new(size, name);
		table_add(table, item);
	}
	return item;
}

struct gate_version *gate_version_find(const struct gate_state *state, const char *name)
{
	return table_find(&state->versions, name);
}

struct gate_version *gate_version_need(struct gate_state *state, const char *name)
{
	bool made;

	return need(&state->versions, name, sizeof(struct gate_version), &made);
}

struct gate_staging *gate_staging_find(const struct gate_version *version, const char *point)
{
	return table_find(&version->stagings, point);
}

struct gate_staging *gate_staging_need(
        struct gate_state *state, struct gate_version *version, const char *point)
{
	bool made;
	struct gate_staging *staging = need(&version->stagings, point, sizeof(struct gate_staging), &made);

	if (made) {
		staging->phase = STAGING_EXPIRED; /* nobody wants it yet */
		state->staging_count++;
	}
	return staging;
}

struct gate_point *gate_point_find(const struct gate_state *state, const char *name)
{
	return table_find(&state->points, name);
}

struct gate_point *gate_point_need(struct gate_state *state, const char *name)
{
	bool made;
	struct gate_point *point = need(&state->points, name, sizeof(struct gate_point), &made);

	if (made)
		point->released.offset = -1;
	return point;
}

bool staging_is_active(const struct gate_staging *staging)
{
	return staging->phase == STAGING_PENDING || staging->phase == STAGING_RETRYING;
}

void staging_set_phase(struct gate_version *version, struct gate_staging *staging, enum staging_phase phase)
{
	version->active -= staging_is_active(staging);
	staging->phase = phase;
	version->active += staging_is_active(staging);
}

void gate_text_set(char **text, const char *value)
{
	char *copy = memory_text(value);

	free(*text);
	*text = copy;
}

struct gate_job *gate_job_new(const char *id, const char *payload, struct position position)
{
	struct gate_job *job = item_new(sizeof(*job), id);

	assert(strlen(payload) < sizeof(job->payload));
	strcpy(job->payload, payload);
	job->position = position;
	job->work = memory_alloc(sizeof(*job->work));
	return job;
}

void gate_job_forget_work(struct gate_job *job)
{
	struct gate_work *work = job->work;

	if (work == NULL)
		return;
	for (size_t i = 0; i < work->target_count; i++)
		free(work->targets[i]);
	free(work->targets);
	free(work->withheld);
	free(work->version);
	free(work->traceparent);
	free(work);
	job->work = NULL;
}

void gate_job_free(struct gate_job *job)
{
	gate_job_forget_work(job);
	free(job);
}

void gate_job_set_targets(struct gate_job *job, const char *const *names, size_t count)
{
	assert(job->work->targets == NULL && count > 0);
	job->work->targets = memory_alloc(count * sizeof(*job->work->targets));
	job->work->withheld = memory_alloc(count * sizeof(*job->work->withheld));
	job->work->target_count = count;
	for (size_t i = 0; i < count; i++) {
		assert(i == 0 || strcmp(names[i - 1], names[i]) < 0);
		job->work->targets[i] = memory_text(names[i]);
	}
}

/* FNV-1a */
static uint32_t hash_of(const char *id)
{
	uint32_t hash = 2166136261U;

	for (; *id != '\0'; id++)
		hash = (hash ^ (unsigned char)*id) * 16777619U;
	return hash;
}

struct jobs {
	struct gate_job ***jobs;
	uint32_t **hashes;
	size_t *count, *capacity;
};

static struct jobs live_jobs(struct gate_state *state)
{
	return (struct jobs){&state->live, &state->live_hashes, &state->live_count, &state->live_capacity};
}

static struct jobs ended_jobs(struct gate_state *state)
{
	return (struct jobs){
	        &state->ended, &state->ended_hashes, &state->ended_count, &state->ended_capacity};
}

static void jobs_insert(struct jobs in, size_t place, struct gate_job *job)
{
	size_t behind = *in.count - place;

	if (*in.count == *in.capacity) {
		*in.capacity = *in.capacity == 0 ? 2 : *in.capacity * 2;
		*in.jobs = memory_resize(*in.jobs, *in.capacity * sizeof(**in.jobs));
		*in.hashes = memory_resize(*in.hashes, *in.capacity * sizeof(**in.hashes));
	}
	memmove(*in.jobs + place + 1, *in.jobs + place, behind * sizeof(**in.jobs));
	memmove(*in.hashes + place + 1, *in.hashes + place, behind * sizeof(**in.hashes));
	(*in.jobs)[place] = job;
	(*in.hashes)[place] = hash_of(job->name);
	(*in.count)++;
}

static void jobs_remove(struct jobs in, const struct gate_job *job)
{
	size_t place = 0;

	while (place < *in.count && (*in.jobs)[place] != job)
		place++;
	assert(place < *in.count);
	(*in.count)--;
	size_t behind = *in.count - place;
	memmove(*in.jobs + place, *in.jobs + place + 1, behind * sizeof(**in.jobs));
	memmove(*in.hashes + place, *in.hashes + place + 1, behind * sizeof(**in.hashes));
}

size_t gate_live_from(const struct gate_state *state, int64_t offset)
{
	size_t low = 0, high = state->live_count;

	if (high > 0 && state->live[high - 1]->position.offset < offset)
		return high; /* most come last */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (state->live[middle]->position.offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void count_targets(struct gate_state *state, const struct gate_job *job)
{
	if (job->work->type == JOB_UPDATE)
		state->held_targets += job->work->target_count;
}

void gate_live_add(struct gate_state *state, struct gate_job *job)
{
	bool first = state->live_count == 0;

	jobs_insert(live_jobs(state), gate_live_from(state, job->position.offset + 1), job);
	state->live_updates += job->work->type == JOB_UPDATE;
	count_targets(state, job);
	if (first) {
		state->live_until_ms = job->work->deadline_ms;
		state->live_until_stale = false;
	} else if (!state->live_until_stale && job->work->deadline_ms < state->live_until_ms) {
		state->live_until_ms = job->work->deadline_ms;
	}
}

void gate_live_remove(struct gate_state *state, struct gate_job *job)
{
	jobs_remove(live_jobs(state), job);
	if (job->work->type == JOB_UPDATE) {
		state->live_updates--;
		state->held_targets -= job->work->target_count;
	}
	if (job->work->deadline_ms <= state->live_until_ms)
		state->live_until_stale = true;
}

void gate_live_set_targets(
        struct gate_state *state, struct gate_job *job, const char *const *names, size_t count)
{
	gate_job_set_targets(job, names, count);
	count_targets(state, job);
}

int64_t gate_live_until(const struct gate_state *state)
{
	int64_t until = INT64_MAX;

	if (state->live_count > 0 && !state->live_until_stale)
		return state->live_until_ms;
	for (size_t i = 0; i < state->live_count; i++)
		if (state->live[i]->work->deadline_ms < until)
			until = state->live[i]->work->deadline_ms;
	return until;
}

void gate_ended_add(struct gate_state *state, struct gate_job *job)
{
	size_t place = state->ended_count;

	while (place > 0 && state->ended[place - 1]->ended_number > job->ended_number)
		place--;
	jobs_insert(ended_jobs(state), place, job);
}

void gate_ended_remove(struct gate_state *state, struct gate_job *job)
{
	jobs_remove(ended_jobs(state), job);
}

static struct gate_job *jobs_find(
        struct gate_job *const *jobs, const uint32_t *hashes, size_t count, const char *id)
{
	uint32_t hash = hash_of(id);

	for (size_t i = 0; i < count; i++)
		if (hashes[i] == hash && strcmp(jobs[i]->name, id) == 0)
			return jobs[i];
	return NULL;
}

struct gate_job *gate_job_find(const struct gate_state *state, const char *id)
{
	struct gate_job *job = jobs_find(state->live, state->live_hashes, state->live_count, id);

	return job != NULL ? job : jobs_find(state->ended, state->ended_hashes, state->ended_count, id);
}

struct gate_state *gate_state_new(const char *package, const struct gate_limits *limits)
{
	struct gate_state *state = memory_alloc(sizeof(*state));

	state->package = memory_text(package);
	state->limits = limits;
	return state;
}

static void staging_free(void *item)
{
	struct gate_staging *staging = item;

	free(staging->cause_id);
	free(staging->dp_id);
	free(staging->error_code);
	free(staging->error_message);
	free(staging);
}

static void version_free(void *item)
{
	struct gate_version *version = item;

	table_release(&version->stagings, staging_free);
	free(version->manifest_url);
	free(version);
}

static void point_free(void *item)
{
	struct gate_point *point = item;

	free(point->dp_id);
	free(point);
}

void gate_state_free(struct gate_state *state)
{
	if (state == NULL)
		return;
	table_release(&state->versions, version_free);
	table_release(&state->points, point_free);
	for (size_t i = 0; i < state->live_count; i++)
		gate_job_free(state->live[i]);
	for (size_t i = 0; i < state->ended_count; i++)
		gate_job_free(state->ended[i]);
	free(state->live);
	free(state->live_hashes);
	free(state->ended_hashes);
	free(state->ended);
	free(state->package);
	free(state);
}

bool gate_state_is_empty(const struct gate_state *state)
{
	return state->versions.count == 0 && state->points.count == 0 && state->live_count == 0 &&
	       state->ended_count == 0;
}

size_t gate_held(const struct gate_state *state, int64_t *ret_since_ms)
{
	*ret_since_ms = INT64_MAX;
	for (size_t i = 0; i < state->live_count && state->live_updates > 0; i++) {
		const struct gate_work *work = state->live[i]->work;

		if (work->type == JOB_UPDATE && work->accepted_ms > 0) {
			*ret_since_ms = work->accepted_ms;
			break;
		}
	}
	return state->live_updates;
}
