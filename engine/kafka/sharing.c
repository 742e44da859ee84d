#include "base/clock.h"
#include "engine/kafka/process_parts.h"

/* A handle of librdkafka costs threads, timers and fetches, though nothing may come. So a shard that has read
 * nothing for a while gives up its own and reads through one that is the process's, with a queue of its own.
 *
 * Only while it is idle. A fetch brings what there is for all partitions of a handle, and its bytes stay in
 * memory until the last message of it is taken: a shard that can't go on would keep what all others have
 * read. And a partition whose queue was full waits for the fetch of the others that is under way.
 *
 * The new reader begins where the old one stands, beside it. Whichever brings something first stays: until
 * the new one is known to read, the old one does. So nothing is late, and nothing is read twice or left out.
 *
 * A shard that still ends may have a successor in the same process. A partition is read through the process's
 * handle by one of them; the other keeps its own. */

enum { SECOND_MS = 1000, BUSY_BYTES = 65536 };

void sharing_begin(struct kafka *kafka)
{
	kafka->read_ms = clock_monotonic_ms();
	kafka->bytes_in_second = 0;
}

static void leave(struct kafka *kafka, struct reader *guest)
{
	reader_close(guest);
	atomic_store(&kafka->process->is_shared[kafka->partition], false);
}

void sharing_close(struct kafka *kafka)
{
	if (kafka->heir.handle)
		leave(kafka, &kafka->heir);
	if (kafka->input.host)
		leave(kafka, &kafka->input);
	else
		reader_close(&kafka->input);
}

void sharing_join_when_idle(struct kafka *kafka)
{
	struct process *process = kafka->process;
	struct error ignored;

	if (!kafka->input.handle || kafka->input.host || kafka->heir.handle || kafka->input_pending ||
	        clock_monotonic_ms() - kafka->read_ms < process->limits.idle_ms)
		return;
	kafka->read_ms = clock_monotonic_ms(); /* if it is in vain, the next try is later */
	if (atomic_exchange(&process->is_shared[kafka->partition], true))
		return;
	reader_join(&process->common, &kafka->heir);
	queue_wakes(kafka->heir.queue, kafka->input_fd);
	if (reader_start(&kafka->heir, process->input, kafka->partition, kafka->next, &ignored) != STATUS_OK)
		leave(kafka, &kafka->heir);
}

bool sharing_is_too_busy(const struct kafka *kafka)
{
	return kafka->input.host && kafka->bytes_in_second > BUSY_BYTES;
}

static bool is_error(const rd_kafka_message_t *message)
{
	return message->err && message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF;
}

/* Whether there are records among them. */
static bool note_records(struct kafka *kafka, rd_kafka_message_t **messages, size_t count)
{
	int64_t now = clock_monotonic_ms();
	bool any = false;

	if (now - kafka->second_ms > SECOND_MS) {
		kafka->second_ms = now;
		kafka->bytes_in_second = 0;
	}
	for (size_t i = 0; i < count; i++) {
		if (messages[i]->err)
			continue;
		any = true;
		kafka->bytes_in_second += (int64_t)(messages[i]->len + messages[i]->key_len);
	}
	if (any)
		kafka->read_ms = now;
	return any;
}

/* What the heir has brought. It is given up where that is an error: the old one reads on. */
static size_t take_of_heir(struct kafka *kafka, rd_kafka_message_t **messages, size_t most)
{
	size_t count = reader_take(&kafka->heir, messages, most, 0);

	if (count == 0)
		return 0;
	if (!is_error(messages[0])) {
		reader_close(&kafka->input);
		kafka->input = kafka->heir;
		kafka->heir = (struct reader){0};
		return count;
	}
	for (size_t i = 0; i < count; i++)
		rd_kafka_message_destroy(messages[i]);
	leave(kafka, &kafka->heir);
	return 0;
}

size_t sharing_take(struct kafka *kafka, rd_kafka_message_t **messages, size_t most)
{
	size_t count = kafka->heir.handle ? take_of_heir(kafka, messages, most) : 0;

	if (count == 0)
		count = reader_take(&kafka->input, messages, most, 0);
	if (note_records(kafka, messages, count) && kafka->heir.handle) /* it would bring them again */
		leave(kafka, &kafka->heir);
	return count;
}
