#include "base/clock.h"
#include "base/memory.h"
#include "engine/kafka/process_parts.h"
#include "engine/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A shard's input: one partition, read in order, in batches that are there already. */

enum {
	INPUT_MESSAGES = 30000,
	INPUT_KBYTES = 32768,
	FIRST_MS = 10000,
	NUDGE_MS = 5,
	NUDGE_MOST_MS = 100,
	END_TRIES = 5
};

static void drop_batch(struct kafka *kafka)
{
	for (size_t i = 0; i < kafka->batch_count; i++)
		rd_kafka_message_destroy(kafka->batch[i]);
	kafka->batch_count = 0;
}

void input_close(struct kafka *kafka)
{
	drop_batch(kafka);
	sharing_close(kafka);
	kafka->input_pending = false;
}

/* ---- records */

static bool number_of(struct view text, int64_t *ret_number)
{
	char copy[24] = "", *end;

	if (text.len == 0 || text.len >= sizeof(copy) || text.data[0] < '0' || text.data[0] > '9')
		return false;
	memcpy(copy, text.data, text.len);
	errno = 0;
	*ret_number = strtoll(copy, &end, 10);
	return !errno && *end == '\0';
}

static void read_headers(const rd_kafka_message_t *message, struct record *record)
{
	static const char structured[] = STRUCTURED_CONTENT_TYPE;
	struct view type = message_header(message, "content-type");
	int64_t partition, offset;

	record->traceparent = traceparent_of(message_header(message, "traceparent"));
	record->structured = type.len >= sizeof(structured) - 1 &&
	                     strncasecmp(type.data, structured, sizeof(structured) - 1) == 0;
	/* nothing is sent on to where it lies already: such a header is forged, to take another's id */
	if (number_of(message_header(message, ORIGIN_PARTITION_HEADER), &partition) &&
	        number_of(message_header(message, ORIGIN_OFFSET_HEADER), &offset) && partition <= INT32_MAX &&
	        partition != message->partition)
		record->origin = (struct position){(int32_t)partition, offset};
}

void record_of(const rd_kafka_message_t *message, struct record *ret_record)
{
	struct position position = {message->partition, message->offset};
	rd_kafka_headers_t *headers;

	*ret_record = (struct record){.position = position,
	        .origin = position,
	        .time_ms = rd_kafka_message_timestamp(message, NULL),
	        .key = message_key(message),
	        .value = message_value(message)};
	if (!rd_kafka_message_headers(message, &headers))
		read_headers(message, ret_record);
}

/* ---- opening */

static enum outcome refuse(struct kafka *kafka, struct error *err, const char *code, const char *words)
{
	error_set(err, STATUS_FATAL, code,
	        "partition %d of %s is not the log that its state was made from: %s; put back the old log, "
	        "or begin "
	        "anew under another --prefix (resetting group offsets changes nothing here)",
	        kafka->partition, kafka->process->input, words);
	return OUTCOME_REFUSED;
}

/* The log's ends; an end before offset is asked for again: after a change of leaders it may lag. */
static enum status find_ends(
        struct kafka *kafka, int64_t offset, int64_t *ret_low, int64_t *ret_high, struct error *err)
{
	for (int try = 0; try < END_TRIES; try++) {
		enum status status = reader_bounds_of(&kafka->input, kafka->process->input, kafka->partition,
		        FIRST_MS, ret_low, ret_high, err);
		if (status != STATUS_OK || offset <= *ret_high)
			return status;
		kafka_back_off(kafka, try);
	}
	return STATUS_OK;
}

/* A reader whose fetch is asked for before its broker's thread has taken the partition over is not looked at
 * before that thread's next round, a second later; the nudge wakes it. The shard waits meanwhile. */
enum outcome input_first_message(
        struct kafka *kafka, struct reader *reader, rd_kafka_message_t **ret_message, struct error *err)
{
	int64_t deadline = clock_monotonic_ms() + FIRST_MS;

	for (int ms = NUDGE_MS; reader_take(reader, ret_message, 1, until(deadline, ms)) == 0;) {
		if (kafka_is_ended(kafka))
			return OUTCOME_ENDED;
		if (until(deadline, 1) == 0) {
			handle_fail(reader->handle, RD_KAFKA_RESP_ERR__TIMED_OUT, err, "cannot read %s [%d]",
			        kafka->process->input, kafka->partition);
			return OUTCOME_LOST;
		}
		reader_nudge(reader);
		ms = 2 * ms < NUDGE_MOST_MS ? 2 * ms : NUDGE_MOST_MS;
	}
	return OUTCOME_OK;
}

/* Reads the record at last_offset, with which reading was started, and compares. */
static enum outcome check_last(struct kafka *kafka, int64_t last_offset, struct view last, struct error *err)
{
	rd_kafka_message_t *message;
	char fingerprint[FINGERPRINT_SIZE];
	struct record record;
	enum outcome outcome = input_first_message(kafka, &kafka->input, &message, err);

	if (outcome != OUTCOME_OK)
		return outcome;
	if (message->err && message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
		handle_fail(kafka->input.handle, message->err, err, "cannot read %s [%d]",
		        kafka->process->input, kafka->partition);
		rd_kafka_message_destroy(message);
		return OUTCOME_LOST;
	}
	bool there = !message->err && message->offset == last_offset;
	if (there) {
		record_of(message, &record);
		kafka_fingerprint(&record, fingerprint);
	}
	rd_kafka_message_destroy(message);
	if (!there || !view_is(last, fingerprint))
		return refuse(
		        kafka, err, "log_recreated", "the record that was applied last is another one now");
	return OUTCOME_OK;
}

