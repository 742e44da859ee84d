/* What the gate remembers: sorted lists, found by name, and jobs in their order. */
#include "stager/gate_state.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Where name is, or where it belongs. */
static size_t list_place(const struct gate_list *list, const char *name, bool *ret_found)
{
	size_t low = 0, high = list->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(*(char *const *)list->items[middle], name);

		if (order == 0) {
			*ret_found = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*ret_found = false;
	return low;
}

static void *list_find(const struct gate_list *list, const char *name)
{
	bool found;
	size_t place = list_place(list, name, &found);

	return found ? list->items[place] : NULL;
}

static void *item_new(size_t size, const char *name)
{
	size_t len = strlen(name);
	char **item = memory_alloc(size + len + 1);

	*item = memcpy((char *)item + size, name, len);
	return item;
}

static void *list_need(struct gate_list *list, const char *name, size_t size, bool *ret_made)
{
	bool found;
	size_t place = list_place(list, name, &found);
	void *item;

	*ret_made = !found;
	if (found)
		return list->items[place];
	if (list->count == list->capacity) {
		list->capacity = list->capacity == 0 ? 1 : list->capacity * 2;
		list->items = memory_resize(list->items, list->capacity * sizeof(*list->items));
	}
	item = item_new(size, name);
	memmove(list->items + place + 1, list->items + place, (list->count - place) * sizeof(*list->items));
	list->items[place] = item;
	list->count++;
	return item;
}

struct gate_version *gate_version_find(const struct gate_state *state, const char *name)
{
	return list_find(&state->versions, name);
}

struct gate_version *gate_version_need(struct gate_state *state, const char *name)
{
	bool made;

	return list_need(&state->versions, name, sizeof(struct gate_version), &made);
}

struct gate_staging *gate_staging_find(const struct gate_version *version, const char *point)
{
	return list_find(&version->stagings, point);
}

struct gate_staging *gate_staging_need(
        struct gate_state *state, struct gate_version *version, const char *point)
{
	bool made;
	struct gate_staging *staging =
	        list_need(&version->stagings, point, sizeof(struct gate_staging), &made);

	if (made) {
		staging->phase = STAGING_EXPIRED; /* nobody wants it yet */
		state->staging_count++;
	}
	return staging;
}

struct gate_point *gate_point_find(const struct gate_state *state, const char *name)
{
	return list_find(&state->points, name);
}

struct gate_point *gate_point_need(struct gate_state *state, const char *name)
{
	bool made;
	struct gate_point *point = list_need(&state->points, name, sizeof(struct gate_point), &made);

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

static void jobs_insert(
        struct gate_job ***jobs, size_t *count, size_t *capacity, size_t place, struct gate_job *job)
{
	if (*count == *capacity) {
		*capacity = *capacity == 0 ? 2 : *capacity * 2;
		*jobs = memory_resize(*jobs, *capacity * sizeof(**jobs));
	}
	memmove(*jobs + place + 1, *jobs + place, (*count - place) * sizeof(**jobs));
	(*jobs)[place] = job;
	(*count)++;
}

static void jobs_remove(struct gate_job **jobs, size_t *count, const struct gate_job *job)
{
	size_t place = 0;

	while (place < *count && jobs[place] != job)
		place++;
	assert(place < *count);
	(*count)--;
	memmove(jobs + place, jobs + place + 1, (*count - place) * sizeof(*jobs));
}

void gate_live_add(struct gate_state *state, struct gate_job *job)
{
	size_t place = state->live_count;

	while (place > 0 && state->live[place - 1]->position.offset > job->position.offset)
		place--;
	jobs_insert(&state->live, &state->live_count, &state->live_capacity, place, job);
}

void gate_live_remove(struct gate_state *state, struct gate_job *job)
{
	jobs_remove(state->live, &state->live_count, job);
}

void gate_ended_add(struct gate_state *state, struct gate_job *job)
{
	size_t place = state->ended_count;

	while (place > 0 && state->ended[place - 1]->ended_number > job->ended_number)
		place--;
	jobs_insert(&state->ended, &state->ended_count, &state->ended_capacity, place, job);
}

void gate_ended_remove(struct gate_state *state, struct gate_job *job)
{
	jobs_remove(state->ended, &state->ended_count, job);
}

static struct gate_job *jobs_find(struct gate_job *const *jobs, size_t count, const char *id)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(jobs[i]->name, id) == 0)
			return jobs[i];
	return NULL;
}

struct gate_job *gate_job_find(const struct gate_state *state, const char *id)
{
	struct gate_job *job = jobs_find(state->live, state->live_count, id);

	return job != NULL ? job : jobs_find(state->ended, state->ended_count, id);
}

struct gate_state *gate_state_new(const char *package, const struct gate_limits *limits)
{
	struct gate_state *state = memory_alloc(sizeof(*state));

	state->package = memory_text(package);
	state->limits = limits;
	return state;
}

static void staging_free(struct gate_staging *staging)
{
	free(staging->cause_id);
	free(staging->dp_id);
	free(staging->error_code);
	free(staging->error_message);
	free(staging);
}

static void version_free(struct gate_version *version)
{
	for (size_t i = 0; i < version->stagings.count; i++)
		staging_free(version->stagings.items[i]);
	free(version->stagings.items);
	free(version->manifest_url);
	free(version);
}

static void point_free(struct gate_point *point)
{
	free(point->dp_id);
	free(point);
}

void gate_state_free(struct gate_state *state)
{
	if (state == NULL)
		return;
	for (size_t i = 0; i < state->versions.count; i++)
		version_free(state->versions.items[i]);
	for (size_t i = 0; i < state->points.count; i++)
		point_free(state->points.items[i]);
	for (size_t i = 0; i < state->live_count; i++)
		gate_job_free(state->live[i]);
	for (size_t i = 0; i < state->ended_count; i++)
		gate_job_free(state->ended[i]);
	free(state->versions.items);
	free(state->points.items);
	free(state->live);
	free(state->ended);
	free(state->package);
	free(state);
}

bool gate_state_is_empty(const struct gate_state *state)
{
	return state->versions.count == 0 && state->points.count == 0 && state->live_count == 0 &&
	       state->ended_count == 0;
}
