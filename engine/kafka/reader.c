#include "base/clock.h"
#include "base/memory.h"
#include "engine/kafka/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* LEADER_MS: a leader that is there answers sooner, and for one that is not there may be another by then. */
enum { METADATA_MS = 10000, LEADER_MS = 2000 };

/* How long a fetcher that found the queue full rests, however soon it is emptied: from librdkafka 2.2 on a
 * second unless it is told otherwise. Before, reader_took() wakes it. */
#define REST_MS "5"

/* What a compressed batch may unpack to. Brokers bound only what it is packed, and one that librdkafka does
 * not unpack is never got past: whoever may write a topic would stop its partition for good with 5 KB of
 * zstd. This is the most that a client of librdkafka sends; what of it is too large is then told by its
 * reader. */
#define UNPACKED_MAX "1000000000"

static void tune(rd_kafka_conf_t *config, const struct options *options, const char *name, int number)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", number);
	if (number)
		config_tune(config, options, name, text);
}

enum status reader_open(const struct options *options, struct chatter *chatter, struct reader_bounds bounds,
        struct reader *ret_reader, struct error *err)
{
	rd_kafka_conf_t *config;
	rd_kafka_t *handle;
	enum status status = config_new(options, chatter, true, &config, err);

	if (status != STATUS_OK)
		return status;
	config_set(config, "isolation.level", "read_committed");
	config_set(config, "enable.partition.eof", "true");
	config_set(config, "enable.auto.commit", "false");
	config_set(config, "enable.auto.offset.store", "false");
	config_set(config, "auto.offset.reset", "error");
	config_tune(config, options, "receive.message.max.bytes", UNPACKED_MAX);
	tune(config, options, "queued.min.messages", bounds.messages);
	tune(config, options, "queued.max.messages.kbytes", bounds.kbytes);
	tune(config, options, "fetch.message.max.bytes", bounds.fetch_bytes);
	tune(config, options, "fetch.wait.max.ms", bounds.wait_ms);
	config_tune_if_known(config, options, "fetch.queue.backoff.ms", REST_MS);
	status = handle_new(RD_KAFKA_CONSUMER, config, &handle, err);
	if (status != STATUS_OK)
		return status;
	*ret_reader = (struct reader){.handle = handle,
	        .queue = rd_kafka_queue_new(handle),
	        .half_messages = (size_t)bounds.messages / 2,
	        .wake_bytes = (size_t)bounds.kbytes * 1024 / 2};
	return STATUS_OK;
}

void reader_join(const struct reader *host, struct reader *ret_reader)
{
	*ret_reader = (struct reader){.host = host,
	        .handle = host->handle,
	        .queue = rd_kafka_queue_new(host->handle),
	        .half_messages = host->half_messages,
	        .wake_bytes = host->wake_bytes};
}

static bool is_known(const struct reader *reader, const char *name, rd_kafka_topic_t **ret_topic)
{
	for (; reader; reader = reader->host)
		for (size_t i = 0; i < reader->topic_count; i++) {
			*ret_topic = reader->topics[i];
			if (strcmp(rd_kafka_topic_name(*ret_topic), name) == 0)
				return true;
		}
	return false;
}

/* The topic's handle, once its leaders are known: else librdkafka would look again only after half a second.
 */
static enum status find_topic(
        struct reader *reader, const char *name, rd_kafka_topic_t **ret_topic, struct error *err)
{
	int32_t partitions;

	if (is_known(reader, name, ret_topic))
		return STATUS_OK;
	enum status status = handle_partitions(reader->handle, name, METADATA_MS, &partitions, err);
	if (status != STATUS_OK)
		return status;
	size_t n = reader->topic_count++;
	reader->topics = memory_resize(reader->topics, (n + 1) * sizeof(*reader->topics));
	*ret_topic = reader->topics[n] = rd_kafka_topic_new(reader->handle, name, NULL);
	return STATUS_OK;
}

enum status reader_know(struct reader *reader, const char *topic, struct error *err)
{
	rd_kafka_topic_t *ignored;

	return find_topic(reader, topic, &ignored, err);
}

enum status reader_start_into(struct reader *reader, const char *topic, int32_t partition, int64_t offset,
        rd_kafka_queue_t *queue, struct error *err)
{
	rd_kafka_topic_t *handle;
	enum status status = find_topic(reader, topic, &handle, err);

	if (status != STATUS_OK)
		return status;
	if (rd_kafka_consume_start_queue(handle, partition, offset, queue) != 0)
		return handle_fail(
		        reader->handle, rd_kafka_last_error(), err, "cannot read %s [%d]", topic, partition);
	size_t n = reader->started_count++;
	reader->started = memory_resize(reader->started, (n + 1) * sizeof(*reader->started));
	reader->started[n] = (struct started){handle, partition};
	return STATUS_OK;
}

enum status reader_start(
        struct reader *reader, const char *topic, int32_t partition, int64_t offset, struct error *err)
{
	return reader_start_into(reader, topic, partition, offset, reader->queue, err);
}

/* Asks the leader for the log's first offset (RD_KAFKA_OFFSET_BEGINNING) or end (_END). Not by
 * rd_kafka_query_watermark_offsets(): that asks a leader that is down until it is back, whatever its time-out
 * (librdkafka up to 2.2). */
static rd_kafka_resp_err_t ask_offset(rd_kafka_t *handle, const char *topic, int32_t partition, int64_t which,
        int timeout_ms, int64_t *ret_offset)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_resp_err_t code;

	rd_kafka_topic_partition_list_add(list, topic, partition)->offset = which;
	code = rd_kafka_offsets_for_times(handle, list, timeout_ms);
	if (!code)
		code = list->elems[0].err;
	if (!code)
		*ret_offset = list->elems[0].offset;
	rd_kafka_topic_partition_list_destroy(list);
	return code;
}

