/* Lanes of a Kafka. */
#include "auditor/log/lanes.h"
#include "base/clock.h"
#include "base/memory.h"
#include "command/command.h"
#include "engine/route.h"

#include <stdlib.h>

enum { UNREAD_BYTES_MAX = 12 << 20, HOLD_MS = 2, FOLLOW_HOLD_MS = 50 };

const enum log_topic lanes_topics[LOG_TOPICS] = {LOG_UPDATED, LOG_STATUS, LOG_STAGED, LOG_JOBS, LOG_DLQ};

struct kafka_lanes {
	struct client *client;
	struct client_lanes *lanes;
};

static enum status take(
        void *self, size_t lane, struct client_record *ret_record, bool *ret_found, struct error *err)
{
	struct kafka_lanes *kafka = self;

	return client_lane_take(kafka->lanes, lane, ret_record, ret_found, err);
}

static void wait_for_news(void *self, int64_t timeout_ms)
{
	struct kafka_lanes *kafka = self;

	client_lanes_wait(kafka->lanes, timeout_ms);
}

static struct client_lane_place place(const void *self, size_t lane)
{
	const struct kafka_lanes *kafka = self;

	return client_lane_place(kafka->lanes, lane);
}

static bool is_open(const void *self, size_t lane)
{
	const struct kafka_lanes *kafka = self;

	return client_lane_is_open(kafka->lanes, lane);
}

static bool header_at(
        const void *self, size_t lane, size_t index, struct view *ret_name, struct view *ret_value)
{
	const struct kafka_lanes *kafka = self;

	return client_lane_header_at(kafka->lanes, lane, index, ret_name, ret_value);
}

static void close_lanes(void *self)
{
	struct kafka_lanes *kafka = self;

	if (!kafka)
		return;
	client_lanes_close(kafka->lanes);
	client_close(kafka->client);
	free(kafka);
}

static const struct lanes_kind kafka_kind = {take, wait_for_news, place, is_open, header_at, close_lanes};

static void choose(struct lanes *lanes, const struct replay_spec *spec, int32_t partitions)
{
	lanes->partitions = partitions;
	lanes->first_partition = spec->package ? route_partition(view_text(spec->package), partitions) : 0;
	lanes->count = spec->package ? 1 : partitions;
}

static enum status check_partitions(
        char *const *names, const int32_t *partitions, size_t count, struct error *err)
{
	for (size_t i = 1; i < count; i++)
		if (partitions[i] != partitions[0])
			return error_set(err, STATUS_FATAL, "topic_partitions",
			        "%s has %d partitions and %s has %d: all topics of an installation have the "
			        "same number, so these are not of one, or were changed by hand",
			        names[0], (int)partitions[0], names[i], (int)partitions[i]);
	return STATUS_OK;
}

static enum status add_lanes(struct kafka_lanes *kafka, const struct replay_spec *spec,
        const enum log_topic *topics, size_t count, const struct lanes *chosen, struct error *err)
{
	int64_t deadline = clock_monotonic_ms() + spec->timeout_ms;
	enum status status = STATUS_OK;

	for (size_t i = 0; i < count; i++)
		for (int32_t p = 0; status == STATUS_OK && p < chosen->count; p++) {
			int32_t partition = chosen->first_partition + p;
			int64_t first = spec->first_offset
			                        ? spec->first_offset(spec->context, topics[i], partition)
			                        : CLIENT_FROM_BEGINNING;
			int64_t left = deadline - clock_monotonic_ms();

			status =
			        client_lanes_add(kafka->lanes, i, partition, first, left > 0 ? left : 0, err);
		}
	return status == STATUS_OK ? client_lanes_start(kafka->lanes, err) : status;
}

static enum status open_kafka(struct kafka_lanes *kafka, const struct options *options,
        const struct replay_spec *spec, struct lanes *ret, struct error *err)
{
	enum log_topic topics[LOG_TOPICS];
	char *names[LOG_TOPICS];
	int32_t partitions[LOG_TOPICS];
	size_t count = 0;

	for (size_t i = 0; i < LOG_TOPICS; i++)
		if (spec->topics & LOG_BIT(lanes_topics[i])) {
			topics[count] = lanes_topics[i];
			names[count++] = topic_named(options, log_topic_name(lanes_topics[i]));
		}
	enum status status = client_open(options, &kafka->client, err);
	if (status == STATUS_OK)
		status = client_lanes_open(kafka->client, (const char *const *)names, count, UNREAD_BYTES_MAX,
		        spec->wait_ms  ? spec->wait_ms
		        : spec->follow ? FOLLOW_HOLD_MS
		                       : HOLD_MS,
		        spec->timeout_ms, partitions, &kafka->lanes, err);
	if (status == STATUS_OK)
		status = check_partitions(names, partitions, count, err);
	if (status == STATUS_OK) {
		choose(ret, spec, partitions[0]);
		status = add_lanes(kafka, spec, topics, count, ret, err);
	}
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	return status;
}

enum status lanes_open_kafka(
        const struct options *options, const struct replay_spec *spec, struct lanes *ret, struct error *err)
{
	struct kafka_lanes *kafka = memory_alloc(sizeof(*kafka));
	enum status status = open_kafka(kafka, options, spec, ret, err);

	if (status != STATUS_OK) {
		close_lanes(kafka);
		return status;
	}
	ret->kind = &kafka_kind;
	ret->self = kafka;
	return STATUS_OK;
}