static enum outcome start(
        struct kafka *kafka, int64_t offset, int64_t last_offset, struct view last, struct error *err)
{
	int64_t low, high;

	if (reader_know(&kafka->input, kafka->process->input, err) != STATUS_OK ||
	        find_ends(kafka, offset, &low, &high, err) != STATUS_OK)
		return kafka_is_ended(kafka) ? OUTCOME_ENDED : OUTCOME_LOST;
	if (offset >= 0 && offset < low)
		return refuse(kafka, err, "log_truncated", "records that were not applied yet are deleted");
	if (offset > high)
		return refuse(kafka, err, "log_recreated", "it ends before what was applied already");
	kafka->next = offset < 0 ? low : offset;
	bool check = last.data && last_offset >= low;
	if (reader_start(&kafka->input, kafka->process->input, kafka->partition,
	            check ? last_offset : kafka->next, err) != STATUS_OK)
		return OUTCOME_LOST;
	return check ? check_last(kafka, last_offset, last, err) : OUTCOME_OK;
}

static enum status open_own(struct kafka *kafka, struct error *err)
{
	struct reader_bounds bounds = {.messages = INPUT_MESSAGES, .kbytes = INPUT_KBYTES};
	enum status status =
	        reader_open(kafka->process->options, kafka->process->chatter, bounds, &kafka->input, err);

	if (status != STATUS_OK)
		return status;
	kafka->input.ended = &kafka->ended;
	queue_wakes(kafka->input.queue, kafka->input_fd);
	sharing_begin(kafka);
	return STATUS_OK;
}

enum outcome kafka_open_input(
        struct kafka *kafka, int64_t offset, int64_t last_offset, struct view last, struct error *err)
{
	input_close(kafka);
	if (open_own(kafka, err) != STATUS_OK)
		return OUTCOME_LOST;
	enum outcome outcome = start(kafka, offset, last_offset, last, err);
	if (outcome != OUTCOME_OK)
		input_close(kafka);
	kafka->input_pending = outcome == OUTCOME_OK;
	return outcome;
}

/* ---- reading */

/* The event fires only when the queue turns non-empty: it is quieted before the queue is read. */
static void take_batch(struct kafka *kafka, size_t most)
{
	uint64_t count;

	if (kafka->batch_capacity < most) {
		kafka->batch = memory_resize(kafka->batch, most * sizeof(*kafka->batch));
		kafka->batch_capacity = most;
	}
	if (read(kafka->input_fd, &count, sizeof(count)) < 0)
		count = 0; /* quiet already */
	kafka->batch_count +=
	        sharing_take(kafka, kafka->batch + kafka->batch_count, most - kafka->batch_count);
	kafka->input_pending = kafka->batch_count == most;
}

/* What the process's handle has brought was too much for it: a reader of our own goes on where it ended. Its
 * first message is waited for: see input_first_message(). */
static enum outcome read_alone(struct kafka *kafka, struct error *err)
{
	sharing_close(kafka);
	if (open_own(kafka, err) != STATUS_OK || reader_start(&kafka->input, kafka->process->input,
	                                                 kafka->partition, kafka->next, err) != STATUS_OK)
		return OUTCOME_LOST;
	enum outcome outcome = input_first_message(kafka, &kafka->input, kafka->batch, err);
	kafka->batch_count = outcome == OUTCOME_OK;
	return outcome;
}

int64_t kafka_input_end(const struct kafka *kafka)
{
	int64_t low = -1, high = -1;

	if (kafka->input.handle && rd_kafka_get_watermark_offsets(kafka->input.handle, kafka->process->input,
	                                   kafka->partition, &low, &high))
		high = -1;
	return high >= 0 && high < kafka->next ? kafka->next : high; /* as of the last fetch */
}

static enum outcome take_message(struct kafka *kafka, const rd_kafka_message_t *message,
        struct record *record, bool *ret_is_record, struct error *err)
{
	*ret_is_record = false;
	if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
		if (message->offset > kafka->next)
			kafka->next = message->offset; /* control records and aborted ones behind the last */
		return OUTCOME_OK;
	}
	if (message->err) {
		handle_fail(kafka->input.handle, message->err, err, "cannot read %s [%d]",
		        kafka->process->input, kafka->partition);
		return OUTCOME_LOST;
	}
	if (message->offset < kafka->next) {
		error_set(err, STATUS_RETRY, "out_of_order", "%s [%d] gave offset %lld again",
		        kafka->process->input, kafka->partition, (long long)message->offset);
		return OUTCOME_LOST;
	}
	kafka->next = message->offset + 1;
	record_of(message, record);
	*ret_is_record = true;
	return OUTCOME_OK;
}

enum outcome kafka_read(struct kafka *kafka, struct record *records, size_t most, size_t *ret_count,
        int64_t *ret_next, struct error *err)
{
	enum outcome outcome = OUTCOME_OK;
	size_t found = 0;

	drop_batch(kafka);
	if (sharing_is_too_busy(kafka))
		outcome = read_alone(kafka, err);
	if (outcome != OUTCOME_OK)
		return outcome;
	take_batch(kafka, most);
	for (size_t i = 0; i < kafka->batch_count; i++) {
		bool is_record;
		outcome = take_message(kafka, kafka->batch[i], &records[found], &is_record, err);
		if (outcome != OUTCOME_OK)
			return outcome;
		found += is_record;
	}
	*ret_count = found;
	*ret_next = kafka->next;
	return OUTCOME_OK;
}
