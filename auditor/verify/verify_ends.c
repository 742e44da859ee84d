/* How jobs fare after their acceptance, as the status topic tells it: held, ended, and the distribution
 * points on the way. */
#include "auditor/verify/verify_room.h"

#include <string.h>

/* ---- held, and words about distribution points */

/* The job, accepted before in this lane and not ended; NULL: said. */
static struct tracked *live_job(struct verify *verify, const struct fact *fact, uint64_t key)
{
	struct tracked *job = tracked_find(verify, key);

	if (job && (job->marks & JOB_WAS_ACCEPTED) && job->id == print_of(verify, fact->job_id)) {
		if (is_behind_end(verify, fact->topic, fact->position))
			job->marks |= JOB_IS_LATE;
		return job;
	}
	if (log_is_cut(verify, LOG_STATUS, fact->position.partition))
		verify->counts.unproven++;
	else
		violate(verify, VIOLATION_STATUS_WITHOUT_JOB, fact,
		        "at jobs/%d@%lld lies no job %.*s that was accepted before this and has not ended",
		        (int)fact->job_position.partition, (long long)fact->job_position.offset,
		        SHOWN(fact->job_id));
	return NULL;
}

/* Ids of what is said on the way are not derived from what the record says, and are too many to be kept. */
static void check_doubled(struct verify *verify, const struct fact *fact)
{
	uint64_t id = print_of(verify, fact->id), *oldest = &verify->recent[verify->recent_at++ % RECENT_MAX];

	if (fingerprints_find(&verify->ids, id)) {
		violate(verify, VIOLATION_ID_DOUBLED, fact, "another status before it has the id %.*s",
		        SHOWN(fact->id));
		return;
	}
	if (*oldest)
		fingerprints_remove(&verify->ids, fingerprints_find(&verify->ids, *oldest));
	fingerprints_need(&verify->ids, id);
	*oldest = id;
}

void apply_held(struct verify *verify, const struct fact *fact)
{
	struct tracked *job = live_job(verify, fact, job_key(verify, fact->job_position));

	check_doubled(verify, fact);
	if (job && (job->marks & JOB_HAS_ENDED))
		violate(verify, VIOLATION_STATUS_WITHOUT_JOB, fact, "job %.*s has ended before",
		        SHOWN(fact->job_id));
}

void apply_point(struct verify *verify, const struct fact *fact)
{
	struct copy *copy = fingerprints_find(&verify->here->copies, copy_key(verify, fact, fact->point));

	check_doubled(verify, fact);
	if (copy)
		copy->settled = view_is(fact->state, "staged") || view_is(fact->state, "updated");
}

/* ---- ends */

static bool outcome_of(struct view text, enum job_state *ret)
{
	static const enum job_state states[] = {
	        JOB_COMPLETED, JOB_FAILED, JOB_EXPIRED, JOB_SUPERSEDED, JOB_CANCELED};

	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++)
		if (view_is(text, job_state_name(states[i]))) {
			*ret = states[i];
			return true;
		}
	return false;
}

bool part_contradicts(const struct part *part)
{
	if (part->state & PART_WITHHELD)
		return part->outcome != part->withheld;
	if (part->state & PART_REFUSED)
		return part->outcome != JOB_FAILED;
	if (part->state & PART_RELEASED)
		return part->outcome != JOB_COMPLETED && part->outcome != JOB_SUPERSEDED &&
		       part->outcome != JOB_EXPIRED;
	return false;
}

bool part_is_due(const struct verify *verify, const struct tracked *job, const struct part *part)
{
	if (job->marks & JOB_IS_CREATE) {
		const struct copy *copy = fingerprints_find(&verify->here->copies, part->copy);
		return part->outcome == JOB_COMPLETED && !(copy && copy->staged);
	}
	if (!(part->state & PART_ENDED)) /* an update that was ended before it had targets */
		return (part->state & (PART_RELEASED | PART_WITHHELD | PART_REFUSED)) != 0;
	if (!(part->state & (PART_RELEASED | PART_WITHHELD | PART_REFUSED)))
		return true;
	return part->outcome == JOB_COMPLETED && !(part->state & PART_UPDATED);
}

