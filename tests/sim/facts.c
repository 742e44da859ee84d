#include "tests/sim/facts.h"

#include "base/memory.h"
#include "base/timestamp.h"
#include "engine/outbox.h"
#include "engine/route.h"
#include "tests/sim/checker.h"
#include "tests/sim/logs.h"
#include "tests/sim/marks.h"

#include <stdlib.h>
#include <string.h>

const char *const outcome_words[] = {"", "completed", "failed", "expired", "superseded", "canceled", NULL};

static struct job_fact jobs[PARTITIONS][FACTS_MAX];
static struct staged_fact staged[PARTITIONS][FACTS_MAX];
static struct updated_fact updated[FACTS_MAX];

static struct {
	size_t jobs[PARTITIONS], staged[PARTITIONS]; /* up to which one they were touched in this seed */
	size_t updated_count;
	int64_t next[LOG_TOPICS][PARTITIONS];
	int64_t newest[PACKAGES][POINTS];
} facts;

void facts_begin(void)
{
	for (int p = 0; p < PARTITIONS; p++) {
		memset(jobs[p], 0, facts.jobs[p] * sizeof(*jobs[p]));
		memset(staged[p], 0, facts.staged[p] * sizeof(*staged[p]));
	}
	memset(&facts, 0, sizeof(facts));
	memset(facts.newest, -1, sizeof(facts.newest));
}

static void touch(size_t *used, int64_t offset)
{
	if ((size_t)offset >= *used)
		*used = (size_t)offset + 1;
}

struct job_fact *job_fact(int32_t partition, int64_t offset)
{
	static struct job_fact nobody;

	if (offset < 0 || offset >= FACTS_MAX)
		return &nobody;
	touch(&facts.jobs[partition], offset);
	return &jobs[partition][offset];
}

struct staged_fact *staged_fact(int32_t partition, int64_t offset)
{
	if (offset < 0 || offset >= FACTS_MAX)
		abort();
	touch(&facts.staged[partition], offset);
	return &staged[partition][offset];
}

size_t updated_count(void)
{
	return facts.updated_count;
}

const struct updated_fact *updated_fact(size_t index)
{
	return &updated[index];
}

int32_t package_partition(int package)
{
	return route_partition(view_text(package_names[package]), PARTITIONS);
}

int64_t newest_release(int package, int point)
{
	return facts.newest[package][point];
}

/* ---- a scanner: our records are compact JSON without escapes in the fields looked at ---- */

enum { COLONS_MAX = 256 };

static const char *colons[COLONS_MAX]; /* behind each name in the record that is being read */
static size_t colon_count;

static void scan(struct view record)
{
	const char *at = record.data, *end = record.data + record.len;

	colon_count = 0;
	for (; at && (at = memchr(at, ':', (size_t)(end - at))) != NULL; at++) {
		if (at == record.data || at[-1] != '"')
			continue;
		if (colon_count == COLONS_MAX)
			abort();
		colons[colon_count++] = at;
	}
}

/* in: the record, or a part of it */
static const char *find(struct view in, const char *name)
{
	ptrdiff_t len = (ptrdiff_t)strlen(name);

	for (size_t i = 0; i < colon_count; i++) {
		const char *colon = colons[i];
		if (colon - in.data >= len + 2 && colon < in.data + in.len && colon[-2 - len] == '"' &&
		        memcmp(colon - 1 - len, name, (size_t)len) == 0)
			return colon + 1;
	}
	return NULL;
}

static struct view text_in(struct view in, const char *name)
{
	const char *at = find(in, name), *end = in.data + in.len;
	const char *stop = at && at < end && *at == '"' ? memchr(at + 1, '"', (size_t)(end - at - 1)) : NULL;

	return stop ? (struct view){at + 1, (size_t)(stop - at - 1)} : (struct view){"", 0};
}

static void text_of(struct view in, const char *name, char *text, size_t size)
{
	struct view found = text_in(in, name);
	size_t len = found.len < size ? found.len : size - 1;

	memcpy(text, found.data, len);
	text[len] = '\0';
}

static bool text_is(struct view in, const char *name, const char *expected)
{
	return view_is(text_in(in, name), expected);
}

static int index_of(struct view in, const char *name, const char *const *names, int count)
{
	struct view text = text_in(in, name);
	int index = 0;

	while (index < count && !view_is(text, names[index]))
		index++;
	return index < count ? index : -1;
}

