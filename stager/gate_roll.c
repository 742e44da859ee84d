#include "stager/gate_roll.h"

#include "base/memory.h"
#include "stager/gate_state.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* FNV-1a */
static uint32_t hash_of(const char *id)
{
	uint32_t hash = 2166136261U;

	for (; *id != '\0'; id++)
		hash = (hash ^ (unsigned char)*id) * 16777619U;
	return hash;
}

void gate_roll_insert(struct gate_roll *roll, size_t place, struct gate_job *job)
{
	size_t behind = roll->count - place;

	if (roll->count == roll->capacity) {
		roll->capacity = roll->capacity == 0 ? 2 : roll->capacity * 2;
		roll->jobs = memory_resize(roll->jobs, roll->capacity * sizeof(*roll->jobs));
		roll->hashes = memory_resize(roll->hashes, roll->capacity * sizeof(*roll->hashes));
	}
	memmove(roll->jobs + place + 1, roll->jobs + place, behind * sizeof(*roll->jobs));
	memmove(roll->hashes + place + 1, roll->hashes + place, behind * sizeof(*roll->hashes));
	roll->jobs[place] = job;
	roll->hashes[place] = hash_of(job->name);
	roll->count++;
}

void gate_roll_remove(struct gate_roll *roll, const struct gate_job *job)
{
	size_t place = 0;

	while (place < roll->count && roll->jobs[place] != job)
		place++;
	assert(place < roll->count);
	roll->count--;
	size_t behind = roll->count - place;
	memmove(roll->jobs + place, roll->jobs + place + 1, behind * sizeof(*roll->jobs));
	memmove(roll->hashes + place, roll->hashes + place + 1, behind * sizeof(*roll->hashes));
}

struct gate_job *gate_roll_find(const struct gate_roll *roll, const char *id)
{
	uint32_t hash = hash_of(id);

	for (size_t i = 0; i < roll->count; i++)
		if (roll->hashes[i] == hash && strcmp(roll->jobs[i]->name, id) == 0)
			return roll->jobs[i];
	return NULL;
}

void gate_roll_release(struct gate_roll *roll, void (*free_job)(struct gate_job *job))
{
	for (size_t i = 0; i < roll->count; i++)
		free_job(roll->jobs[i]);
	free(roll->jobs);
	free(roll->hashes);
}
