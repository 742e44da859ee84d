/* The staged topic: what was staged for whom, and what was let through on it. */
#include "auditor/verify/verify_room.h"
#include "base/memory.h"

#include <stdlib.h>

/* ---- who may have wanted a copy */

static uint32_t claim_new(struct verify *verify)
{
	uint32_t number = verify->claim_free;

	if (number) {
		verify->claim_free = verify->claims[number - 1].next;
		return number;
	}
	if (verify->claim_count == verify->claim_capacity) {
		verify->claim_capacity = verify->claim_capacity ? 2 * verify->claim_capacity : 256;
		verify->claims =
		        memory_resize(verify->claims, verify->claim_capacity * sizeof(*verify->claims));
	}
	return ++verify->claim_count;
}

void copy_claim(struct verify *verify, uint64_t copy_print, uint64_t job)
{
	struct copy *copy = fingerprints_need(&verify->here->copies, copy_print);

	if (copy->settled)
		return;
	uint32_t number = claim_new(verify);
	verify->claims[number - 1] = (struct claim){job, copy->claims};
	copy->claims = number;
}

static bool is_claimed(const struct verify *verify, const struct copy *copy, uint64_t job)
{
	for (uint32_t number = copy->claims; number; number = verify->claims[number - 1].next)
		if (verify->claims[number - 1].job == job)
			return true;
	return copy->cause == job;
}

static void drop_claims(struct verify *verify, struct copy *copy)
{
	while (copy->claims) {
		uint32_t number = copy->claims;

		copy->claims = verify->claims[number - 1].next;
		verify->claims[number - 1].next = verify->claim_free;
		verify->claim_free = number;
	}
}

/* ---- staged */

/* A job that the copy may have been staged for; one that is not known waits for its acceptance. Whether that
 * is decided, and well. */
static bool check_cause(struct verify *verify, const struct fact *fact, const struct copy *copy, uint64_t key,
        uint64_t version)
{
	struct tracked *job;

	if (fact->job_position.offset < 0 || fact->job_position.partition != fact->position.partition) {
		violate(verify, VIOLATION_STAGED_WITHOUT_JOB, fact,
		        "it cites no job of its partition, but %.*s", SHOWN(fact->job_id));
		return false;
	}
	if (is_claimed(verify, copy, key))
		return true;
	job = tracked_find(verify, key);
	if (job && (job->marks & JOB_WAS_ACCEPTED)) {
		if (tracked_wants(job, copy->key, version))
			return true;
		violate(verify, VIOLATION_STAGED_WITHOUT_JOB, fact,
		        "job %.*s (jobs/%d@%lld) does not want %.*s of %.*s on %.*s", SHOWN(fact->job_id),
		        (int)fact->job_position.partition, (long long)fact->job_position.offset,
		        SHOWN(fact->version), SHOWN(fact->package), SHOWN(fact->point));
		return false;
	}
	if (log_is_cut(verify, LOG_STATUS, fact->position.partition)) {
		verify->counts.unproven++;
		return false;
	}
	job = tracked_need(verify, key, fact);
	job->claimed = memory_resize(job->claimed, (job->claimed_count + 1) * sizeof(*job->claimed));
	job->claimed[job->claimed_count++] =
	        (struct claimed){copy->key, version, fact->position.offset, fact->log_time_ms};
	return true;
}

void apply_staged(struct verify *verify, const struct fact *fact)
{
	uint64_t id = print_of(verify, fact->id), job = job_key(verify, fact->job_position);
	uint64_t version =
	        fingerprint_of(&verify->key, (const struct view[]){fact->package, fact->version}, 2);
	const struct staged *before = fingerprints_find(&verify->here->staged, id);
	uint64_t dp_id = print_of(verify, fact->dp_id);
	bool good = true;

	if (before) {
		violate(verify, VIOLATION_STAGED_TWICE, fact, "staged event %.*s was at offset %lld before",
		        SHOWN(fact->id), (long long)before->offset);
		return;
	}
	struct copy *copy = fingerprints_need(&verify->here->copies, copy_key(verify, fact, fact->point));
	before = copy->staged ? fingerprints_find(&verify->here->staged, copy->staged) : NULL;
	if (before && before->dp_id == dp_id) {
		violate(verify, VIOLATION_STAGED_TWICE, fact,
		        "it was staged there at offset %lld before, and the distribution point was not "
		        "replaced since",
		        (long long)before->offset);
		good = false;
	}
	if (!id_is_staged(fact, copy->count)) {
		violate(verify, VIOLATION_ID_WRONG, fact, "%.*s is not the id that this event would have",
		        SHOWN(fact->id));
		good = false;
	}
	good = version_agrees(verify, fact, version) && good;
	good = check_cause(verify, fact, copy, job, version) && good;
	struct staged *staged = fingerprints_need(&verify->here->staged, id);
	staged->copy = copy->key;
	staged->dp_id = dp_id;
	staged->digest = print_of(verify, fact->digest);
	staged->offset = fact->position.offset;
	staged->partition = fact->position.partition;
	copy->staged = id;
	copy->cause = job;
	copy->count++;
	drop_claims(verify, copy);
	verify->counts.staged_proven += good;
	tracked_settle(verify, job);
}

