#include "base/clock.h"
#include "base/memory.h"
#include "engine/kafka/process_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Restoring: the changelog from its start until the own claim comes by. */

enum { BATCH = 1000, SILENCE_MS = 30000, RESTORE_MESSAGES = 100000, RESTORE_KBYTES = 65536 };

struct restore {
	struct kafka *kafka;
	struct claim *claim;
	int64_t claim_offset;
	enum status (*row)(struct view key, struct view value, void *context, struct error *err);
	void *context;
	bool met, genesis;
};

static enum outcome lost(struct restore *restore, const char *how, struct error *err)
{
	error_set(err, STATUS_RETRY, "claim_passed",
	        "%s [%d] %s offset %lld, where our claim was: a later one followed",
	        restore->kafka->process->changelog, restore->kafka->partition, how,
	        (long long)restore->claim_offset);
	return OUTCOME_LOST;
}

static enum outcome refuse_count(struct restore *restore, int partitions, struct error *err)
{
	const struct process *process = restore->kafka->process;

	error_set(err, STATUS_FATAL, "partition_count",
	        "%s had %d partitions when it was made, %s has %d now: keys lie elsewhere than their rows; "
	        "go back to "
	        "the old count, or begin anew under another --prefix",
	        process->changelog, partitions, process->input, process->partitions);
	return OUTCOME_REFUSED;
}

/* "<log id> <partitions>" */
static enum outcome take_genesis(struct restore *restore, struct view value, struct error *err)
{
	char text[128] = "", id[64];
	int partitions = 0;

	memcpy(text, value.data ? value.data : "", value.len < sizeof(text) ? value.len : sizeof(text) - 1);
	if (sscanf(text, "%63s %d", id, &partitions) != 2) {
		error_set(err, STATUS_FATAL, "state_damaged",
		        "%s [%d] has a row @genesis that cannot be read: '%s'",
		        restore->kafka->process->changelog, restore->kafka->partition, text);
		return OUTCOME_REFUSED;
	}
	if (partitions != restore->kafka->process->partitions)
		return refuse_count(restore, partitions, err);
	memcpy(restore->claim->log_id, id, sizeof(id));
	restore->genesis = true;
	return OUTCOME_OK;
}

static enum outcome take_row(struct restore *restore, const rd_kafka_message_t *message, struct error *err)
{
	struct view key = message_key(message), value = message_value(message);
	enum outcome outcome = OUTCOME_OK;

	if (message->offset > restore->claim_offset)
		return lost(restore, "goes on beyond", err);
	if (message->offset == restore->claim_offset) {
		if (!view_is(key, "@claim") || !view_is(value, restore->claim->nonce))
			return lost(restore, "has another row at", err);
		restore->met = true;
	}
	if (view_is(key, "@genesis"))
		outcome = take_genesis(restore, value, err);
	if (outcome == OUTCOME_OK && restore->row(key, value, restore->context, err) != STATUS_OK)
		outcome = OUTCOME_REFUSED;
	return outcome;
}

static enum outcome take_message(
        struct restore *restore, const rd_kafka_message_t *message, struct error *err)
{
	if (!message->err)
		return take_row(restore, message, err);
	if (message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
		handle_fail(restore->kafka->producer, message->err, err, "cannot read %s [%d]",
		        restore->kafka->process->changelog, restore->kafka->partition);
		return OUTCOME_LOST;
	}
	/* an end at or before the claim: the last stable offset is a moment behind */
	return message->offset > restore->claim_offset ? lost(restore, "ends beyond", err) : OUTCOME_OK;
}

static enum outcome read_rows(struct restore *restore, struct reader *reader, struct error *err)
{
	int64_t deadline = clock_monotonic_ms() + SILENCE_MS;
	rd_kafka_message_t *messages[BATCH];
	enum outcome outcome = OUTCOME_OK;

	while (outcome == OUTCOME_OK && !restore->met) {
		size_t count = reader_take(reader, messages, BATCH, 0);
		if (count == 0) {
			reader_nudge(reader);
			count = reader_take(reader, messages, BATCH, 100);
		}
		for (size_t i = 0; i < count; i++) {
			if (outcome == OUTCOME_OK && !restore->met)
				outcome = take_message(restore, messages[i], err);
			rd_kafka_message_destroy(messages[i]);
		}
		if (count)
			deadline = clock_monotonic_ms() + SILENCE_MS;
		if (kafka_is_ended(restore->kafka))
			return OUTCOME_ENDED;
		if (until(deadline, 1) == 0) {
			handle_fail(reader->handle, RD_KAFKA_RESP_ERR__TIMED_OUT, err, "cannot read %s [%d]",
			        restore->kafka->process->changelog, restore->kafka->partition);
			return OUTCOME_LOST;
		}
	}
	return outcome;
}

/* At the log's first offset, by its number: librdkafka asks for RD_KAFKA_OFFSET_BEGINNING only half a second
 * later where the partition's broker is not known to its main thread yet, though its leader is. */
static enum status start(struct kafka *kafka, struct reader *reader, struct error *err)
{
	const char *topic = kafka->process->changelog;
	int64_t low, high;
	enum status status = reader_know(reader, topic, err);

	if (status == STATUS_OK)
		status = reader_bounds_of(reader, topic, kafka->partition, SILENCE_MS, &low, &high, err);
	return status == STATUS_OK ? reader_start(reader, topic, kafka->partition, low, err) : status;
}

enum outcome kafka_restore(struct kafka *kafka, struct claim *claim, int64_t claim_offset,
        enum status (*row)(struct view key, struct view value, void *context, struct error *err),
        void *context, struct error *err)
{
	struct reader_bounds bounds = {.messages = RESTORE_MESSAGES, .kbytes = RESTORE_KBYTES};
	struct restore restore = {
	        .kafka = kafka, .claim = claim, .claim_offset = claim_offset, .row = row, .context = context};
	struct process *process = kafka->process;
	struct reader reader = {0};
	enum outcome outcome = OUTCOME_LOST;
	enum status status = reader_open(process->options, process->chatter, bounds, &reader, err);

	reader.ended = &kafka->ended;
	if (status == STATUS_OK)
		status = start(kafka, &reader, err);
	if (status == STATUS_OK)
		outcome = read_rows(&restore, &reader, err);
	else if (kafka_is_ended(kafka))
		outcome = OUTCOME_ENDED;
	reader_close(&reader);
	if (outcome != OUTCOME_OK || restore.genesis)
		return outcome;
	error_set(err, STATUS_FATAL, "changelog_lost",
	        "%s [%d] has no row @genesis: it was never begun ('holdpoint-producer topics' does) or its "
	        "rows were "
	        "lost, and then everything would be done again; put it back from a copy, or begin anew under "
	        "another --prefix",
	        process->changelog, kafka->partition);
	return OUTCOME_REFUSED;
}
