/* One fact in: is it what it should be as such, and whose rules are next? */
#include "auditor/verify/verify.h"

#include "auditor/verify/verify_room.h"
#include "base/memory.h"
#include "engine/route.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *violation_code_name(enum violation_code code)
{
	static const char *const names[] = {
	        [VIOLATION_UNREADABLE] = "unreadable",
	        [VIOLATION_KEY_MISMATCH] = "key_mismatch",
	        [VIOLATION_WRONG_PARTITION] = "wrong_partition",
	        [VIOLATION_ID_WRONG] = "id_wrong",
	        [VIOLATION_ID_DOUBLED] = "id_doubled",
	        [VIOLATION_STAGED_TWICE] = "staged_twice",
	        [VIOLATION_STAGED_WITHOUT_JOB] = "staged_without_job",
	        [VIOLATION_DIGEST_CHANGED] = "digest_changed",
	        [VIOLATION_RELEASE_WITHOUT_STAGED] = "release_without_staged",
	        [VIOLATION_RELEASE_DIFFERS] = "release_differs",
	        [VIOLATION_RELEASE_ORDER] = "release_order",
	        [VIOLATION_RELEASE_WITHOUT_JOB] = "release_without_job",
	        [VIOLATION_GATE_OPENED_EARLY] = "gate_opened_early",
	        [VIOLATION_RESOLVED_TWICE] = "resolved_twice",
	        [VIOLATION_TARGET_UNKNOWN] = "target_unknown",
	        [VIOLATION_TARGETS_DIFFER] = "targets_differ",
	        [VIOLATION_UPDATED_WITHOUT_RELEASE] = "updated_without_release",
	        [VIOLATION_UPDATED_WITHOUT_STAGED] = "updated_without_staged",
	        [VIOLATION_UPDATED_DIFFERS] = "updated_differs",
	        [VIOLATION_UPDATED_TWICE] = "updated_twice",
	        [VIOLATION_POINTER_BACK] = "pointer_back",
	        [VIOLATION_POSITION_WRONG] = "position_wrong",
	        [VIOLATION_PREVIOUS_WRONG] = "previous_wrong",
	        [VIOLATION_ANSWER_WITHOUT_JOB] = "answer_without_job",
	        [VIOLATION_ANSWER_DIFFERS] = "answer_differs",
	        [VIOLATION_ANSWERED_TWICE] = "answered_twice",
	        [VIOLATION_JOB_UNANSWERED] = "job_unanswered",
	        [VIOLATION_REROUTE_WRONG] = "reroute_wrong",
	        [VIOLATION_DEAD_LETTER_DIFFERS] = "dead_letter_differs",
	        [VIOLATION_STATUS_WITHOUT_JOB] = "status_without_job",
	        [VIOLATION_ENDED_TWICE] = "ended_twice",
	        [VIOLATION_END_MISSING] = "end_missing",
	        [VIOLATION_END_CONTRADICTS] = "end_contradicts",
	};

	return names[code];
}

static size_t lane_number(const struct verify *verify, enum log_topic topic, int32_t partition)
{
	return (size_t)topic * (size_t)verify->spec.partitions + (size_t)partition;
}

static void shelf_init(struct shelf *shelf)
{
	fingerprints_init(&shelf->staged, sizeof(struct staged));
	fingerprints_init(&shelf->copies, sizeof(struct copy));
	fingerprints_init(&shelf->versions, sizeof(struct version));
	fingerprints_init(&shelf->releases, sizeof(struct release));
	fingerprints_init(&shelf->pointers, sizeof(struct pointer));
	fingerprints_init(&shelf->pasts, sizeof(struct past));
}

static void shelf_release(struct shelf *shelf)
{
	fingerprints_release(&shelf->staged);
	fingerprints_release(&shelf->copies);
	fingerprints_release(&shelf->versions);
	fingerprints_release(&shelf->releases);
	fingerprints_release(&shelf->pointers);
	past_free(shelf);
}

struct verify *verify_new(const struct verify_spec *spec)
{
	struct verify *verify = memory_alloc(sizeof(*verify));
	size_t partitions = (size_t)spec->partitions;

	verify->spec = *spec;
	verify->key = fingerprint_key_new();
	verify->names = fact_reader_new();
	verify->shelves = memory_alloc(partitions * sizeof(*verify->shelves));
	for (size_t i = 0; i < partitions; i++)
		shelf_init(&verify->shelves[i]);
	verify->here = verify->shelves;
	fingerprints_init(&verify->jobs, sizeof(struct job_entry));
	fingerprints_init(&verify->ids, sizeof(uint64_t));
	verify->recent = memory_alloc(RECENT_MAX * sizeof(*verify->recent));
	fingerprints_init(&verify->buried, sizeof(struct buried));
	verify->buried_order = memory_alloc(BURIED_MAX * sizeof(*verify->buried_order));
	verify->lane_begins = memory_alloc(LOG_TOPICS * partitions * sizeof(int64_t));
	verify->lane_next = memory_alloc(LOG_TOPICS * partitions * sizeof(int64_t));
	verify->lane_ends = memory_alloc(LOG_TOPICS * partitions * sizeof(int64_t));
	for (size_t i = 0; i < LOG_TOPICS * partitions; i++)
		verify->lane_ends[i] = INT64_MAX;
	verify->answered = memory_alloc(partitions * sizeof(int64_t));
	verify->consumed = memory_alloc(partitions * sizeof(int64_t));
	for (size_t i = 0; i < partitions; i++)
		verify->answered[i] = verify->consumed[i] = -1;
	return verify;
}

