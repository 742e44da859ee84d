#include "base/clock.h"
#include "base/memory.h"
#include "engine/client.h"
#include "engine/kafka/client_parts.h"

#include <stdlib.h>
#include <string.h>

/* Reading for commands: some partitions of some topics, merged as they come. */

enum { BATCH = 500, READER_MESSAGES = 100000, READER_KBYTES = 65536 };

struct part { /* one partition being read */
	size_t source;
	int32_t partition;
	int64_t start, end, next; /* end: as it was at the opening */
};

struct client_reader {
	struct reader reader;
	struct client_source *sources;
	size_t source_count;
	struct part *parts;
	size_t part_count, parts_past_end;
	rd_kafka_message_t *batch[BATCH];
	size_t batch_count, batch_next;
	const rd_kafka_message_t *last;
};

static enum status find_start(
        struct client_reader *reader, struct part *part, int64_t timeout_ms, struct error *err)
{
	const struct client_source *source = &reader->sources[part->source];
	int64_t low;
	enum status status = reader_bounds_of(
	        &reader->reader, source->topic, part->partition, timeout_ms, &low, &part->end, err);

	if (status != STATUS_OK)
		return status;
	if (source->offset == CLIENT_FROM_END)
		part->start = part->end;
	else
		part->start = source->offset < low ? low : source->offset;
	part->next = part->start;
	reader->parts_past_end += part->next >= part->end;
	return STATUS_OK;
}

static void add_part(struct client_reader *reader, size_t source, int32_t partition)
{
	reader->parts = memory_resize(reader->parts, (reader->part_count + 1) * sizeof(*reader->parts));
	reader->parts[reader->part_count++] = (struct part){.source = source, .partition = partition};
}

static enum status list_parts(struct client_reader *reader, int64_t deadline, struct error *err)
{
	for (size_t i = 0; i < reader->source_count; i++) {
		const struct client_source *source = &reader->sources[i];
		int32_t count;
		enum status status = handle_partitions(
		        reader->reader.handle, source->topic, until(deadline, INT32_MAX), &count, err);
		if (status != STATUS_OK)
			return status;
		for (int32_t p = 0; p < count; p++)
			if (source->partition < 0 || source->partition == p)
				add_part(reader, i, p);
	}
	return STATUS_OK;
}

static enum status start(struct client_reader *reader, int64_t deadline, struct error *err)
{
	enum status status = list_parts(reader, deadline, err);

	for (size_t i = 0; status == STATUS_OK && i < reader->part_count; i++)
		status = find_start(reader, &reader->parts[i], until(deadline, INT32_MAX), err);
	for (size_t i = 0; status == STATUS_OK && i < reader->part_count; i++) {
		const struct part *part = &reader->parts[i];
		status = reader_start(&reader->reader, reader->sources[part->source].topic, part->partition,
		        part->start, err);
	}
	return status;
}

enum status client_reader_open(struct client *client, const struct client_source *sources,
        size_t source_count, int64_t timeout_ms, struct client_reader **ret_reader, struct error *err)
{
	struct client_reader *reader = memory_alloc(sizeof(*reader));
	struct reader_bounds bounds = {.messages = READER_MESSAGES, .kbytes = READER_KBYTES};
	enum status status =
	        reader_open(client_options(client), client_chatter(client), bounds, &reader->reader, err);

	reader->sources = memory_alloc(source_count * sizeof(*sources));
	reader->source_count = source_count;
	for (size_t i = 0; i < source_count; i++) {
		reader->sources[i] = sources[i];
		reader->sources[i].topic = memory_text(sources[i].topic);
	}
	if (status == STATUS_OK)
		status = start(reader, clock_monotonic_ms() + timeout_ms, err);
	if (status != STATUS_OK) {
		client_reader_close(reader);
		return status;
	}
	*ret_reader = reader;
	return STATUS_OK;
}

static void drop_batch(struct client_reader *reader)
{
	for (size_t i = 0; i < reader->batch_count; i++)
		rd_kafka_message_destroy(reader->batch[i]);
	reader->batch_count = reader->batch_next = 0;
	reader->last = NULL;
}

void client_reader_close(struct client_reader *reader)
{
	if (!reader)
		return;
	drop_batch(reader);
	reader_close(&reader->reader);
	for (size_t i = 0; i < reader->source_count; i++)
		free((char *)reader->sources[i].topic);
	free(reader->sources);
	free(reader->parts);
	free(reader);
}

static struct part *part_of(struct client_reader *reader, const rd_kafka_message_t *message)
{
	const char *topic = rd_kafka_topic_name(message->rkt);

	for (size_t i = 0; i < reader->part_count; i++) {
		struct part *part = &reader->parts[i];
		if (part->partition == message->partition &&
		        strcmp(reader->sources[part->source].topic, topic) == 0)
			return part;
	}
	return NULL;
}

static void move_to(struct client_reader *reader, struct part *part, int64_t next)
{
	if (next <= part->next)
		return;
	reader->parts_past_end += part->next < part->end && next >= part->end;
	part->next = next;
}

struct client_record client_record_of(const rd_kafka_message_t *message, size_t source, const char *topic)
{
	return (struct client_record){.source = source,
	        .topic = topic,
	        .position = {message->partition, message->offset},
	        .time_ms = rd_kafka_message_timestamp(message, NULL),
	        .key = message_key(message),
	        .value = message_value(message)};
}

static enum status take_one(struct client_reader *reader, const rd_kafka_message_t *message,
        struct client_record *ret_record, bool *ret_found, struct error *err)
{
	struct part *part = message->rkt ? part_of(reader, message) : NULL;

	if (!part || (message->err && message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF))
		return handle_fail(reader->reader.handle, message->err, err, "cannot read %s [%d]",
		        message->rkt ? rd_kafka_topic_name(message->rkt) : "", message->partition);
	move_to(reader, part, message->err ? message->offset : message->offset + 1);
	*ret_found = !message->err;
	if (message->err)
		return STATUS_OK;
	reader->last = message;
	*ret_record = client_record_of(message, part->source, reader->sources[part->source].topic);
	return STATUS_OK;
}

enum status client_reader_next(struct client_reader *reader, int64_t timeout_ms,
        struct client_record *ret_record, bool *ret_found, struct error *err)
{
	int64_t deadline = clock_monotonic_ms() + timeout_ms;
	bool was_past_end = client_reader_is_past_end(reader);

	*ret_found = false;
	do {
		if (reader->batch_next == reader->batch_count) {
			drop_batch(reader);
			reader->batch_count =
			        reader_take(&reader->reader, reader->batch, BATCH, until(deadline, 60000));
		}
		while (reader->batch_next < reader->batch_count) {
			enum status status = take_one(
			        reader, reader->batch[reader->batch_next++], ret_record, ret_found, err);
			if (status != STATUS_OK || *ret_found)
				return status;
		}
		if (client_reader_is_past_end(reader) && !was_past_end)
			break;
	} while (until(deadline, 1) > 0);
	return STATUS_OK;
}

bool client_reader_is_past_end(const struct client_reader *reader)
{
	return reader->parts_past_end == reader->part_count;
}

struct view client_reader_header(const struct client_reader *reader, const char *name)
{
	return reader->last ? message_header(reader->last, name) : (struct view){0};
}
