#include "tests/sim/judge.h"

#include "tests/sim/facts.h"
#include "tests/sim/logs.h"

#include <string.h>

enum { SKEW_MS = 26000 }; /* a shard's clock is late by as long as its claim took: at most a stall */

static void wrong(const struct job_fact *job, int32_t partition, int64_t offset, const char *words)
{
	world_violation("job",
	        "job %s at jobs/%d@%lld: %s (accepted %u, rejected %u, duplicate %u, ended %u as "
	        "\"%s\", dead %u, sent on %u)",
	        job->sent ? job->sent->job_id : "?", (int)partition, (long long)offset, words, job->accepted,
	        job->rejected, job->duplicates, job->ends, outcome_words[job->end], job->dead, job->reroutes);
}

static enum outcome_word combine(const enum outcome_word outcomes[POINTS])
{
	static const enum outcome_word by_weight[] = {
	        SAID_FAILED, SAID_EXPIRED, SAID_CANCELED, SAID_COMPLETED, SAID_SUPERSEDED};

	for (size_t w = 0; w < sizeof(by_weight) / sizeof(*by_weight); w++)
		for (int i = 0; i < POINTS; i++)
			if (outcomes[i] == by_weight[w])
				return by_weight[w];
	return OUTCOME_NONE;
}

static bool later_job_was_released(
        const struct job_fact *job, int32_t partition, int point, int64_t job_offset, int64_t before)
{
	for (int64_t offset = 0; offset < before; offset++) {
		const struct staged_fact *fact = staged_fact(partition, offset);
		if (fact->kind == IS_RELEASE && fact->package == job->sent->package && fact->point == point &&
		        fact->job_offset > job_offset)
			return true;
	}
	return false;
}

static bool was_updated(const struct job_fact *job, int point)
{
	for (size_t i = 0; i < updated_count(); i++)
		if (updated_fact(i)->point == point &&
		        strcmp(updated_fact(i)->release_id, job->release_id[point]) == 0)
			return true;
	return false;
}

static void judge_target(const struct job_fact *job, int32_t partition, int64_t offset, int point)
{
	enum outcome_word outcome = job->outcomes[point];
	bool wanted = job->targets & 1u << point;
	int64_t end = log_end(LOG_STAGED, partition);

	if (job->releases[point] + job->withheld[point] != wanted)
		wrong(job, partition, offset, "a target is not resolved exactly once");
	if (!wanted)
		return;
	if (job->withheld[point] && outcome != job->reasons[point])
		wrong(job, partition, offset, "a withheld target has another outcome than its reason");
	if (job->withheld[point] && outcome == SAID_SUPERSEDED &&
	        !later_job_was_released(job, partition, point, offset, job->withheld_offset[point]))
		wrong(job, partition, offset, "withheld as superseded before a later update was released");
	if (job->releases[point] && outcome == SAID_SUPERSEDED &&
	        !later_job_was_released(job, partition, point, offset, end))
		wrong(job, partition, offset, "superseded by nothing");
	if (outcome == SAID_COMPLETED && (!job->releases[point] || !was_updated(job, point)))
		wrong(job, partition, offset, "completed on a point without an updated record");
	if (job->releases[point] && job->sent->all &&
	        !find_staged(job->sent->package, job->sent->version, point, NULL, job->first_release))
		wrong(job, partition, offset, "gate all: released before all were staged");
}

static void judge_update(const struct job_fact *job, int32_t partition, int64_t offset)
{
	unsigned targets = 0;

	if (job->early && !job->held && job->end != SAID_EXPIRED)
		wrong(job, partition, offset, "it waited for its version and was never said to be held");
	if (!job->target_count && job->end == SAID_EXPIRED && !job->has_outcomes && !job->sent->targets)
		return; /* its version came too late or never */
	for (int i = 0; i < POINTS; i++) {
		targets += job->targets >> i & 1;
		judge_target(job, partition, offset, i);
	}
	if (job->target_count != targets)
		wrong(job, partition, offset, "its releases tell another number of targets");
}

