/* Reading for commands that merge: a queue for each partition. */
#include "engine/client_lanes.h"

#include "base/clock.h"
#include "base/memory.h"
#include "engine/kafka/client_parts.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	BATCH = 128,
	LANE_KBYTES_LEAST = 64,
	LANE_KBYTES_MOST = 8192,
	RECORD_BYTES_LEAST =
	        64, /* a queue is bounded in bytes; its bound in records only must not be lower */
	PATIENCE_MS = 2,
	WAKES = 8, /* of a fetcher, while as much is taken as the queues hold: before the first is empty */
};

struct lane {
	size_t topic;
	int32_t partition;
	struct client_lane_place place;
	rd_kafka_queue_t *queue;
	rd_kafka_message_t *batch[BATCH];
	size_t count, at;
	const rd_kafka_message_t *last;
};

struct client_lanes {
	struct reader reader;
	char **topics;
	size_t topic_count;
	struct lane *lanes;
	size_t count, hungry; /* hungry: the lane that last had nothing */
	int fd;               /* readable once something came to an empty queue */
};

static enum status count_partitions(struct client_lanes *lanes, struct client *client, int64_t deadline,
        int32_t *ret_partitions, struct error *err)
{
	struct reader reader;
	enum status status = reader_open(client_options(client), client_chatter(client),
	        (struct reader_bounds){.messages = 1}, &reader, err);

	if (status != STATUS_OK)
		return status;
	for (size_t i = 0; status == STATUS_OK && i < lanes->topic_count; i++)
		status = handle_partitions(
		        reader.handle, lanes->topics[i], until(deadline, INT32_MAX), &ret_partitions[i], err);
	reader_close(&reader);
	return status;
}

static struct reader_bounds bounds_of(
        const int32_t *partitions, size_t topic_count, size_t bytes_max, int wait_ms)
{
	size_t lanes = 1, kbytes;

	for (size_t i = 0; i < topic_count; i++)
		lanes += (size_t)partitions[i];
	kbytes = bytes_max / 1024 / lanes;
	if (kbytes < LANE_KBYTES_LEAST)
		kbytes = LANE_KBYTES_LEAST;
	if (kbytes > LANE_KBYTES_MOST)
		kbytes = LANE_KBYTES_MOST;
	return (struct reader_bounds){.messages = (int)(kbytes * 1024 / RECORD_BYTES_LEAST),
	        .kbytes = (int)kbytes,
	        .wait_ms = wait_ms,
	        .fetch_bytes = (int)(kbytes * 512)};
}

static enum status open_lanes(struct client_lanes *lanes, struct client *client, size_t bytes_max,
        int wait_ms, int64_t timeout_ms, int32_t *ret_partitions, struct error *err)
{
	int64_t deadline = clock_monotonic_ms() + timeout_ms;
	enum status status = count_partitions(lanes, client, deadline, ret_partitions, err);

	if (status != STATUS_OK)
		return status;
	status = reader_open(client_options(client), client_chatter(client),
	        bounds_of(ret_partitions, lanes->topic_count, bytes_max, wait_ms), &lanes->reader, err);
	lanes->reader.wake_bytes = bytes_max / WAKES;
	return status;
}

enum status client_lanes_open(struct client *client, const char *const *topics, size_t topic_count,
        size_t bytes_max, int wait_ms, int64_t timeout_ms, int32_t *ret_partitions, struct client_lanes **ret,
        struct error *err)
{
	struct client_lanes *lanes = memory_alloc(sizeof(*lanes));

	lanes->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	lanes->topics = memory_alloc(topic_count * sizeof(*lanes->topics));
	lanes->topic_count = topic_count;
	for (size_t i = 0; i < topic_count; i++)
		lanes->topics[i] = memory_text(topics[i]);
	enum status status = open_lanes(lanes, client, bytes_max, wait_ms, timeout_ms, ret_partitions, err);
	if (status != STATUS_OK) {
		client_lanes_close(lanes);
		return status;
	}
	*ret = lanes;
	return STATUS_OK;
}

static void drop_batch(struct lane *lane)
{
	for (size_t i = 0; i < lane->count; i++)
		rd_kafka_message_destroy(lane->batch[i]);
	lane->count = lane->at = 0;
	lane->last = NULL;
}

void client_lanes_close(struct client_lanes *lanes)
{
	if (!lanes)
		return;
	reader_stop(&lanes->reader);
	for (size_t i = 0; i < lanes->count; i++) {
		drop_batch(&lanes->lanes[i]);
		if (lanes->lanes[i].queue)
			rd_kafka_queue_destroy(lanes->lanes[i].queue);
	}
	reader_close(&lanes->reader);
	for (size_t i = 0; i < lanes->topic_count; i++)
		free(lanes->topics[i]);
	free(lanes->topics);
	free(lanes->lanes);
	close(lanes->fd);
	free(lanes);
}

