/* Jobs: each record answered once, each answer for a record; and what is remembered of those in flight. */
#include "auditor/verify/verify_room.h"
#include "base/memory.h"
#include "engine/outbox.h"

#include <stdlib.h>
#include <string.h>

/* ---- what is remembered */

struct tracked *tracked_find(const struct verify *verify, uint64_t key)
{
	const struct job_entry *entry = fingerprints_find(&verify->jobs, key);

	return entry ? entry->job : NULL;
}

static struct position applied_at(const struct fact *fact)
{
	if (fact->topic == LOG_JOBS)
		return fact->position;
	if (fact->topic == LOG_DLQ)
		return fact->origin;
	return fact->type == FACT_DUPLICATE ? fact->duplicate : fact->job_position;
}

struct tracked *tracked_need(struct verify *verify, uint64_t key, const struct fact *fact)
{
	struct job_entry *entry = fingerprints_need(&verify->jobs, key);

	if (!entry->job) {
		struct tracked *job = entry->job = memory_alloc(sizeof(*job));

		job->position = applied_at(fact);
		job->topic = fact->topic;
		job->reported = fact->position;
		job->time_ms = fact->log_time_ms;
		job->id = fact->job_id.data ? print_of(verify, fact->job_id) : 0;
		if (fact->version.data)
			job->version = fingerprint_of(
			        &verify->key, (const struct view[]){fact->package, fact->version}, 2);
		if (verify->spec.mirror || lies_before_log(verify, LOG_JOBS, job->position))
			job->marks |= JOB_SEEN; /* its record is out of reach */
	}
	if (is_behind_end(verify, fact->topic, fact->position))
		entry->job->marks |= JOB_IS_LATE;
	return entry->job;
}

void tracked_free(struct tracked *job)
{
	free(job->parts);
	free(job->claimed);
	free(job);
}

struct part *part_find(const struct tracked *job, uint64_t copy)
{
	for (uint32_t i = 0; i < job->part_count; i++)
		if (job->parts[i].copy == copy)
			return &job->parts[i];
	return NULL;
}

struct part *part_need(struct tracked *job, uint64_t copy)
{
	struct part *part = part_find(job, copy);

	if (part)
		return part;
	if (job->part_count == job->part_capacity) {
		job->part_capacity = job->part_capacity ? 2 * job->part_capacity : 1;
		job->parts = memory_resize(job->parts, job->part_capacity * sizeof(*part));
	}
	part = &job->parts[job->part_count++];
	*part = (struct part){.copy = copy};
	return part;
}

bool tracked_wants(const struct tracked *job, uint64_t copy, uint64_t version)
{
	const struct part *part = part_find(job, copy);

	return job->marks & JOB_KNOWS_TARGETS ? part && (part->state & PART_TARGET) : job->version == version;
}

static bool is_settled(const struct verify *verify, const struct tracked *job)
{
	if (!(job->marks & JOB_SEEN))
		return false;
	if (job->marks & (JOB_WAS_REJECTED | JOB_WAS_DUPLICATE | JOB_WAS_REROUTED | JOB_WAS_BURIED))
		return job->part_count == 0;
	if (!(job->marks & JOB_WAS_ACCEPTED) || !(job->marks & JOB_HAS_ENDED))
		return false;
	for (uint32_t i = 0; i < job->part_count; i++)
		if (part_is_due(verify, job, &job->parts[i]))
			return false;
	return true;
}

/* A rejected job may have a dead letter too: whichever is read first, the other one finds it here. */
static void bury(struct verify *verify, uint64_t key, const struct tracked *job)
{
	uint64_t *oldest = &verify->buried_order[verify->buried_at++ % BURIED_MAX];
	struct buried *buried = *oldest ? fingerprints_find(&verify->buried, *oldest) : NULL;

	if (buried)
		fingerprints_remove(&verify->buried, buried);
	*oldest = key;
	buried = fingerprints_need(&verify->buried, key);
	buried->payload = job->payload;
	buried->rejected = (job->marks & JOB_WAS_REJECTED) != 0;
	buried->has_letter = (job->marks & JOB_WAS_BURIED) != 0;
}

