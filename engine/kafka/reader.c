#include "base/clock.h"
#include "base/memory.h"
#include "engine/kafka/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void set_number(rd_kafka_conf_t *config, const char *name, int number)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", number);
	config_set(config, name, text);
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
	set_number(config, "queued.min.messages", bounds.messages);
	set_number(config, "queued.max.messages.kbytes", bounds.kbytes);
	if (bounds.fetch_bytes)
		set_number(config, "fetch.message.max.bytes", bounds.fetch_bytes);
	status = handle_new(RD_KAFKA_CONSUMER, config, &handle, err);
	if (status != STATUS_OK)
		return status;
	*ret_reader = (struct reader){.handle = handle, .queue = rd_kafka_queue_new(handle)};
	return STATUS_OK;
}

enum status reader_start(
        struct reader *reader, const char *topic, int32_t partition, int64_t offset, struct error *err)
{
	rd_kafka_topic_t *handle = rd_kafka_topic_new(reader->handle, topic, NULL);

	if (!handle || rd_kafka_consume_start_queue(handle, partition, offset, reader->queue) != 0) {
		rd_kafka_resp_err_t code = rd_kafka_last_error();
		if (handle)
			rd_kafka_topic_destroy(handle);
		return handle_fail(reader->handle, code, err, "cannot read %s [%d]", topic, partition);
	}
	size_t n = reader->count++;
	reader->topics = memory_resize(reader->topics, (n + 1) * sizeof(*reader->topics));
	reader->partitions = memory_resize(reader->partitions, (n + 1) * sizeof(*reader->partitions));
	reader->topics[n] = handle;
	reader->partitions[n] = partition;
	return STATUS_OK;
}

size_t reader_take(struct reader *reader, rd_kafka_message_t **messages, size_t most, int timeout_ms)
{
	ssize_t count = rd_kafka_consume_batch_queue(reader->queue, 0, messages, most), more;

	if (count <= 0 && timeout_ms > 0) /* a batch would wait until it is full */
		count = rd_kafka_consume_batch_queue(reader->queue, timeout_ms, messages, 1);
	if (count == 1 && most > 1) {
		more = rd_kafka_consume_batch_queue(reader->queue, 0, messages + 1, most - 1);
		count += more > 0 ? more : 0;
	}
	return count > 0 ? (size_t)count : 0;
}

void reader_stop(struct reader *reader)
{
	for (size_t i = 0; i < reader->count; i++) {
		rd_kafka_consume_stop(reader->topics[i], reader->partitions[i]);
		rd_kafka_topic_destroy(reader->topics[i]);
	}
	reader->count = 0;
}

enum status reader_bounds_of(struct reader *reader, const char *topic, int32_t partition, int64_t timeout_ms,
        int64_t *ret_low, int64_t *ret_high, struct error *err)
{
	int64_t deadline = clock_monotonic_ms() + timeout_ms, low, high;
	rd_kafka_resp_err_t code;

	do {
		code = rd_kafka_query_watermark_offsets(
		        reader->handle, topic, partition, &low, &high, until(deadline, 60000));
	} while ((code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ||
	                 code == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION ||
	                 code == RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE) &&
	         until(deadline, 1) > 0);
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
	rd_kafka_queue_destroy(reader->queue);
	rd_kafka_destroy(reader->handle);
	free(reader->topics);
	free(reader->partitions);
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
