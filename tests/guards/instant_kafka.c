#include "base/clock.h"
#include "base/memory.h"
#include "tests/guards/instant.h"

#include <stdio.h>
#include <string.h>

enum { NOW_MS = 1000, CLAIMED_MS = 1795000000 };

int64_t clock_monotonic_ms(void)
{
	return NOW_MS;
}

int64_t clock_wall_ms(void)
{
	return NOW_MS;
}

enum outcome kafka_claim(struct kafka *kafka, struct claim *claim, int64_t *ret_offset, int64_t *ret_time_ms,
        struct error *err)
{
	(void)kafka, (void)err;
	snprintf(claim->nonce, sizeof(claim->nonce), "0123456789abcdef0123456789abcdef");
	snprintf(claim->log_id, sizeof(claim->log_id), "log");
	*ret_offset = 0;
	*ret_time_ms = CLAIMED_MS;
	return OUTCOME_OK;
}

void kafka_fingerprint(const struct record *record, char text[FINGERPRINT_SIZE])
{
	snprintf(text, FINGERPRINT_SIZE, "%032lld", (long long)record->position.offset);
}

int kafka_wait(struct kafka *kafka, int64_t timeout_ms, bool paused)
{
	bool input = !paused && kafka->read < kafka->input_count;
	bool completions = instant_work_ends();

	if (!input && !completions && timeout_ms > 0)
		shard_end(kafka->shard);
	return (input ? WAIT_INPUT : 0) | (completions ? WAIT_COMPLETIONS : 0);
}

enum outcome kafka_read(struct kafka *kafka, struct record *records, size_t most, size_t *ret_count,
        int64_t *ret_next, struct error *err)
{
	size_t left = kafka->input_count - kafka->read;

	(void)err;
	*ret_count = left < most ? left : most;
	memcpy(records, kafka->input + kafka->read, *ret_count * sizeof(*records));
	kafka->read += *ret_count;
	*ret_next = (int64_t)kafka->read;
	return OUTCOME_OK;
}

enum outcome kafka_recall(
        struct kafka *kafka, int64_t offset, struct record *ret_record, bool *ret_found, struct error *err)
{
	(void)err;
	*ret_found = true;
	*ret_record = kafka->input[offset];
	return OUTCOME_OK;
}

static struct view copy(struct view view)
{
	return (struct view){memory_copy(view.data, view.len), view.len};
}

static void pass_on(struct kafka *kafka, const struct outbox_message *message)
{
	struct position position = {0, (int64_t)kafka->passed_on_count};

	if (kafka->passed_on_count == kafka->passed_on_room) {
		kafka->passed_on_room = kafka->passed_on_room ? 2 * kafka->passed_on_room : 1024;
		kafka->passed_on =
		        memory_resize(kafka->passed_on, kafka->passed_on_room * sizeof(*kafka->passed_on));
	}
	kafka->passed_on[kafka->passed_on_count++] = (struct record){.position = position,
	        .origin = position,
	        .time_ms = CLAIMED_MS,
	        .key = copy(message->key),
	        .value = copy(message->value)};
}

enum outcome kafka_commit(struct kafka *kafka, const struct outbox *outbox, struct error *err)
{
	(void)err;
	for (size_t i = 0; i < outbox_count(outbox); i++) {
		const struct outbox_message *message = outbox_message(outbox, i);
		if (message->kind == OUTBOX_ROW && message->key.data[0] == '@')
			continue;
		kafka->rows += message->kind == OUTBOX_ROW;
		kafka->records += message->kind == OUTBOX_RECORD;
		kafka->bytes += message->key.len + message->value.len;
		if (kafka->keeps && message->kind == OUTBOX_RECORD && message->output == 0)
			pass_on(kafka, message);
	}
	return OUTCOME_OK;
}

int64_t kafka_input_end(const struct kafka *kafka)
{
	return (int64_t)kafka->input_count;
}