/* Whether what is not found among the buried may have been there. */
static bool has_forgotten_buried(const struct verify *verify)
{
	return verify->buried_at > BURIED_MAX;
}

void tracked_settle(struct verify *verify, uint64_t key)
{
	struct job_entry *entry = fingerprints_find(&verify->jobs, key);

	if (!entry || !is_settled(verify, entry->job))
		return;
	if (entry->job->marks & (JOB_WAS_BURIED | JOB_WAS_REJECTED))
		bury(verify, key, entry->job);
	if (entry->job->marks & JOB_WAS_ACCEPTED)
		past_add(verify, entry->job);
	tracked_free(entry->job);
	fingerprints_remove(&verify->jobs, entry);
}

/* ---- job records */

static void answer(struct verify *verify, struct tracked *job, unsigned mark)
{
	int64_t *answered = in_partition(verify, verify->answered, job->position);

	job->marks |= mark;
	if (answered && job->position.offset > *answered)
		*answered = job->position.offset;
}

static uint64_t bytes_of(const struct verify *verify, struct view key, struct view value)
{
	return fingerprint_of(&verify->key, (const struct view[]){key, value}, 2);
}

/* Of a job record what its dead letter has: key and value, or, where they are too large, the value's hash. */
static uint64_t payload_of(const struct verify *verify, const struct fact *fact)
{
	char digest[DIGEST_SIZE];
	struct view none = {0};

	if (fact->key.len + fact->value.len <= DEAD_LETTER_BYTES_MAX)
		return bytes_of(verify, fact->key, fact->value);
	digest_of(fact->value, digest);
	return bytes_of(verify, fact->key.len > DEAD_LETTER_KEY_MAX ? none : fact->key, view_text(digest));
}

/* The record itself comes after an answer to it, or after what was made of its bytes. */
static void check_placeholder(struct verify *verify, const struct fact *fact, const struct tracked *job)
{
	uint64_t id = fact->job_id.data ? print_of(verify, fact->job_id) : 0;
	bool buried = job->topic == LOG_DLQ;

	if (job->payload && job->payload != payload_of(verify, fact))
		violate_at(verify, buried ? VIOLATION_DEAD_LETTER_DIFFERS : VIOLATION_REROUTE_WRONG,
		        job->topic, job->reported, job->time_ms,
		        "the job at jobs/%d@%lld, where it says that it came from, has other bytes",
		        (int)fact->position.partition, (long long)fact->position.offset);
	else if (id && job->id && id != job->id)
		violate_at(verify, VIOLATION_ANSWER_DIFFERS, job->topic, job->reported, job->time_ms,
		        "the job at jobs/%d@%lld that it is about has another id, %.*s",
		        (int)fact->position.partition, (long long)fact->position.offset, SHOWN(fact->job_id));
}

static void apply_origin(struct verify *verify, const struct fact *fact)
{
	struct fact origin = *fact;
	struct tracked *job;

	if (fact->origin.offset < 0 || fact->origin.partition >= verify->spec.partitions ||
	        verify->spec.package.data || lies_before_log(verify, LOG_JOBS, fact->origin))
		return;
	origin.position = fact->origin;
	uint64_t key = job_key(verify, fact->origin);
	job = tracked_find(verify, key);
	if (!job && lane_has_passed(verify, LOG_JOBS, fact->origin)) {
		violate(verify, VIOLATION_REROUTE_WRONG, fact,
		        "at jobs/%d@%lld, where it says that it came from, lies no job that is not answered",
		        (int)fact->origin.partition, (long long)fact->origin.offset);
		return;
	}
	if (!job) {
		job = tracked_need(verify, key, &origin);
		job->reported = fact->position;
		job->payload = job->marks & JOB_SEEN ? 0 : payload_of(verify, fact);
	}
	if (job->marks & JOB_ANSWERS)
		violate(verify, VIOLATION_ANSWERED_TWICE, fact,
		        "the job at jobs/%d@%lld, where it says that it came from, was answered there",
		        (int)fact->origin.partition, (long long)fact->origin.offset);
	else if ((job->marks & JOB_SEEN) && fact->job_id.data && job->id != print_of(verify, fact->job_id))
		violate(verify, VIOLATION_REROUTE_WRONG, fact,
		        "the job at jobs/%d@%lld, where it says that it came from, is another one",
		        (int)fact->origin.partition, (long long)fact->origin.offset);
	else if ((job->marks & JOB_SEEN) && job->payload != payload_of(verify, fact))
		violate(verify, VIOLATION_REROUTE_WRONG, fact,
		        "the job at jobs/%d@%lld, where it says that it came from, has other bytes",
		        (int)fact->origin.partition, (long long)fact->origin.offset);
	answer(verify, job, JOB_WAS_REROUTED);
	verify->counts.jobs_rerouted++;
	tracked_settle(verify, key);
}