/* ---- release and withheld */

static const char *uncovered(const struct verify *verify, const struct fact *fact,
        const struct staged *staged, uint64_t copy_print)
{
	const struct copy *copy = fingerprints_find(&verify->here->copies, copy_print);

	if (staged->copy != copy_print)
		return "another package, version or distribution point";
	if (staged->dp_id != print_of(verify, fact->dp_id))
		return "another dp_id";
	if (staged->digest != print_of(verify, fact->digest))
		return "another digest";
	if (copy->staged != staged->id)
		return "content that was lost and staged again since";
	return NULL;
}

/* Whether a staged event before it covers the release. */
static bool check_cover(struct verify *verify, const struct fact *fact, uint64_t copy, bool *ret_unproven)
{
	const struct staged *staged =
	        fingerprints_find(&verify->here->staged, print_of(verify, fact->staged_id));
	const char *differs = staged ? uncovered(verify, fact, staged, copy) : NULL;

	*ret_unproven = !staged && log_is_cut(verify, LOG_STAGED, fact->position.partition);
	if (*ret_unproven)
		return true;
	if (!staged)
		violate(verify, VIOLATION_RELEASE_WITHOUT_STAGED, fact,
		        "version %.*s of %.*s is released to %.*s, but there is no staged event %.*s before "
		        "it",
		        SHOWN(fact->version), SHOWN(fact->package), SHOWN(fact->point),
		        SHOWN(fact->staged_id));
	else if (differs)
		violate(verify, VIOLATION_RELEASE_DIFFERS, fact,
		        "the staged event %.*s (offset %lld) that it cites is of %s", SHOWN(fact->staged_id),
		        (long long)staged->offset, differs);
	return staged && !differs;
}

/* The release is its pointer's newest now. */
static bool link_release(
        struct verify *verify, const struct fact *fact, uint64_t copy, uint64_t pointer_print, uint64_t job)
{
	struct pointer *pointer = fingerprints_need(&verify->here->pointers, pointer_print);
	uint64_t id = print_of(verify, fact->id);

	if (pointer->newest && pointer->newest_job >= fact->job_position.offset) {
		violate(verify, VIOLATION_RELEASE_ORDER, fact,
		        "job %.*s (offset %lld) is released to %.*s behind the later job at offset %lld",
		        SHOWN(fact->job_id), (long long)fact->job_position.offset, SHOWN(fact->point),
		        (long long)pointer->newest_job);
		return false;
	}
	struct release *release = fingerprints_need(&verify->here->releases, id);
	if (release->copy)
		return false; /* its job says that it is there twice */
	*release = (struct release){.id = id,
	        .copy = copy,
	        .pointer = pointer_print,
	        .job = job,
	        .job_id = print_of(verify, fact->job_id),
	        .staged = print_of(verify, fact->staged_id),
	        .dp_id = print_of(verify, fact->dp_id),
	        .digest = print_of(verify, fact->digest),
	        .older = pointer->newest,
	        .offset = fact->position.offset,
	        .partition = fact->position.partition};
	pointer->newest = id;
	pointer->newest_job = fact->job_position.offset;
	return true;
}

static enum job_state withheld_as(struct view reason)
{
	static const enum job_state states[] = {JOB_EXPIRED, JOB_SUPERSEDED, JOB_CANCELED};

	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++)
		if (view_is(reason, job_state_name(states[i])))
			return states[i];
	return JOB_FAILED;
}

static void check_targets(struct verify *verify, const struct fact *fact, struct tracked *job)
{
	if (!job->targets)
		job->targets = fact->targets;
	if (job->targets != fact->targets)
		violate(verify, VIOLATION_TARGETS_DIFFER, fact,
		        "it says that job %.*s has %u targets, which has %u", SHOWN(fact->job_id),
		        fact->targets, job->targets);
	else if (job->resolved > job->targets)
		violate(verify, VIOLATION_TARGETS_DIFFER, fact,
		        "job %.*s has %u targets, and this resolves a further one", SHOWN(fact->job_id),
		        job->targets);
}

