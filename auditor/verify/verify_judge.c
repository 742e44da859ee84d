/* What is missing of a job once everything has been read. */
#include "auditor/verify/verify_room.h"

struct judgement {
	struct verify *verify;
	const struct tracked *job;
	bool say;
	unsigned found;
};

/* What a missing record would lie in is open: it may be there, in a transaction that is not decided yet. */
static bool may_come(const struct judgement *judgement, enum log_topic topic)
{
	return judgement->say && lane_is_open(judgement->verify, topic, judgement->job->position.partition);
}

/* It may have lain before the log's present beginning. */
static bool is_gone(const struct judgement *judgement, enum log_topic topic)
{
	bool gone = log_is_cut(judgement->verify, topic, judgement->job->reported.partition);

	judgement->verify->counts.unproven += gone && judgement->say;
	return gone;
}

static bool any_may_come(const struct judgement *judgement)
{
	return may_come(judgement, LOG_STATUS) || may_come(judgement, LOG_JOBS) ||
	       may_come(judgement, LOG_DLQ);
}

static void find(struct judgement *judgement, enum violation_code code, const char *words)
{
	const struct tracked *job = judgement->job;

	judgement->found++;
	if (judgement->say)
		violate_at(judgement->verify, code, job->topic, job->reported, job->time_ms, "%s", words);
}

static void find_at(struct judgement *judgement, enum violation_code code, enum log_topic topic,
        int64_t offset, int64_t time_ms, const char *words)
{
	struct position position = {judgement->job->reported.partition, offset};

	if (is_behind_end(judgement->verify, topic, position))
		return;
	judgement->found++;
	if (judgement->say)
		violate_at(judgement->verify, code, topic, position, time_ms, "%s", words);
}

/* Whether its answer may be gone with the beginning of the log: a status, a dead letter, or the job that it
 * was sent on as, on any partition. */
static bool answer_may_be_gone(const struct judgement *judgement)
{
	const struct verify *verify = judgement->verify;
	int32_t partition = judgement->job->position.partition;

	if (log_is_cut(verify, LOG_STATUS, partition) || log_is_cut(verify, LOG_DLQ, partition))
		return true;
	for (int32_t i = 0; i < verify->spec.partitions; i++)
		if (log_is_cut(verify, LOG_JOBS, i))
			return true;
	return false;
}

static void judge_record(struct judgement *judgement)
{
	const struct tracked *job = judgement->job;
	bool has_answer = (job->marks & JOB_ANSWERS) != 0;
	const int64_t *answered = in_partition(judgement->verify, judgement->verify->answered, job->position);

	if (job->marks & JOB_SEEN) {
		if (!has_answer && answered && *answered > job->position.offset && !any_may_come(judgement) &&
		        !answer_may_be_gone(judgement))
			find(judgement, VIOLATION_JOB_UNANSWERED,
			        "later jobs of its partition were answered, and this one was not");
		return;
	}
	if (may_come(judgement, LOG_JOBS))
		return;
	if (job->marks & JOB_WAS_REROUTED)
		find(judgement, VIOLATION_REROUTE_WRONG, "where it says that it came from lies no job");
	else if (job->marks & JOB_WAS_BURIED)
		find(judgement, VIOLATION_DEAD_LETTER_DIFFERS, "where it says that it came from lies no job");
	else if (job->marks & (JOB_WAS_ACCEPTED | JOB_WAS_REJECTED | JOB_WAS_DUPLICATE))
		find(judgement, VIOLATION_ANSWER_WITHOUT_JOB, "where it says that its job lies is none");
}

static void judge_unaccepted(struct judgement *judgement)
{
	const struct tracked *job = judgement->job;

	if (!job->claimed_count && !job->part_count)
		return;
	if (may_come(judgement, LOG_STATUS) || is_gone(judgement, LOG_STATUS))
		return;
	for (uint32_t i = 0; i < job->claimed_count; i++)
		find_at(judgement, VIOLATION_STAGED_WITHOUT_JOB, LOG_STAGED, job->claimed[i].offset,
		        job->claimed[i].time_ms,
		        "the job that it cites was never accepted, or never wanted it");
	for (uint32_t i = 0; i < job->part_count; i++)
		if (job->parts[i].state & (PART_RELEASED | PART_WITHHELD | PART_REFUSED))
			find_at(judgement, VIOLATION_RELEASE_WITHOUT_JOB, LOG_STAGED, job->parts[i].offset,
			        job->parts[i].time_ms,
			        "the job that it cites was never accepted, or had ended before");
}

static const char *what_is_due(const struct tracked *job, const struct part *part)
{
	if (job->marks & JOB_IS_CREATE)
		return "it says completed of a distribution point where the version was never staged";
	if (!(part->state & PART_ENDED))
		return "it has no outcome for a distribution point that the job was released to or withheld "
		       "from";
	if (!(part->state & (PART_RELEASED | PART_WITHHELD | PART_REFUSED)))
		return "it has an outcome for a distribution point that the job was never released to nor "
		       "withheld from";
	return "it says completed of a distribution point of which no updated record says so";
}

/* Whether what its outcome rests on may be gone. */
static bool part_may_be_gone(const struct judgement *judgement, const struct part *part)
{
	bool released = (part->state & (PART_RELEASED | PART_WITHHELD | PART_REFUSED)) != 0;

	if (released && !(part->state & PART_ENDED))
		return false;
	return is_gone(judgement, released ? LOG_UPDATED : LOG_STAGED);
}

static void judge_ended(struct judgement *judgement)
{
	const struct tracked *job = judgement->job;

	if (may_come(judgement, LOG_STAGED) || may_come(judgement, LOG_UPDATED))
		return;
	for (uint32_t i = 0; i < job->part_count; i++)
		if (part_is_due(judgement->verify, job, &job->parts[i]) &&
		        !part_may_be_gone(judgement, &job->parts[i]))
			find_at(judgement, VIOLATION_END_CONTRADICTS, LOG_STATUS, job->end, job->end_time_ms,
			        what_is_due(job, &job->parts[i]));
}

/* Whether the one who ends the job knows that there is nothing left to wait for. */
static bool is_finished(const struct verify *verify, const struct tracked *job)
{
	const int64_t *consumed = in_partition(verify, verify->consumed, job->position);

	if (!consumed || !job->targets || job->part_count != job->targets)
		return false;
	for (uint32_t i = 0; i < job->part_count; i++) {
		const struct part *part = &job->parts[i];
		const struct copy *copy = fingerprints_find(&verify->here->copies, part->copy);
		bool refused = (part->state & (PART_WITHHELD | PART_REFUSED)) && part->offset <= *consumed;

		if (job->marks & JOB_IS_CREATE ? !(copy && copy->staged && copy->settled)
		                               : !refused && !(part->state & PART_UPDATED))
			return false;
	}
	return true;
}

unsigned tracked_judge(struct verify *verify, const struct tracked *job, bool say)
{
	struct judgement judgement = {.verify = verify, .job = job, .say = say};

	if (job->marks & JOB_IS_LATE)
		return 0;
	verify->here = &verify->shelves[job->reported.partition];
	judge_record(&judgement);
	if (!(job->marks & JOB_WAS_ACCEPTED))
		judge_unaccepted(&judgement);
	else if (job->marks & JOB_HAS_ENDED)
		judge_ended(&judgement);
	else if (is_finished(verify, job) && !may_come(&judgement, LOG_STATUS))
		find(&judgement, VIOLATION_END_MISSING,
		        "all of its distribution points are done, and it has no final status");
	return judgement.found;
}