enum status client_lanes_add(struct client_lanes *lanes, size_t topic, int32_t partition, int64_t offset,
        int64_t timeout_ms, struct error *err)
{
	struct lane lane = {.topic = topic, .partition = partition};
	int64_t low;
	enum status status = reader_bounds_of(
	        &lanes->reader, lanes->topics[topic], partition, timeout_ms, &low, &lane.place.end, err);

	if (status != STATUS_OK)
		return status;
	lane.place.begin = low;
	lane.place.start = lane.place.next = offset < low ? low : offset;
	lanes->lanes = memory_resize(lanes->lanes, (lanes->count + 1) * sizeof(*lanes->lanes));
	lanes->lanes[lanes->count++] = lane;
	return STATUS_OK;
}

enum status client_lanes_start(struct client_lanes *lanes, struct error *err)
{
	for (size_t i = 0; i < lanes->count; i++) {
		struct lane *lane = &lanes->lanes[i];

		lane->queue = rd_kafka_queue_new(lanes->reader.handle);
		queue_wakes(lane->queue, lanes->fd);
		enum status status = reader_start_into(&lanes->reader, lanes->topics[lane->topic],
		        lane->partition, lane->place.start, lane->queue, err);
		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}

static void refill(struct client_lanes *lanes, struct lane *lane)
{
	ssize_t count;

	drop_batch(lane);
	count = rd_kafka_consume_batch_queue(lane->queue, 0, lane->batch, BATCH);
	lane->count = count > 0 ? (size_t)count : 0;
	if (lane->count)
		reader_took(&lanes->reader, lane->batch, lane->count);
	else
		lanes->hungry = (size_t)(lane - lanes->lanes);
}

static void move_to(struct lane *lane, int64_t next)
{
	if (next > lane->place.next)
		lane->place.next = next;
}

/* One message: a record, the end of the partition, or an error. */
static enum status take_one(struct client_lanes *lanes, struct lane *lane, const rd_kafka_message_t *message,
        struct client_record *ret_record, bool *ret_found, struct error *err)
{
	const char *topic = lanes->topics[lane->topic];

	if (message->err ==
	        RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) /* librdkafka fetches no more of this lane */
		return error_set(err, STATUS_REJECT, "log_truncated",
		        "the records of %s [%d] from offset %lld on were deleted before they were read: what "
		        "comes "
		        "behind them would leave a gap; begin anew with what is left",
		        topic, (int)lane->partition, (long long)lane->place.next);
	if (message->err && message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
		return handle_fail(lanes->reader.handle, message->err, err, "cannot read %s [%d]", topic,
		        lane->partition);
	move_to(lane, message->err ? message->offset : message->offset + 1);
	if (message->err)
		return STATUS_OK;
	lane->last = message;
	*ret_found = true;
	*ret_record = client_record_of(message, (size_t)(lane - lanes->lanes), topic);
	return STATUS_OK;
}

enum status client_lane_take(struct client_lanes *lanes, size_t lane_number, struct client_record *ret_record,
        bool *ret_found, struct error *err)
{
	struct lane *lane = &lanes->lanes[lane_number];

	*ret_found = false;
	for (;;) {
		if (lane->at == lane->count)
			refill(lanes, lane);
		if (lane->at == lane->count)
			return STATUS_OK;
		enum status status =
		        take_one(lanes, lane, lane->batch[lane->at++], ret_record, ret_found, err);
		if (status != STATUS_OK || *ret_found)
			return status;
	}
}

static bool something_came(struct client_lanes *lanes, int64_t timeout_ms)
{
	struct pollfd pollfd = {.fd = lanes->fd, .events = POLLIN};
	uint64_t ignored;

	if (poll(&pollfd, 1, (int)timeout_ms) <= 0)
		return false;
	return read(lanes->fd, &ignored, sizeof(ignored)) == sizeof(ignored);
}

void client_lanes_wait(struct client_lanes *lanes, int64_t timeout_ms)
{
	const struct lane *lane = &lanes->lanes[lanes->hungry];
	int64_t patience = timeout_ms < PATIENCE_MS ? timeout_ms : PATIENCE_MS;

	if (something_came(lanes, patience) || timeout_ms <= patience)
		return;
	if (lane->place.next < lane->place.end) /* all queues were full: see reader_took() */
		reader_nudge_of(&lanes->reader, lanes->topics[lane->topic], lane->partition);
	something_came(lanes, timeout_ms - patience < 1000 ? timeout_ms - patience : 1000);
}

struct client_lane_place client_lane_place(const struct client_lanes *lanes, size_t lane)
{
	return lanes->lanes[lane].place;
}

bool client_lane_is_open(const struct client_lanes *lanes, size_t lane_number)
{
	const struct lane *lane = &lanes->lanes[lane_number];
	int64_t low, high;

	return !rd_kafka_get_watermark_offsets(
	               lanes->reader.handle, lanes->topics[lane->topic], lane->partition, &low, &high) &&
	       high > lane->place.next;
}

struct view client_lane_header(const struct client_lanes *lanes, size_t lane, const char *name)
{
	const rd_kafka_message_t *message = lanes->lanes[lane].last;

	return message ? message_header(message, name) : (struct view){0};
}

bool client_lane_header_at(const struct client_lanes *lanes, size_t lane, size_t index, struct view *ret_name,
        struct view *ret_value)
{
	const rd_kafka_message_t *message = lanes->lanes[lane].last;

	return message && message_header_at(message, index, ret_name, ret_value);
}