static int64_t number_of(struct view in, const char *name)
{
	const char *at = find(in, name);

	return at ? strtoll(at, NULL, 10) : -1;
}

static struct position position_of(struct view in, const char *name)
{
	const char *at = find(in, name);
	static const char partition[] = "{\"partition\":", offset[] = ",\"offset\":";
	struct position position = {-1, -1};
	char *end;

	if (!at || strncmp(at, partition, sizeof(partition) - 1) != 0)
		return position;
	position.partition = (int32_t)strtol(at + sizeof(partition) - 1, &end, 10);
	if (strncmp(end, offset, sizeof(offset) - 1) == 0)
		position.offset = strtoll(end + sizeof(offset) - 1, NULL, 10);
	return position;
}

static int64_t time_of(struct view in, const char *name)
{
	int64_t ms = -1;

	(void)timestamp_parse(text_in(in, name), &ms);
	return ms;
}

static enum outcome_word word_of(struct view in, const char *name)
{
	struct view text = text_in(in, name);

	for (int i = 1; outcome_words[i]; i++)
		if (view_is(text, outcome_words[i]))
			return (enum outcome_word)i;
	return OUTCOME_NONE;
}

/* The part of an object or array, up to its end; none is nested further. */
static struct view part_of(struct view in, const char *name, char end)
{
	const char *at = find(in, name);
	const char *stop = at ? memchr(at, end, (size_t)(in.data + in.len - at)) : NULL;

	return stop ? (struct view){at, (size_t)(stop - at)} : (struct view){NULL, 0};
}

/* ---- jobs ---- */

static const char *header_of(const struct log_record *record, const char *name)
{
	for (size_t i = 0; i < record->header_count; i++)
		if (strcmp(record->headers[i].name, name) == 0)
			return record->headers[i].value;
	return NULL;
}

static void read_job(const struct log_record *record, int32_t partition, int64_t offset)
{
	const char *from_partition = header_of(record, ORIGIN_PARTITION_HEADER);
	const char *from_offset = header_of(record, ORIGIN_OFFSET_HEADER);
	bool has_place = record->key.data && route_key_has_state(record->key);
	bool astray = has_place && route_partition(record->key, PARTITIONS) != partition;
	struct job_fact *fact = job_fact(partition, offset);

	fact->sent = workload_sent(partition, offset);
	fact->first_release = -1;
	if (!fact->sent && from_partition && from_offset) {
		struct job_fact *origin = job_fact(atoi(from_partition), atoll(from_offset));
		origin->reroutes++;
		fact->sent = workload_sent(atoi(from_partition), atoll(from_offset));
		mark(MARK_reroute);
	} else if (from_partition) {
		fact->expected = EXPECT_DEAD;
		return;
	}
	if (!fact->sent) {
		world_violation("reroute", "jobs/%d@%lld is nobody's", (int)partition, (long long)offset);
		return;
	}
	if (astray)
		fact->expected = EXPECT_REROUTE;
	else
		checker_job_comes(fact, partition, offset);
}

/* ---- staged, release, withheld ---- */

static void read_release(struct staged_fact *fact, struct view value, int32_t partition, int64_t offset)
{
	struct job_fact *job = job_fact(partition, fact->job_offset);

	mark(MARK_release);
	job->releases[fact->point]++;
	job->release_offset[fact->point] = offset;
	memcpy(job->release_id[fact->point], fact->id, sizeof(fact->id));
	job->target_count = (unsigned)number_of(value, "targets");
	if (job->first_release < 0)
		job->first_release = offset;
	checker_released(fact, job, partition, offset);
	facts.newest[fact->package][fact->point] = offset;
}

static void read_withheld(struct staged_fact *fact, struct view value, int32_t partition, int64_t offset)
{
	struct job_fact *job = job_fact(partition, fact->job_offset);
	enum outcome_word reason = word_of(value, "reason");

	mark(reason == SAID_EXPIRED     ? MARK_withheld_expired
	        : reason == SAID_FAILED ? MARK_withheld_failed
	                                : MARK_withheld_superseded);
	job->withheld[fact->point]++;
	job->withheld_offset[fact->point] = offset;
	job->reasons[fact->point] = reason;
	job->target_count = (unsigned)number_of(value, "targets");
}

