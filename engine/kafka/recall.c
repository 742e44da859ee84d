#include "base/clock.h"
#include "engine/kafka/process_parts.h"

#include <string.h>

/* Single records of the input again, by a reader of its own that is closed when it has long been idle. */

enum { IDLE_MS = 5000, FETCH_BYTES = 65536, KEPT_MOST = 1 << 20 };

void recall_close(struct kafka *kafka)
{
	reader_close(&kafka->recall);
}

void recall_close_idle(struct kafka *kafka)
{
	if (kafka->recall.handle && clock_monotonic_ms() - kafka->recalled_ms > IDLE_MS)
		recall_close(kafka);
}

static struct view keep(struct kafka *kafka, struct view bytes)
{
	size_t at = kafka->recalled.len;

	if (!bytes.data)
		return bytes;
	buffer_add(&kafka->recalled, bytes.data, bytes.len);
	return (struct view){kafka->recalled.data + at, bytes.len};
}

/* Copies the record, so that nothing hangs on the reader. */
static void keep_record(struct kafka *kafka, const rd_kafka_message_t *message, struct record *ret_record)
{
	struct record record;
	struct buffer *kept = &kafka->recalled;

	record_of(message, &record);
	if (kept->capacity > KEPT_MOST)
		buffer_release(kept);
	buffer_clear(kept); /* room for all of it first: views look into it */
	buffer_add(kept, record.key.data ? record.key.data : "", record.key.len);
	buffer_add(kept, record.value.data ? record.value.data : "", record.value.len);
	buffer_add(kept, record.traceparent.data ? record.traceparent.data : "", record.traceparent.len);
	buffer_clear(kept);
	record.key = keep(kafka, record.key);
	record.value = keep(kafka, record.value);
	record.traceparent = keep(kafka, record.traceparent);
	*ret_record = record;
}

static enum outcome take(
        struct kafka *kafka, int64_t offset, struct record *ret_record, bool *ret_found, struct error *err)
{
	rd_kafka_message_t *message;
	enum outcome outcome = input_first_message(kafka, &kafka->recall, &message, err);

	if (outcome != OUTCOME_OK)
		return outcome;
	switch (message->err) {
	case RD_KAFKA_RESP_ERR_NO_ERROR:
		*ret_found = message->offset == offset;
		if (*ret_found)
			keep_record(kafka, message, ret_record);
		break;
	case RD_KAFKA_RESP_ERR__PARTITION_EOF:
	case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET: /* before the log's start, or past its end */
	case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
		*ret_found = false;
		break;
	default:
		handle_fail(kafka->recall.handle, message->err, err, "cannot read %s [%d] again",
		        kafka->process->input, kafka->partition);
		outcome = OUTCOME_LOST;
	}
	rd_kafka_message_destroy(message);
	return outcome;
}

enum outcome kafka_recall(
        struct kafka *kafka, int64_t offset, struct record *ret_record, bool *ret_found, struct error *err)
{
	struct reader_bounds bounds = {
	        .messages = 1, .kbytes = 4096, .fetch_bytes = FETCH_BYTES, .wait_ms = 1};
	struct process *process = kafka->process;
	enum outcome outcome = OUTCOME_LOST;

	if (!kafka->recall.handle &&
	        reader_open(process->options, process->chatter, bounds, &kafka->recall, err) != STATUS_OK)
		return OUTCOME_LOST;
	if (reader_start(&kafka->recall, process->input, kafka->partition, offset, err) == STATUS_OK)
		outcome = take(kafka, offset, ret_record, ret_found, err);
	reader_stop(&kafka->recall);
	kafka->recalled_ms = clock_monotonic_ms();
	if (outcome != OUTCOME_OK)
		recall_close(kafka);
	return outcome;
}