struct tally { /* of the outcomes of one end */
	uint32_t count;
	bool any[JOB_REJECTED + 1];
};

static enum job_state combined(const struct tally *tally)
{
	static const enum job_state by_weight[] = {JOB_FAILED, JOB_EXPIRED, JOB_CANCELED, JOB_COMPLETED};

	for (size_t i = 0; i < sizeof(by_weight) / sizeof(*by_weight); i++)
		if (tally->any[by_weight[i]])
			return by_weight[i];
	return JOB_SUPERSEDED;
}

static void take_outcome(struct verify *verify, const struct fact *fact, struct tracked *job,
        struct view point, enum job_state outcome)
{
	struct part *part = part_need(job, copy_key(verify, fact, point));
	int64_t *consumed = &verify->consumed[fact->position.partition];

	if ((job->marks & JOB_KNOWS_TARGETS) && !(part->state & PART_TARGET))
		violate(verify, VIOLATION_TARGET_UNKNOWN, fact, "%.*s is no target of job %.*s", SHOWN(point),
		        SHOWN(fact->job_id));
	part->state |= PART_ENDED;
	part->outcome = (uint8_t)outcome;
	if (part_contradicts(part))
		violate(verify, VIOLATION_END_CONTRADICTS, fact,
		        "it says %s of %.*s, which is not what the record at staged offset %lld allows",
		        job_state_name(outcome), SHOWN(point), (long long)part->offset);
	if ((part->state & (PART_RELEASED | PART_WITHHELD | PART_REFUSED)) && part->offset > *consumed)
		*consumed = part->offset;
}

static void take_outcomes(
        struct verify *verify, const struct fact *fact, struct tracked *job, struct tally *tally)
{
	struct view json = fact->outcomes, point, text;
	enum job_state outcome;

	for (; fact_next(verify->names, &json, &point, &text); tally->count++) {
		if (outcome_of(text, &outcome)) {
			tally->any[outcome] = true;
			take_outcome(verify, fact, job, point, outcome);
		} else {
			violate(verify, VIOLATION_END_CONTRADICTS, fact, "%.*s is no outcome of %.*s",
			        SHOWN(text), SHOWN(point));
		}
	}
}

static void check_end(
        struct verify *verify, const struct fact *fact, struct tracked *job, const struct tally *tally)
{
	bool aimless = tally->count == 0 && !(job->marks & JOB_KNOWS_TARGETS);
	enum job_state state = JOB_REJECTED;

	if (!fact->final || !outcome_of(fact->state, &state))
		violate(verify, VIOLATION_END_CONTRADICTS, fact, "a job that is %.*s has its final status",
		        SHOWN(fact->state));
	else if (aimless ? state != JOB_EXPIRED && state != JOB_FAILED : state != combined(tally))
		violate(verify, VIOLATION_END_CONTRADICTS, fact, "its outcomes do not make it %.*s",
		        SHOWN(fact->state));
	if (!aimless && job->targets && tally->count != job->targets)
		violate(verify, VIOLATION_END_CONTRADICTS, fact, "it has %u outcomes for %u targets",
		        tally->count, job->targets);
}

void apply_end(struct verify *verify, const struct fact *fact)
{
	uint64_t key = job_key(verify, fact->job_position);
	struct tracked *job = live_job(verify, fact, key);
	struct tally tally = {0};

	if (!job)
		return;
	if (job->marks & JOB_HAS_ENDED) {
		violate(verify, VIOLATION_ENDED_TWICE, fact, "job %.*s has ended at status offset %lld",
		        SHOWN(fact->job_id), (long long)job->end);
		return;
	}
	if (!id_is_end(fact))
		violate(verify, VIOLATION_ID_WRONG, fact, "%.*s is not the id that this record would have",
		        SHOWN(fact->id));
	take_outcomes(verify, fact, job, &tally);
	check_end(verify, fact, job, &tally);
	job->marks |= JOB_HAS_ENDED;
	job->end = fact->position.offset;
	job->end_time_ms = fact->log_time_ms;
	verify->counts.jobs_ended++;
	tracked_settle(verify, key);
}