static void read_staged(const struct log_record *record, int32_t partition, int64_t offset)
{
	struct staged_fact *fact = staged_fact(partition, offset);
	struct view value = record->value;

	if (record->producer < 0) {
		fact->kind = IS_FOREIGN;
		return;
	}
	fact->package = index_of(value, "package_id", package_names, PACKAGES);
	fact->version = index_of(value, "version", version_names, VERSIONS);
	fact->point = index_of(value, "distribution_point", point_names, POINTS);
	fact->job_offset = position_of(value, "job_position").offset;
	text_of(value, "id", fact->id, sizeof(fact->id));
	text_of(value, "dp_id", fact->dp_id, sizeof(fact->dp_id));
	text_of(value, "digest", fact->digest, sizeof(fact->digest));
	text_of(value, "staged_id", fact->staged_id, sizeof(fact->staged_id));
	fact->kind = text_is(value, "type", "staged")    ? IS_STAGED
	             : text_is(value, "type", "release") ? IS_RELEASE
	                                                 : IS_WITHHELD;
	if (fact->package < 0 || fact->version < 0 || fact->point < 0 || fact->job_offset < 0) {
		world_violation("staged", "staged/%d@%lld makes no sense", (int)partition, (long long)offset);
		fact->kind = IS_FOREIGN;
	} else if (fact->kind == IS_STAGED) {
		checker_staged(fact, partition, offset);
	} else if (fact->kind == IS_RELEASE) {
		read_release(fact, value, partition, offset);
	} else {
		read_withheld(fact, value, partition, offset);
	}
}

/* ---- status ---- */

static void read_targets(struct job_fact *job, struct view value)
{
	struct view part = part_of(value, "distribution_points", ']');

	for (int i = 0; part.data && i < POINTS; i++) {
		char quoted[40];
		int len = snprintf(quoted, sizeof(quoted), "\"%s\"", point_names[i]);
		if (memmem(part.data, part.len, quoted, (size_t)len))
			job->said_targets |= 1u << i;
	}
}

static void read_end(struct job_fact *job, struct view value, enum outcome_word end)
{
	struct view part = part_of(value, "outcomes", '}');

	job->ends++;
	job->end = end;
	job->ended_ms = time_of(value, "time");
	mark(end == SAID_COMPLETED    ? MARK_job_completed
	        : end == SAID_FAILED  ? MARK_job_failed
	        : end == SAID_EXPIRED ? MARK_job_expired
	                              : MARK_job_superseded);
	for (int i = 0; part.data && i < POINTS; i++) {
		job->outcomes[i] = word_of(part, point_names[i]);
		job->has_outcomes = job->has_outcomes || job->outcomes[i];
	}
}

static void read_job_status(struct view value, int32_t partition)
{
	struct position at = position_of(value, "job_position");
	struct job_fact *job = job_fact(partition, at.offset);
	enum outcome_word end = word_of(value, "state");

	if (at.offset >= FACTS_MAX)
		return; /* a forged one's */
	if (at.partition != partition)
		world_violation("status", "of a job on another partition");
	if (text_is(value, "state", "accepted")) {
		mark(MARK_job_accepted);
		job->accepted++;
		job->deadline_ms = time_of(value, "deadline");
		read_targets(job, value);
	} else if (text_is(value, "state", "rejected")) {
		mark(MARK_job_rejected);
		if (text_is(value, "reason", "job_id_conflict"))
			mark(MARK_job_id_conflict);
		if (text_is(value, "reason", "content_differs"))
			mark(MARK_job_content_conflict);
		job->rejected++;
	} else if (text_is(value, "state", "held")) {
		mark(MARK_job_held);
		job->held++;
	} else if (end) {
		read_end(job, value, end);
	} else {
		world_violation("status", "an unknown state: %.*s", (int)value.len, value.data);
	}
}

static void read_point_status(struct view value)
{
	static const struct {
		const char *state;
		enum mark mark;
	} states[] = {{"pending", MARK_point_pending}, {"retrying", MARK_point_retrying},
	        {"staged", MARK_point_staged}, {"failed", MARK_point_failed},
	        {"updated", MARK_point_updated}};

	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++)
		if (text_is(value, "state", states[i].state))
			mark(states[i].mark);
}

static void read_status(const struct log_record *record, int32_t partition)
{
	if (text_is(record->value, "type", "duplicate")) {
		struct job_fact *job = job_fact(partition, position_of(record->value, "duplicate").offset);
		mark(MARK_job_duplicate);
		job->duplicates++;
		if (job->expected == EXPECT_DUPLICATE && !checker_log_was_lost() &&
		        position_of(record->value, "original").offset != job->duplicate_of)
			world_violation("duplicate", "it names another original than %lld",
			        (long long)job->duplicate_of);
	} else if (text_is(record->value, "type", "job")) {
		read_job_status(record->value, partition);
	} else {
		read_point_status(record->value);
	}
}

