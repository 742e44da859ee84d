#include "stager/gate_live.h"

#include "stager/gate_state.h"

static bool is_update(const struct gate_job *job)
{
	return job->work->type == JOB_UPDATE;
}

size_t gate_live_from(const struct gate_live *live, int64_t offset)
{
	size_t low = 0, high = live->roll.count;

	/* most come last, and to look at the last job would be to fetch it from memory */
	if (live->newest < offset)
		return high;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (live->roll.jobs[middle]->position.offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void gate_live_add(struct gate_live *live, struct gate_job *job)
{
	bool first = live->roll.count == 0;

	gate_roll_insert(&live->roll, gate_live_from(live, job->position.offset + 1), job);
	if (live->newest < job->position.offset)
		live->newest = job->position.offset;
	live->updates += is_update(job);
	live->held_targets += is_update(job) ? job->work->target_count : 0;
	if (first) {
		live->until_ms = job->work->deadline_ms;
		live->until_stale = false;
	} else if (job->work->deadline_ms < live->until_ms) {
		live->until_ms = job->work->deadline_ms;
	}
}

void gate_live_remove(struct gate_live *live, struct gate_job *job)
{
	gate_roll_remove(&live->roll, job);
	live->updates -= is_update(job);
	live->held_targets -= is_update(job) ? job->work->target_count : 0;
	if (job->work->deadline_ms <= live->until_ms)
		live->until_stale = true;
}

void gate_live_set_targets(
        struct gate_live *live, struct gate_job *job, const char *const *names, size_t count)
{
	gate_job_set_targets(job, names, count);
	live->held_targets += is_update(job) ? count : 0;
}

int64_t gate_live_until(const struct gate_live *live)
{
	int64_t until = INT64_MAX;

	if (live->roll.count > 0 && !live->until_stale)
		return live->until_ms;
	for (size_t i = 0; i < live->roll.count; i++)
		if (live->roll.jobs[i]->work->deadline_ms < until)
			until = live->roll.jobs[i]->work->deadline_ms;
	return until;
}

int64_t gate_live_note_until(struct gate_live *live)
{
	live->until_ms = gate_live_until(live);
	live->until_stale = false;
	return live->until_ms;
}