void reader_nudge_of(struct reader *reader, const char *topic, int32_t partition)
{
	int64_t ignored;

	ask_offset(reader->handle, topic, partition, RD_KAFKA_OFFSET_END, 1, &ignored);
}

void reader_nudge(struct reader *reader)
{
	const struct started *started = &reader->started[reader->nudged++ % reader->started_count];

	reader_nudge_of(reader, rd_kafka_topic_name(started->topic), started->partition);
}

static bool is_half_full(const struct reader *reader)
{
	return rd_kafka_queue_length(reader->queue) >= reader->half_messages;
}

void reader_took(struct reader *reader, rd_kafka_message_t **messages, size_t count)
{
	bool is_emptied = reader->was_half_full && !is_half_full(reader);

	for (size_t i = 0; i < count; i++)
		reader->taken_bytes += messages[i]->len + messages[i]->key_len;
	if (!is_emptied && reader->taken_bytes < reader->wake_bytes)
		return;
	reader->was_half_full &= !is_emptied;
	reader->taken_bytes = 0;
	reader_nudge(reader);
}

size_t reader_take(struct reader *reader, rd_kafka_message_t **messages, size_t most, int timeout_ms)
{
	ssize_t count, more;

	reader->was_half_full |= is_half_full(reader);
	count = rd_kafka_consume_batch_queue(reader->queue, 0, messages, most);
	if (count <= 0 && timeout_ms > 0) /* a batch would wait until it is full */
		count = rd_kafka_consume_batch_queue(reader->queue, timeout_ms, messages, 1);
	if (count == 1 && most > 1) {
		more = rd_kafka_consume_batch_queue(reader->queue, 0, messages + 1, most - 1);
		count += more > 0 ? more : 0;
	}
	if (count <= 0)
		return 0;
	reader_took(reader, messages, (size_t)count);
	return (size_t)count;
}

void reader_stop(struct reader *reader)
{
	for (size_t i = 0; i < reader->started_count; i++)
		rd_kafka_consume_stop(reader->started[i].topic, reader->started[i].partition);
	reader->started_count = 0;
}

/* What a new leader, or a new topic, answers for a moment, and a dead one never. */
static bool is_passing(rd_kafka_resp_err_t code)
{
	return code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ||
	       code == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION ||
	       code == RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE ||
	       code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || code == RD_KAFKA_RESP_ERR__FAIL ||
	       code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__TRANSPORT;
}

/* Else the leader of old would be asked again, for as long as it is remembered. */
static void find_leaders(struct reader *reader, const char *topic, int timeout_ms)
{
	struct error ignored;
	int32_t partitions;
	enum status status = handle_partitions(reader->handle, topic, timeout_ms, &partitions, &ignored);

	(void)status;
}

enum status reader_bounds_of(struct reader *reader, const char *topic, int32_t partition, int64_t timeout_ms,
        int64_t *ret_low, int64_t *ret_high, struct error *err)
{
	int64_t deadline = clock_monotonic_ms() + timeout_ms, low, high;
	rd_kafka_resp_err_t code;

	for (;;) {
		code = ask_offset(reader->handle, topic, partition, RD_KAFKA_OFFSET_BEGINNING,
		        until(deadline, LEADER_MS), &low);
		if (!code)
			code = ask_offset(reader->handle, topic, partition, RD_KAFKA_OFFSET_END,
			        until(deadline, LEADER_MS), &high);
		if (!code || !is_passing(code) || until(deadline, 1) == 0 ||
		        (reader->ended && atomic_load(reader->ended)))
			break;
		rd_kafka_poll(reader->handle, 50);
		find_leaders(reader, topic, until(deadline, LEADER_MS));
	}
	if (code)
		return handle_fail(
		        reader->handle, code, err, "cannot find the ends of %s [%d]", topic, partition);
	*ret_low = low;
	*ret_high = high;
	return STATUS_OK;
}

void reader_close(struct reader *reader)
{
	if (!reader->handle)
		return;
	reader_stop(reader);
	for (size_t i = 0; i < reader->topic_count; i++)
		rd_kafka_topic_destroy(reader->topics[i]);
	rd_kafka_queue_destroy(reader->queue);
	if (!reader->host)
		rd_kafka_destroy(reader->handle);
	free(reader->topics);
	free(reader->started);
	*reader = (struct reader){0};
}

struct view message_key(const rd_kafka_message_t *message)
{
	return message->key ? (struct view){message->key, message->key_len} : (struct view){0};
}

struct view message_value(const rd_kafka_message_t *message)
{
	return message->payload ? (struct view){message->payload, message->len} : (struct view){0};
}

struct view message_header(const rd_kafka_message_t *message, const char *name)
{
	rd_kafka_headers_t *headers;
	const void *value;
	size_t len;

	if (rd_kafka_message_headers(message, &headers) ||
	        rd_kafka_header_get_last(headers, name, &value, &len) || !value)
		return (struct view){0};
	return (struct view){value, len};
}

bool message_header_at(
        const rd_kafka_message_t *message, size_t index, struct view *ret_name, struct view *ret_value)
{
	rd_kafka_headers_t *headers;
	const char *name;
	const void *value;
	size_t len;

	if (rd_kafka_message_headers(message, &headers) ||
	        rd_kafka_header_get_all(headers, index, &name, &value, &len))
		return false;
	*ret_name = view_text(name);
	*ret_value = value ? (struct view){value, len} : (struct view){0};
	return true;
}