/* Nothing of a job with gate all goes out before every target that is still the job's is staged. */
static void check_gate(struct verify *verify, const struct fact *fact, const struct tracked *job)
{
	for (uint32_t i = 0; i < job->part_count; i++) {
		const struct part *part = &job->parts[i];
		const struct copy *copy = fingerprints_find(&verify->here->copies, part->copy);

		if (!(part->state & PART_TARGET) || (part->state & PART_WITHHELD) || (copy && copy->staged))
			continue;
		violate(verify, VIOLATION_GATE_OPENED_EARLY, fact,
		        "job %.*s waits for all of its distribution points, and one of them is not staged "
		        "yet",
		        SHOWN(fact->job_id));
		return;
	}
}

/* The job hears of this distribution point. */
static bool resolve(
        struct verify *verify, const struct fact *fact, uint64_t copy, uint64_t key, uint8_t state)
{
	struct tracked *job = tracked_need(verify, key, fact);
	struct part *part;

	if (job->id != print_of(verify, fact->job_id) || (job->marks & JOB_IS_CREATE)) {
		violate(verify, VIOLATION_RELEASE_WITHOUT_JOB, fact,
		        "at jobs/%d@%lld lies no update with the id %.*s", (int)fact->job_position.partition,
		        (long long)fact->job_position.offset, SHOWN(fact->job_id));
		return false;
	}
	part = part_need(job, copy);
	if (part->state & (PART_RELEASED | PART_WITHHELD | PART_REFUSED)) {
		violate(verify, VIOLATION_RESOLVED_TWICE, fact,
		        "job %.*s was released to or withheld from %.*s at offset %lld before",
		        SHOWN(fact->job_id), SHOWN(fact->point), (long long)part->offset);
		return false;
	}
	part->state |= state;
	job->resolved++;
	part->offset = fact->position.offset;
	part->time_ms = fact->log_time_ms;
	if (state == PART_WITHHELD)
		part->withheld = (uint8_t)withheld_as(fact->reason);
	if ((job->marks & JOB_KNOWS_TARGETS) && !(part->state & PART_TARGET))
		violate(verify, VIOLATION_TARGET_UNKNOWN, fact,
		        "%.*s with version %.*s is no target of job %.*s", SHOWN(fact->point),
		        SHOWN(fact->version), SHOWN(fact->job_id));
	check_targets(verify, fact, job);
	if (fact->type == FACT_RELEASE && (job->marks & JOB_GATE_ALL) &&
	        !log_is_cut(verify, LOG_STAGED, fact->position.partition))
		check_gate(verify, fact, job);
	if ((part->state & PART_ENDED) && part_contradicts(part)) /* the end was read first */
		violate_at(verify, VIOLATION_END_CONTRADICTS, LOG_STATUS,
		        (struct position){fact->position.partition, job->end}, job->end_time_ms,
		        "it says %s of %.*s, which is not what the record at staged offset %lld allows",
		        job_state_name(part->outcome), SHOWN(fact->point), (long long)part->offset);
	return true;
}

void apply_decision(struct verify *verify, const struct fact *fact)
{
	uint64_t copy = copy_key(verify, fact, fact->point), job = job_key(verify, fact->job_position);
	uint8_t state = fact->type == FACT_RELEASE ? PART_RELEASED : PART_WITHHELD;
	bool good = true, unproven = false;

	if (!id_is_decision(fact)) {
		violate(verify, VIOLATION_ID_WRONG, fact, "%.*s is not the id that this record would have",
		        SHOWN(fact->id));
		good = false;
	}
	if (fact->type == FACT_RELEASE) {
		if (!check_cover(verify, fact, copy, &unproven)) {
			state = PART_REFUSED;
			good = false;
		} else {
			good = link_release(
			               verify, fact, copy, pointer_key(verify, fact, fact->point), job) &&
			       good;
		}
	} else {
		copy_claim(verify, copy, job); /* it may have been waited for under a job that is over */
	}
	if (fact->job_position.offset < 0)
		violate(verify, VIOLATION_RELEASE_WITHOUT_JOB, fact, "it does not say where its job lies");
	else if (log_is_cut(verify, LOG_STATUS, fact->position.partition) && !tracked_find(verify, job))
		unproven = true;
	else
		good = resolve(verify, fact, copy, job, state) && good;
	verify->counts.unproven += unproven;
	verify->counts.releases_proven += fact->type == FACT_RELEASE && good && !unproven;
	orphans_look(verify, false);
	tracked_settle(verify, job);
}