/* ---- updated, dead letters ---- */

static void read_updated(const struct log_record *record, int32_t partition)
{
	struct view value = record->value;

	if (facts.updated_count == FACTS_MAX)
		abort();
	struct updated_fact *fact = &updated[facts.updated_count++];
	*fact = (struct updated_fact){0};
	fact->partition = partition;
	fact->package = index_of(value, "package_id", package_names, PACKAGES);
	fact->version = index_of(value, "version", version_names, VERSIONS);
	fact->point = index_of(value, "distribution_point", point_names, POINTS);
	text_of(value, "id", fact->id, sizeof(fact->id));
	text_of(value, "dp_id", fact->dp_id, sizeof(fact->dp_id));
	text_of(value, "digest", fact->digest, sizeof(fact->digest));
	text_of(value, "staged_id", fact->staged_id, sizeof(fact->staged_id));
	text_of(value, "release_id", fact->release_id, sizeof(fact->release_id));
	fact->staged_at = position_of(value, "staged_position");
	fact->released_at = position_of(value, "release_position");
	mark(MARK_updated);
	checker_updated(fact);
}

static bool is_identical(const struct log_record *a, const struct log_record *b)
{
	return view_equal(a->key, b->key) && view_equal(a->value, b->value) && !a->key.data == !b->key.data &&
	       !a->value.data == !b->value.data;
}

static void read_dead(const struct log_record *record)
{
	const char *topic = header_of(record, "__connect.errors.topic");
	const char *partition = header_of(record, DEAD_LETTER_PARTITION_HEADER);
	const char *offset = header_of(record, DEAD_LETTER_OFFSET_HEADER);
	const char *code = header_of(record, DEAD_LETTER_CODE_HEADER);

	mark(MARK_dead_letter);
	if (!topic || !partition || !offset || !code) {
		world_violation("poison", "a dead letter without its headers");
		return;
	}
	bool job = strcmp(topic, log_name(LOG_JOBS)) == 0;
	const struct log_record *dead = log_at(job ? LOG_JOBS : LOG_STAGED, atoi(partition), atoll(offset));
	if (!dead || (!is_identical(dead, record) && !(job && checker_log_was_lost())))
		world_violation("poison", "the dead letter of %s/%s@%s is not byte-identical", topic,
		        partition, offset);
	else if (job)
		job_fact(atoi(partition), atoll(offset))->dead++;
	else
		staged_fact(atoi(partition), atoll(offset))->dead++;
	mark(!job ? MARK_dead_staged : strcmp(code, "misrouted") == 0 ? MARK_dead_reroute : MARK_dead_letter);
}

static void read_record(
        enum log_topic topic, const struct log_record *record, int32_t partition, int64_t offset)
{
	if (topic == LOG_STAGED || topic == LOG_UPDATED || topic == LOG_STATUS)
		scan(record->value);
	switch (topic) {
	case LOG_JOBS:
		read_job(record, partition, offset);
		break;
	case LOG_STAGED:
		read_staged(record, partition, offset);
		break;
	case LOG_UPDATED:
		read_updated(record, partition);
		break;
	case LOG_STATUS:
		read_status(record, partition);
		break;
	case LOG_DLQ:
		read_dead(record);
		break;
	default:
		break;
	}
}

void facts_read(void)
{
	for (enum log_topic topic = LOG_JOBS; topic <= LOG_DLQ; topic++)
		for (int32_t partition = 0; partition < PARTITIONS; partition++) {
			const struct log_record *record;
			int64_t at;
			while ((record = log_next_committed(
			                topic, partition, &facts.next[topic][partition], &at)))
				read_record(topic, record, partition, at);
		}
}

const struct staged_fact *find_staged(int package, int version, int point, const char *dp_id, int64_t before)
{
	for (int64_t offset = 0; offset < before; offset++) {
		const struct staged_fact *fact = staged_fact(package_partition(package), offset);
		if (fact->kind == IS_STAGED && fact->package == package && fact->version == version &&
		        fact->point == point && (!dp_id || strcmp(fact->dp_id, dp_id) == 0))
			return fact;
	}
	return NULL;
}