static void judge_create(const struct job_fact *job, int32_t partition, int64_t offset)
{
	for (int i = 0; i < POINTS; i++) {
		bool wanted = job->targets & 1u << i;
		if (wanted != (job->outcomes[i] != OUTCOME_NONE))
			wrong(job, partition, offset, "its outcomes are not those of its targets");
		if (job->outcomes[i] == SAID_COMPLETED && !find_staged(job->sent->package, job->sent->version,
		                                                  i, NULL, log_end(LOG_STAGED, partition)))
			wrong(job, partition, offset, "completed where nothing is staged");
		if (job->releases[i] || job->withheld[i])
			wrong(job, partition, offset, "a create was released");
	}
}

static void judge_accepted(
        const struct judge_terms *terms, const struct job_fact *job, int32_t partition, int64_t offset)
{
	if (job->accepted != 1 || job->ends != 1 || job->rejected || job->duplicates || job->dead)
		wrong(job, partition, offset, "an accepted job is accepted once and ends once");
	if (terms->far_deadlines && job->end != SAID_COMPLETED && job->end != SAID_SUPERSEDED)
		wrong(job, partition, offset, "all was healed in time, and it did not complete");
	if (job->end == SAID_FAILED && !terms->rejects)
		wrong(job, partition, offset, "it failed for nothing");
	if (job->end == SAID_EXPIRED && job->ended_ms + SKEW_MS < job->deadline_ms)
		wrong(job, partition, offset, "it expired before its deadline");
	if (job->has_outcomes && combine(job->outcomes) != job->end)
		wrong(job, partition, offset, "it ended otherwise than its outcomes say");
	if (job->said_targets != (job->early && !job->sent->targets ? 0 : job->targets))
		wrong(job, partition, offset, "it was accepted for other targets");
	if (job->sent->update)
		judge_update(job, partition, offset);
	else
		judge_create(job, partition, offset);
}

static void judge_job(
        const struct judge_terms *terms, const struct job_fact *job, int32_t partition, int64_t offset)
{
	unsigned answers = job->accepted + job->rejected + job->duplicates;
	bool named = job->sent && job->sent->kind == SENT_POISON_NAMED;

	switch (job->expected) {
	case EXPECT_ACCEPTED:
		judge_accepted(terms, job, partition, offset);
		return;
	case EXPECT_REJECTED:
		if (answers != 1 || job->rejected != 1 || job->dead)
			wrong(job, partition, offset, "it must be rejected once");
		break;
	case EXPECT_DUPLICATE:
		if (answers != 1 || job->duplicates != 1 || job->dead)
			wrong(job, partition, offset, "it must be answered as a duplicate once");
		break;
	case EXPECT_DEAD:
		if (job->dead != 1 || (named ? answers != 1 || job->rejected != 1 : answers > job->rejected))
			wrong(job, partition, offset, "it must be a dead letter once");
		break;
	case EXPECT_REROUTE:
		if (job->reroutes != 1 || answers || job->dead)
			wrong(job, partition, offset, "it must be sent on once");
		break;
	case EXPECT_NOTHING:
		if (answers || job->dead || job->reroutes)
			wrong(job, partition, offset, "something was said of nothing");
		break;
	}
	if (job->ends)
		wrong(job, partition, offset, "what was not accepted cannot end");
}

void judge_all(const struct judge_terms *terms)
{
	for (int32_t partition = 0; partition < PARTITIONS; partition++) {
		for (int64_t offset = 0; offset < log_end(LOG_JOBS, partition); offset++)
			judge_job(terms, job_fact(partition, offset), partition, offset);
		for (int64_t offset = 0; offset < log_end(LOG_STAGED, partition); offset++) {
			const struct staged_fact *fact = staged_fact(partition, offset);
			if (fact->dead != (fact->kind == IS_FOREIGN))
				world_violation("poison", "staged/%d@%lld: %u dead letters", (int)partition,
				        (long long)offset, fact->dead);
		}
	}
}