/* Once both are known: the job's record, and that it was accepted. */
static void check_accepted(struct verify *verify, const struct tracked *job)
{
	if (!(job->marks & JOB_SEEN) || !(job->marks & JOB_WAS_ACCEPTED))
		return;
	if (job->marks & JOB_IS_UNREADABLE)
		violate_at(verify, VIOLATION_ANSWER_DIFFERS, LOG_STATUS,
		        (struct position){job->position.partition, job->accepted}, job->accepted_ms,
		        "the job at jobs/%d@%lld that it accepts cannot be read",
		        (int)job->position.partition, (long long)job->position.offset);
	version_learn(verify, job);
}

void apply_job(struct verify *verify, const struct fact *fact)
{
	uint64_t key = job_key(verify, fact->position);
	struct tracked *job;

	if (verify->spec.mirror)
		return;
	job = tracked_find(verify, key);
	if (job)
		check_placeholder(verify, fact, job);
	job = tracked_need(verify, key, fact);
	job->marks |= JOB_SEEN;
	job->payload = payload_of(verify, fact);
	if (view_is(fact->gate, "all"))
		job->marks |= JOB_GATE_ALL;
	if (fact->job_id.data)
		job->id = print_of(verify, fact->job_id);
	job->topic = LOG_JOBS;
	job->reported = fact->position;
	job->time_ms = fact->log_time_ms;
	job->content = content_print(verify, fact);
	if (fact->type == FACT_UNREADABLE)
		job->marks |= JOB_IS_UNREADABLE;
	check_accepted(verify, job);
	tracked_settle(verify, key);
	apply_origin(verify, fact);
}

/* ---- answers */

static bool ends_with(struct view text, const char *end)
{
	size_t len = strlen(end);

	return text.len >= len && memcmp(text.data + text.len - len, end, len) == 0;
}

static void check_letter(struct verify *verify, const struct fact *fact, uint64_t payload)
{
	if (payload && payload != bytes_of(verify, fact->key, fact->value))
		violate(verify, VIOLATION_DEAD_LETTER_DIFFERS, fact,
		        "the job at jobs/%d@%lld has other bytes", (int)fact->origin.partition,
		        (long long)fact->origin.offset);
}

/* Its job was answered before and is forgotten, but for what was buried. */
static void check_late_letter(struct verify *verify, const struct fact *fact, uint64_t key)
{
	struct buried *buried = fingerprints_find(&verify->buried, key);

	if (!buried && (has_forgotten_buried(verify) || lies_before_log(verify, LOG_JOBS, fact->origin))) {
		verify->counts.unproven++;
	} else if (!buried) {
		violate(verify, VIOLATION_DEAD_LETTER_DIFFERS, fact,
		        "at jobs/%d@%lld lies no job, or one that was answered otherwise",
		        (int)fact->origin.partition, (long long)fact->origin.offset);
	} else if (buried->has_letter) {
		violate(verify, VIOLATION_ANSWERED_TWICE, fact,
		        "the job at jobs/%d@%lld had a dead letter before", (int)fact->origin.partition,
		        (long long)fact->origin.offset);
	} else {
		check_letter(verify, fact, buried->payload);
		buried->has_letter = true;
	}
}

/* What its job has to be, where that comes later. */
static void expect_bytes(struct verify *verify, const struct fact *fact, struct tracked *job)
{
	job->payload = bytes_of(verify, fact->key, fact->value);
	job->topic = LOG_DLQ;
	job->reported = fact->position;
	job->time_ms = fact->log_time_ms;
}

