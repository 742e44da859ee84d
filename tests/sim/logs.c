#include "tests/sim/logs.h"

#include "base/map.h"
#include "base/memory.h"
#include "tests/sim/world.h"

#include <stdlib.h>
#include <string.h>

struct log {
	struct log_record *records;
	size_t count, capacity, stable; /* no record before stable is open */
	int64_t start;
};

enum { PRODUCERS = 2 * PARTITIONS };

static struct log logs[LOG_TOPICS][PARTITIONS];
static struct log_record *buried; /* gone from their logs, but perhaps just read */
static size_t buried_count, buried_capacity;
static uint64_t epochs[PRODUCERS], ended_transactions;
/* 1 + offset of the first record of a producer's open transaction; 0: none */
static int64_t opened[PRODUCERS][LOG_TOPICS][PARTITIONS];

const char *log_name(enum log_topic topic)
{
	static const char *const names[] = {
	        "jobs", "staged", "updated", "status", "dlq", "stager-state", "updater-state"};

	return names[topic];
}

enum log_topic log_named(const char *name)
{
	enum log_topic topic = 0;

	while (topic < LOG_TOPICS && strcmp(log_name(topic), name) != 0)
		topic++;
	if (topic == LOG_TOPICS)
		abort();
	return topic;
}

void logs_begin(void)
{
	memset(logs, 0, sizeof(logs));
	memset(epochs, 0, sizeof(epochs));
	memset(opened, 0, sizeof(opened));
	ended_transactions = 0;
}

static void record_release(struct log_record *record)
{
	free(record->bytes);
	record->bytes = NULL;
	for (size_t i = 0; i < record->header_count; i++) {
		free(record->headers[i].name);
		free(record->headers[i].value);
	}
	record->key = record->value = (struct view){NULL, 0};
	record->header_count = 0;
}

static void bury(struct log_record *record)
{
	if (buried_count == buried_capacity) {
		buried_capacity = buried_capacity ? 2 * buried_capacity : 64;
		buried = memory_resize(buried, buried_capacity * sizeof(*buried));
	}
	buried[buried_count++] = *record;
	record->bytes = NULL;
	record->key = record->value = (struct view){NULL, 0};
	record->header_count = 0;
}

void log_shorten(enum log_topic topic, int32_t partition, int64_t end)
{
	struct log *log = &logs[topic][partition];

	while ((int64_t)log->count > end)
		bury(&log->records[--log->count]);
	if (log->stable > log->count)
		log->stable = log->count;
	for (int producer = 0; producer < PRODUCERS; producer++)
		if (opened[producer][topic][partition] > end)
			opened[producer][topic][partition] = 0;
}

void log_recreate(enum log_topic topic, int32_t partition)
{
	log_shorten(topic, partition, 0);
	logs[topic][partition].start = 0;
}

static void log_release(struct log *log)
{
	for (size_t i = 0; i < log->count; i++)
		record_release(&log->records[i]);
	free(log->records);
	*log = (struct log){0};
}

void logs_end(void)
{
	for (int topic = 0; topic < LOG_TOPICS; topic++)
		for (int partition = 0; partition < PARTITIONS; partition++)
			log_release(&logs[topic][partition]);
	while (buried_count)
		record_release(&buried[--buried_count]);
	free(buried);
	buried = NULL;
	buried_capacity = 0;
}

void log_truncate(enum log_topic topic, int32_t partition, int64_t first_left)
{
	struct log *log = &logs[topic][partition];

	for (int64_t i = log->start; i < first_left; i++) {
		bury(&log->records[i]);
		log->records[i].state = LOG_COMPACTED;
	}
	log->start = first_left;
}

int64_t log_start(enum log_topic topic, int32_t partition)
{
	return logs[topic][partition].start;
}

int64_t log_end(enum log_topic topic, int32_t partition)
{
	return (int64_t)logs[topic][partition].count;
}

int64_t log_stable_end(enum log_topic topic, int32_t partition)
{
	struct log *log = &logs[topic][partition];

	while (log->stable < log->count && log->records[log->stable].state != LOG_OPEN)
		log->stable++;
	return (int64_t)log->stable;
}

const struct log_record *log_at(enum log_topic topic, int32_t partition, int64_t offset)
{
	const struct log *log = &logs[topic][partition];

	return offset >= 0 && offset < (int64_t)log->count ? &log->records[offset] : NULL;
}