void verify_free(struct verify *verify)
{
	const struct job_entry *entry;

	if (!verify)
		return;
	for (size_t cursor = 0; (entry = fingerprints_next(&verify->jobs, &cursor)) != NULL;)
		tracked_free(entry->job);
	for (int32_t i = 0; i < verify->spec.partitions; i++)
		shelf_release(&verify->shelves[i]);
	free(verify->shelves);
	fingerprints_release(&verify->jobs);
	fingerprints_release(&verify->ids);
	free(verify->recent);
	fingerprints_release(&verify->buried);
	free(verify->buried_order);
	fact_reader_free(verify->names);
	free(verify->claims);
	free(verify->orphans);
	free(verify->lane_begins);
	free(verify->lane_next);
	free(verify->lane_ends);
	free(verify->answered);
	free(verify->consumed);
	free(verify);
}

void verify_lane(struct verify *verify, enum log_topic topic, int32_t partition, int64_t begin, int64_t end)
{
	size_t lane = lane_number(verify, topic, partition);

	verify->lane_begins[lane] = verify->lane_next[lane] = begin;
	verify->lane_ends[lane] = end;
}

static void report(struct verify *verify, enum violation_code code, enum log_topic topic,
        struct position position, int64_t time_ms, const char *format, va_list arguments)
{
	char detail[ERROR_MESSAGE_MAX];
	struct violation violation = {
	        .code = code, .topic = topic, .position = position, .log_time_ms = time_ms, .detail = detail};

	vsnprintf(detail, sizeof(detail), format, arguments);
	verify->counts.violations++;
	verify->spec.report(&violation, verify->spec.context);
}

void violate(
        struct verify *verify, enum violation_code code, const struct fact *fact, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	report(verify, code, fact->topic, fact->position, fact->log_time_ms, format, arguments);
	va_end(arguments);
}

void violate_at(struct verify *verify, enum violation_code code, enum log_topic topic,
        struct position position, int64_t time_ms, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	report(verify, code, topic, position, time_ms, format, arguments);
	va_end(arguments);
}

/* ---- names */

uint64_t print_of(const struct verify *verify, struct view text)
{
	return fingerprint(&verify->key, text);
}

uint64_t job_key(const struct verify *verify, struct position position)
{
	uint64_t words[2] = {(uint64_t)position.partition, (uint64_t)position.offset};

	return fingerprint(&verify->key, (struct view){(const char *)words, sizeof(words)});
}

uint64_t copy_key(const struct verify *verify, const struct fact *fact, struct view point)
{
	return fingerprint_of(&verify->key, (const struct view[]){fact->package, fact->version, point}, 3);
}

uint64_t pointer_key(const struct verify *verify, const struct fact *fact, struct view point)
{
	return fingerprint_of(&verify->key, (const struct view[]){fact->package, point}, 2);
}

/* ---- lanes */

static bool is_of_log(const struct verify *verify, struct position position)
{
	return position.offset >= 0 && position.partition >= 0 &&
	       position.partition < verify->spec.partitions;
}

int64_t *in_partition(const struct verify *verify, int64_t *by_partition, struct position position)
{
	return is_of_log(verify, position) ? &by_partition[position.partition] : NULL;
}

bool lane_has_passed(const struct verify *verify, enum log_topic topic, struct position position)
{
	return !verify->spec.mirror && is_of_log(verify, position) &&
	       position.offset < verify->lane_next[lane_number(verify, topic, position.partition)];
}

bool lies_before_log(const struct verify *verify, enum log_topic topic, struct position position)
{
	return !verify->spec.mirror && is_of_log(verify, position) &&
	       position.offset < verify->lane_begins[lane_number(verify, topic, position.partition)];
}

bool is_behind_end(const struct verify *verify, enum log_topic topic, struct position position)
{
	return position.offset >= verify->lane_ends[lane_number(verify, topic, position.partition)];
}

bool log_is_cut(const struct verify *verify, enum log_topic topic, int32_t partition)
{
	return verify->lane_begins[lane_number(verify, topic, partition)] > 0;
}

bool lane_is_open(const struct verify *verify, enum log_topic topic, int32_t partition)
{
	return verify->is_open && partition >= 0 && partition < verify->spec.partitions &&
	       verify->is_open(verify->is_open_context, topic, partition);
}

static void move_lane(struct verify *verify, const struct fact *fact)
{
	verify->lane_next[lane_number(verify, fact->topic, fact->position.partition)] =
	        fact->position.offset + 1;
}

