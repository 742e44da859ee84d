/* Jobs of which nothing more is due, as far as a duplicate may still cite them. */
#include "auditor/verify/verify_room.h"
#include "base/memory.h"

#include <stdlib.h>

enum { PAST_FIRST = 4 };

static uint64_t past_print(const struct verify *verify, struct position position, uint64_t id)
{
	return fingerprint_pair(job_key(verify, position), id);
}

void past_add(struct verify *verify, const struct tracked *job)
{
	struct past *past = fingerprints_need(&verify->shelves[job->position.partition].pasts, job->package);

	if (past->count == past->capacity && past->capacity < PAST_MAX) {
		past->capacity = past->capacity ? 2 * past->capacity : PAST_FIRST;
		past->jobs = memory_resize(past->jobs, past->capacity * sizeof(*past->jobs));
	}
	past->jobs[past->count++ % past->capacity] = past_print(verify, job->position, job->id);
}

void past_free(struct shelf *shelf)
{
	const struct past *past;

	for (size_t cursor = 0; (past = fingerprints_next(&shelf->pasts, &cursor)) != NULL;)
		free(past->jobs);
	fingerprints_release(&shelf->pasts);
}

static bool is_past(const struct past *past, uint64_t print)
{
	for (uint32_t i = 0; past && i < past->count && i < past->capacity; i++)
		if (past->jobs[i] == print)
			return true;
	return false;
}

/* What was accepted lies before the duplicate in status, on the same partition: it was read. */
void check_original(struct verify *verify, const struct fact *fact)
{
	const struct past *past = fingerprints_find(&verify->here->pasts, print_of(verify, fact->package));
	const struct tracked *job = tracked_find(verify, job_key(verify, fact->original));
	uint64_t id = print_of(verify, fact->job_id);

	if (job && (job->marks & JOB_WAS_ACCEPTED) && job->id == id)
		return;
	if (!job && is_past(past, past_print(verify, fact->original, id)))
		return;
	if (log_is_cut(verify, LOG_STATUS, fact->position.partition) ||
	        (!job && past && past->count > past->capacity)) {
		verify->counts.unproven++;
		return;
	}
	violate(verify, VIOLATION_ANSWER_DIFFERS, fact,
	        "at jobs/%d@%lld, where it says that its original lies, no job with the id %.*s was accepted",
	        (int)fact->original.partition, (long long)fact->original.offset, SHOWN(fact->job_id));
}
