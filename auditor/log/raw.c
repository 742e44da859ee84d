#include "auditor/log/raw.h"

#include "base/clock.h"
#include "base/memory.h"
#include "command/command.h"
#include "engine/client_lanes.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { PATIENCE_MS = 5000, WAIT_MS = 100, UNREAD_BYTES = 4 << 20 };

struct raw {
	pthread_mutex_t one_at_a_time;
	const struct options *options;
};

/* One place that is asked for. */
struct errand {
	enum log_topic topic;
	struct position position;
	int64_t deadline;
	void (*take)(void *context, const struct raw_record *record);
	void *context;
};

struct raw *raw_new(const struct options *options)
{
	struct raw *raw = memory_alloc(sizeof(*raw));

	pthread_mutex_init(&raw->one_at_a_time, NULL);
	raw->options = options;
	return raw;
}

void raw_free(struct raw *raw)
{
	if (!raw)
		return;
	pthread_mutex_destroy(&raw->one_at_a_time);
	free(raw);
}

bool raw_header_at(
        const struct raw_record *record, size_t index, struct view *ret_name, struct view *ret_value)
{
	return record->headers && client_lane_header_at(record->headers, 0, index, ret_name, ret_value);
}

static int64_t left(const struct errand *errand)
{
	int64_t ms = errand->deadline - clock_monotonic_ms();

	return ms > 0 ? ms : 0;
}

static enum status fail_not_found(const struct errand *errand, struct error *err)
{
	return error_set(err, STATUS_REJECT, "not_found",
	        "there is no record at %s, partition %d, offset %lld: its place is that of a transaction's "
	        "end "
	        "or of an aborted record, is not reached yet, or retention removed it",
	        log_topic_name(errand->topic), (int)errand->position.partition,
	        (long long)errand->position.offset);
}

static enum status wait_for_record(const struct errand *errand, struct client_lanes *lanes, struct error *err)
{
	struct client_record record;
	bool found = false;

	while (!found) {
		enum status status = client_lane_take(lanes, 0, &record, &found, err);
		if (status != STATUS_OK && status != STATUS_RETRY)
			return status;
		if (found || client_lane_place(lanes, 0).next > errand->position.offset)
			break;
		if (left(errand) == 0)
			return error_set(err, STATUS_RETRY, "kafka_unreachable",
			        "Kafka did not give the record within %d s: ask again later",
			        PATIENCE_MS / 1000);
		client_lanes_wait(lanes, WAIT_MS);
	}
	if (!found || record.position.offset != errand->position.offset)
		return fail_not_found(errand, err);
	const struct raw_record raw = {record.time_ms, record.key, record.value, lanes};
	errand->take(errand->context, &raw);
	return STATUS_OK;
}

static enum status read_lanes(
        const struct errand *errand, struct client_lanes *lanes, int32_t partitions, struct error *err)
{
	if (errand->position.partition >= partitions)
		return error_set(err, STATUS_REJECT, "not_found", "%s has partitions 0 to %d only",
		        log_topic_name(errand->topic), (int)partitions - 1);
	if (client_lanes_add(lanes, 0, errand->position.partition, errand->position.offset, left(errand),
	            err) != STATUS_OK)
		return err->status;
	struct client_lane_place place = client_lane_place(lanes, 0);
	if (place.start > errand->position.offset || place.end <= errand->position.offset)
		return fail_not_found(errand, err);
	if (client_lanes_start(lanes, err) != STATUS_OK)
		return err->status;
	return wait_for_record(errand, lanes, err);
}

static enum status run(struct raw *raw, const struct errand *errand, struct error *err)
{
	char *topic = topic_named(raw->options, log_topic_name(errand->topic));
	const char *const topics[] = {topic};
	struct client_lanes *lanes = NULL;
	struct client *client = NULL;
	int32_t partitions;
	enum status status = client_open(raw->options, &client, err);

	if (status == STATUS_OK)
		status = client_lanes_open(
		        client, topics, 1, UNREAD_BYTES, WAIT_MS, left(errand), &partitions, &lanes, err);
	if (status == STATUS_OK)
		status = read_lanes(errand, lanes, partitions, err);
	client_lanes_close(lanes);
	client_close(client);
	free(topic);
	return status;
}

enum status raw_read(struct raw *raw, enum log_topic topic, struct position position,
        void (*take)(void *context, const struct raw_record *record), void *context, struct error *err)
{
	const struct errand errand = {topic, position, clock_monotonic_ms() + PATIENCE_MS, take, context};
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += PATIENCE_MS / 1000;
	if (pthread_mutex_timedlock(&raw->one_at_a_time, &end) == ETIMEDOUT)
		return error_set(err, STATUS_RETRY, "busy",
		        "others are reading records from Kafka, one at a time: ask again later");
	enum status status = run(raw, &errand, err);
	pthread_mutex_unlock(&raw->one_at_a_time);
	return status;
}