void apply_dead_letter(struct verify *verify, const struct fact *fact)
{
	int64_t *consumed = in_partition(verify, verify->consumed, fact->origin);
	struct tracked *job;

	if (verify->spec.mirror || !consumed)
		return;
	if (ends_with(fact->origin_topic, log_topic_name(LOG_STAGED)) && fact->origin.offset > *consumed)
		*consumed = fact->origin.offset;
	if (!ends_with(fact->origin_topic, log_topic_name(LOG_JOBS)) ||
	        (verify->spec.package.data && fact->origin.partition != fact->position.partition))
		return; /* of one package one partition is read */
	uint64_t key = job_key(verify, fact->origin);
	job = tracked_find(verify, key);
	if (!job && lane_has_passed(verify, LOG_JOBS, fact->origin)) {
		check_late_letter(verify, fact, key);
		return;
	}
	job = tracked_need(verify, key, fact);
	check_letter(verify, fact, job->payload);
	if (!(job->marks & JOB_SEEN) && !job->payload)
		expect_bytes(verify, fact, job);
	if (job->marks & JOB_ANSWERS & ~JOB_WAS_REJECTED)
		violate(verify, VIOLATION_ANSWERED_TWICE, fact,
		        "the job at jobs/%d@%lld was answered otherwise before", (int)fact->origin.partition,
		        (long long)fact->origin.offset);
	answer(verify, job, JOB_WAS_BURIED);
	tracked_settle(verify, key);
}

/* The job that is answered; NULL: there is none, which was said. */
static struct tracked *job_of_answer(
        struct verify *verify, const struct fact *fact, struct position position, uint64_t key)
{
	struct tracked *job = tracked_find(verify, key);

	if (position.offset < 0 || position.partition != fact->position.partition) {
		violate(verify, VIOLATION_POSITION_WRONG, fact, "it says that job %.*s lies at jobs/%d@%lld",
		        SHOWN(fact->job_id), (int)position.partition, (long long)position.offset);
		return NULL;
	}
	if (job || !lane_has_passed(verify, LOG_JOBS, position))
		return tracked_need(verify, key, fact);
	if (lies_before_log(verify, LOG_JOBS, position)) {
		verify->counts.unproven++;
		return tracked_need(verify, key, fact);
	}
	bool rejected = view_is(fact->state, "rejected");
	struct buried *buried = rejected ? fingerprints_find(&verify->buried, key) : NULL;
	if (buried && !buried->rejected) {
		buried->rejected = true;
		verify->counts.jobs_rejected++;
		return NULL;
	}
	if (rejected && !buried && has_forgotten_buried(verify)) {
		verify->counts.unproven++;
		return NULL;
	}
	violate(verify, VIOLATION_ANSWER_WITHOUT_JOB, fact,
	        "at jobs/%d@%lld lies no job, or one that was answered before", (int)position.partition,
	        (long long)position.offset);
	job = tracked_need(verify, key, fact);
	job->marks |= JOB_SEEN; /* said once */
	return job;
}

static bool check_answer(struct verify *verify, const struct fact *fact, const struct tracked *job)
{
	bool buried = view_is(fact->state, "rejected");

	if (job->marks & JOB_ANSWERS & ~(buried ? JOB_WAS_BURIED : 0u)) {
		violate(verify, VIOLATION_ANSWERED_TWICE, fact, "job %.*s (jobs/%d@%lld) was answered before",
		        SHOWN(fact->job_id), (int)job->position.partition, (long long)job->position.offset);
		return false;
	}
	if (job->id && job->id != print_of(verify, fact->job_id)) {
		violate(verify, VIOLATION_ANSWER_DIFFERS, fact,
		        "the job at jobs/%d@%lld has another id than %.*s", (int)job->position.partition,
		        (long long)job->position.offset, SHOWN(fact->job_id));
		return false;
	}
	if (fact->type == FACT_DUPLICATE && (fact->original.partition != fact->duplicate.partition ||
	                                            fact->original.offset >= fact->duplicate.offset)) {
		violate(verify, VIOLATION_ANSWER_DIFFERS, fact, "its original does not lie before it");
		return false;
	}
	if (fact->type == FACT_DUPLICATE)
		check_original(verify, fact);
	return true;
}

