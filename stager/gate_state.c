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

int64_t staging_due_ms(const struct gate_staging *staging)
{
	if (!staging_is_active(staging))
		return INT64_MAX;
	if (staging->phase == STAGING_RETRYING && staging->next_retry_ms < staging->until_ms)
		return staging->next_retry_ms;
	return staging->until_ms;
}

void staging_set_phase(struct gate_version *version, struct gate_staging *staging, enum staging_phase phase)
{
	version->active -= staging_is_active(staging);
	staging->phase = phase;
	version->active += staging_is_active(staging);
	if (staging_due_ms(staging) < version->due_ms)
		version->due_ms = staging_due_ms(staging);
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
	job->work->staged = GATE_UNCOUNTED;
	for (size_t i = 0; i < count; i++) {
		assert(i == 0 || strcmp(names[i - 1], names[i]) < 0);
		job->work->targets[i] = memory_text(names[i]);
	}
}

static int order_to_name(const void *name, const void *item)
{
	return strcmp(name, *(char *const *)item);
}

size_t gate_job_target(const struct gate_job *job, const char *point)
{
	const struct gate_work *work = job->work;
	char **found = work->target_count == 0 ? NULL
	                                       : bsearch(point, work->targets, work->target_count,
	                                                 sizeof(*work->targets), order_to_name);

	return found ? (size_t)(found - work->targets) : work->target_count;
}

void gate_ended_add(struct gate_state *state, struct gate_job *job)
{
	size_t place = state->ended.count;

	while (place > 0 && state->ended.jobs[place - 1]->ended_number > job->ended_number)
		place--;
	gate_roll_insert(&state->ended, place, job);
}

struct gate_job *gate_job_find(const struct gate_state *state, const char *id)
{
	struct gate_job *job = gate_roll_find(&state->live.roll, id);

	return job != NULL ? job : gate_roll_find(&state->ended, id);
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
	gate_roll_release(&state->live.roll, gate_job_free);
	gate_roll_release(&state->ended, gate_job_free);
	free(state->package);
	free(state);
}

bool gate_state_is_empty(const struct gate_state *state)
{
	return state->versions.count == 0 && state->points.count == 0 && state->live.roll.count == 0 &&
	       state->ended.count == 0;
}