/* ---- facts */

static int32_t partition_of(struct verify *verify, struct view key)
{
	uint64_t print = print_of(verify, key);

	if (print != verify->key_seen) {
		verify->key_seen = print;
		verify->key_partition = route_partition(key, verify->spec.partitions);
	}
	return verify->key_partition;
}

/* Whether a record of staged, updated or status is one that can be judged further: what is not is no
 * evidence either. */
static bool is_sound(struct verify *verify, const struct fact *fact)
{
	if (fact->type == FACT_UNREADABLE) {
		violate(verify, VIOLATION_UNREADABLE, fact, "%.*s (%.*s)", SHOWN(fact->detail),
		        SHOWN(fact->reason));
		return false;
	}
	if (!fact->key.data || !view_equal(fact->key, fact->package)) {
		violate(verify, VIOLATION_KEY_MISMATCH, fact,
		        "its key is \"%.*s\", but it is about package %.*s", SHOWN(fact->key),
		        SHOWN(fact->package));
		return false;
	}
	int32_t partition = partition_of(verify, fact->key);
	if (partition != fact->position.partition) {
		violate(verify, VIOLATION_WRONG_PARTITION, fact, "package %.*s belongs to partition %d",
		        SHOWN(fact->package), (int)partition);
		return false;
	}
	return true;
}

static void apply_status(struct verify *verify, const struct fact *fact)
{
	if (fact->type == FACT_POINT)
		apply_point(verify, fact);
	else if (fact->type == FACT_DUPLICATE || view_is(fact->state, "accepted") ||
	         view_is(fact->state, "rejected"))
		apply_answer(verify, fact);
	else if (view_is(fact->state, "held"))
		apply_held(verify, fact);
	else
		apply_end(verify, fact);
}

static void apply(struct verify *verify, const struct fact *fact)
{
	switch (fact->topic) {
	case LOG_JOBS:
		apply_job(verify, fact);
		return;
	case LOG_DLQ:
		apply_dead_letter(verify, fact);
		return;
	case LOG_STAGED:
		if (!is_sound(verify, fact))
			return;
		if (fact->type == FACT_STAGED)
			apply_staged(verify, fact);
		else
			apply_decision(verify, fact);
		return;
	case LOG_UPDATED:
		if (is_sound(verify, fact))
			apply_updated(verify, fact);
		return;
	case LOG_STATUS:
		if (is_sound(verify, fact))
			apply_status(verify, fact);
		return;
	}
}

static bool is_wanted(const struct verify *verify, const struct fact *fact)
{
	struct view wanted = verify->spec.package;

	return !wanted.data || view_equal(fact->key, wanted) || view_equal(fact->package, wanted);
}

void verify_fact(struct verify *verify, const struct fact *fact)
{
	move_lane(verify, fact);
	if (!is_wanted(verify, fact))
		return;
	verify->here = &verify->shelves[fact->position.partition];
	verify->counts.records++;
	verify->counts.by_type[fact->type]++;
	apply(verify, fact);
	if (verify->orphan_count && fact->topic == LOG_STAGED)
		orphans_look(verify, false);
}

/* ---- the end */

bool verify_has_suspects(struct verify *verify)
{
	const struct job_entry *entry;

	if (verify->orphan_count)
		return true;
	for (size_t cursor = 0; (entry = fingerprints_next(&verify->jobs, &cursor)) != NULL;)
		if (tracked_judge(verify, entry->job, false))
			return true;
	return false;
}

void verify_end(struct verify *verify,
        bool (*is_open)(void *context, enum log_topic topic, int32_t partition), void *context)
{
	const struct job_entry *entry;

	verify->is_open = is_open;
	verify->is_open_context = context;
	orphans_look(verify, true);
	for (size_t cursor = 0; (entry = fingerprints_next(&verify->jobs, &cursor)) != NULL;)
		tracked_judge(verify, entry->job, true);
}

static uint64_t open_releases(const struct shelf *shelf)
{
	const struct release *release;
	uint64_t count = 0;

	for (size_t cursor = 0; (release = fingerprints_next(&shelf->releases, &cursor)) != NULL;) {
		const struct pointer *pointer = fingerprints_find(&shelf->pointers, release->pointer);
		count += !(pointer->version && pointer->release >= release->offset);
	}
	return count;
}

void verify_count(const struct verify *verify, struct verify_counts *ret)
{
	const struct job_entry *entry;

	*ret = verify->counts;
	for (size_t cursor = 0; (entry = fingerprints_next(&verify->jobs, &cursor)) != NULL;) {
		unsigned marks = entry->job->marks;
		ret->jobs_open += (marks & JOB_WAS_ACCEPTED) && !(marks & JOB_HAS_ENDED);
		ret->jobs_unanswered += (marks & JOB_SEEN) && !(marks & JOB_ANSWERS);
	}
	for (int32_t i = 0; i < verify->spec.partitions; i++)
		ret->releases_open += open_releases(&verify->shelves[i]);
}