static void take_targets(struct verify *verify, const struct fact *fact, struct tracked *job, uint64_t key)
{
	struct view json = fact->points, name, ignored;
	uint32_t count = 0;

	for (; fact_next(verify->names, &json, &name, &ignored); count++) {
		uint64_t copy = copy_key(verify, fact, name);

		part_need(job, copy)->state |= PART_TARGET;
		copy_claim(verify, copy, key);
	}
	job->marks |= JOB_KNOWS_TARGETS;
	for (uint32_t i = 0; i < job->part_count; i++) { /* what was released before this was read */
		const struct part *part = &job->parts[i];
		struct position position = {fact->position.partition, part->offset};

		if (!(part->state & (PART_RELEASED | PART_WITHHELD | PART_REFUSED)))
			continue;
		if (!(part->state & PART_TARGET))
			violate_at(verify, VIOLATION_TARGET_UNKNOWN, LOG_STAGED, position, part->time_ms,
			        "its distribution point is no target of job %.*s", SHOWN(fact->job_id));
		if (job->targets != count)
			violate_at(verify, VIOLATION_TARGETS_DIFFER, LOG_STAGED, position, part->time_ms,
			        "it says that job %.*s has %u targets, which has %u", SHOWN(fact->job_id),
			        job->targets, count);
	}
	job->targets = count;
}

/* Staged events that waited for this acceptance. */
static void check_claimed(struct verify *verify, const struct fact *fact, struct tracked *job)
{
	for (uint32_t i = 0; i < job->claimed_count; i++)
		if (!tracked_wants(job, job->claimed[i].copy, job->claimed[i].version))
			violate_at(verify, VIOLATION_STAGED_WITHOUT_JOB, LOG_STAGED,
			        (struct position){fact->position.partition, job->claimed[i].offset},
			        job->claimed[i].time_ms, "job %.*s does not want it", SHOWN(fact->job_id));
	free(job->claimed);
	job->claimed = NULL;
	job->claimed_count = 0;
}

static void accept(struct verify *verify, const struct fact *fact, struct tracked *job, uint64_t key)
{
	uint64_t version =
	        fingerprint_of(&verify->key, (const struct view[]){fact->package, fact->version}, 2);

	if (job->version && job->version != version)
		violate(verify, VIOLATION_ANSWER_DIFFERS, fact,
		        "the job at jobs/%d@%lld is of another package or version",
		        (int)job->position.partition, (long long)job->position.offset);
	job->id = print_of(verify, fact->job_id);
	job->version = version;
	job->package = print_of(verify, fact->package);
	job->accepted = fact->position.offset;
	job->accepted_ms = fact->log_time_ms;
	if (view_is(fact->job_type, "create"))
		job->marks |= JOB_IS_CREATE;
	if (fact->points.data)
		take_targets(verify, fact, job, key);
	check_claimed(verify, fact, job);
	check_accepted(verify, job);
}

void apply_answer(struct verify *verify, const struct fact *fact)
{
	const char *kind = fact->type == FACT_DUPLICATE       ? "duplicate"
	                   : view_is(fact->state, "accepted") ? "accepted"
	                                                      : "rejected";
	struct position position = applied_at(fact);
	uint64_t key = job_key(verify, position);
	struct tracked *job = job_of_answer(verify, fact, position, key);

	if (!id_is_answer(fact, kind))
		violate(verify, VIOLATION_ID_WRONG, fact, "%.*s is not the id that this record would have",
		        SHOWN(fact->id));
	if (!job || !check_answer(verify, fact, job))
		return;
	if (fact->type == FACT_DUPLICATE) {
		verify->counts.jobs_duplicate++;
		answer(verify, job, JOB_WAS_DUPLICATE);
	} else if (kind[0] == 'r') {
		verify->counts.jobs_rejected++;
		answer(verify, job, JOB_WAS_REJECTED);
	} else {
		answer(verify, job, JOB_WAS_ACCEPTED);
		accept(verify, fact, job, key);
	}
	tracked_settle(verify, key);
}