const struct log_record *log_next_committed(
        enum log_topic topic, int32_t partition, int64_t *offset, int64_t *ret_at)
{
	int64_t end = log_stable_end(topic, partition);

	while (*offset < end) {
		const struct log_record *record = log_at(topic, partition, (*offset)++);
		if (record->state == LOG_COMMITTED) {
			*ret_at = *offset - 1;
			return record;
		}
	}
	return NULL;
}

static struct view copy_to(char *place, struct view bytes)
{
	if (bytes.data)
		memcpy(place, bytes.data, bytes.len);
	place[bytes.len] = '\0';
	return bytes.data ? (struct view){place, bytes.len} : (struct view){NULL, 0};
}

static void keep(struct log_record *record, struct view key, struct view value)
{
	record->bytes = memory_alloc(key.len + value.len + 2);
	record->key = copy_to(record->bytes, key);
	record->value = copy_to(record->bytes + key.len + 1, value);
}

static struct log_record *append(struct log *log)
{
	if (log->count == log->capacity) {
		log->capacity = log->capacity ? 2 * log->capacity : 256;
		log->records = memory_resize(log->records, log->capacity * sizeof(*log->records));
	}
	struct log_record *record = &log->records[log->count++];
	memset(record, 0, offsetof(struct log_record, headers));
	record->time_ms = world_now();
	return record;
}

int64_t log_append(enum log_topic topic, int32_t partition, int producer, struct view key, struct view value)
{
	struct log *log = &logs[topic][partition];
	struct log_record *record = append(log);

	keep(record, key, value);
	record->producer = producer;
	record->state = producer < 0 ? LOG_COMMITTED : LOG_OPEN;
	if (producer >= 0 && !opened[producer][topic][partition])
		opened[producer][topic][partition] = (int64_t)log->count;
	ended_transactions += producer < 0;
	world_mix(key.data, key.len);
	world_mix(value.data, value.len);
	return (int64_t)log->count - 1;
}

void log_add_header(
        enum log_topic topic, int32_t partition, int64_t offset, const char *name, struct view value)
{
	struct log_record *record = &logs[topic][partition].records[offset];

	if (record->header_count == sizeof(record->headers) / sizeof(*record->headers))
		abort();
	record->headers[record->header_count++] =
	        (struct log_header){memory_text(name), memory_copy(value.data, value.len)};
}

int log_producer(bool updater, int32_t partition)
{
	return (updater ? PARTITIONS : 0) + partition;
}

uint64_t log_new_epoch(int producer)
{
	log_end_transaction(producer, false);
	return ++epochs[producer];
}

bool log_epoch_is_live(int producer, uint64_t epoch)
{
	return epochs[producer] == epoch;
}

static void end_in(struct log *log, int64_t from, int producer, bool commit)
{
	for (size_t i = (size_t)from; i < log->count; i++)
		if (log->records[i].producer == producer && log->records[i].state == LOG_OPEN)
			log->records[i].state = commit ? LOG_COMMITTED : LOG_ABORTED;
	struct log_record *marker = append(log);
	marker->state = LOG_MARKER;
	marker->producer = producer;
}

bool log_end_transaction(int producer, bool commit)
{
	bool any = false;

	for (int topic = 0; topic < LOG_TOPICS; topic++)
		for (int partition = 0; partition < PARTITIONS; partition++) {
			int64_t first = opened[producer][topic][partition];
			if (!first)
				continue;
			end_in(&logs[topic][partition], first - 1, producer, commit);
			opened[producer][topic][partition] = 0;
			any = true;
		}
	ended_transactions += any;
	return any;
}

uint64_t log_transactions(void)
{
	return ended_transactions;
}

void log_compact(enum log_topic topic, int32_t partition)
{
	struct log *log = &logs[topic][partition];
	struct map *newest = map_new();
	int64_t end = log_stable_end(topic, partition);

	for (int64_t i = end - 1; i >= 0; i--) {
		struct log_record *record = &log->records[i];
		if (record->state != LOG_COMMITTED)
			continue;
		if (map_get(newest, record->key)) {
			record_release(record);
			record->state = LOG_COMPACTED;
		} else {
			map_put(newest, record->key, record);
		}
	}
	map_free(newest, NULL);
}
