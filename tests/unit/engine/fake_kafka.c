#include "fake_kafka.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/memory.h"
#include "engine/route.h"

#include <assert.h>
#include <criterion/criterion.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WAITS_MOST = 20000, CLAIM_TIME = 1700000000 };

int64_t fake_now_ms = 1000;

int64_t clock_monotonic_ms(void)
{
	return fake_now_ms;
}

int64_t clock_wall_ms(void)
{
	return fake_now_ms;
}

void fake_note(struct kafka *kafka, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	buffer_add_format(&kafka->journal, "%s%s", kafka->journal.len ? " " : "", text);
}

const char *fake_journal(struct kafka *kafka)
{
	return buffer_view(&kafka->journal).data;
}

struct kafka *fake_kafka_new(int32_t partition, void (*const *steps)(struct kafka *kafka))
{
	struct kafka *kafka = memory_alloc(sizeof(*kafka));

	kafka->partition = partition;
	kafka->steps = steps;
	kafka->poison_status = STATUS_REJECT;
	buffer_init(&kafka->journal, 1 << 20);
	fake_row(kafka, "@genesis", "1");
	return kafka;
}

static void free_message(struct fake_message *message)
{
	free(message->key);
	free(message->value);
	free(message->headers);
}

void fake_kafka_free(struct kafka *kafka)
{
	for (size_t i = 0; i < kafka->log_count; i++)
		free_message(&kafka->log[i]);
	for (size_t i = 0; i < kafka->input_count; i++) {
		free((char *)kafka->input[i].key.data);
		free((char *)kafka->input[i].value.data);
	}
	buffer_release(&kafka->journal);
	free(kafka);
}

static char *text_of(struct view view)
{
	return view.data ? memory_copy(view.data, view.len) : NULL;
}

static struct fake_message *add_message(struct kafka *kafka)
{
	assert(kafka->log_count < FAKE_MOST);
	return &kafka->log[kafka->log_count++];
}

void fake_row(struct kafka *kafka, const char *key, const char *value)
{
	*add_message(kafka) = (struct fake_message){
	        .kind = OUTBOX_ROW, .key = memory_text(key), .value = memory_text(value)};
}

struct record *fake_send(struct kafka *kafka, const char *key, const char *value)
{
	assert(kafka->input_count < FAKE_MOST);
	struct record *record = &kafka->input[kafka->input_count];
	int64_t offset = kafka->first_offset + (int64_t)kafka->input_count++;

	record->position = record->origin = (struct position){kafka->partition, offset};
	record->key = view_text(memory_text(key));
	record->value = view_text(memory_text(value));
	return record;
}

static const char *key_where(const struct kafka *kafka, bool here, int number)
{
	static char keys[8][16];
	static unsigned used;
	char *key = keys[used++ % 8];

	for (int i = 0;; i++) {
		snprintf(key, sizeof(keys[0]), "key-%d", i);
		bool is_here = route_partition(view_text(key), FAKE_PARTITIONS) == kafka->partition;
		if (is_here == here && number-- == 0)
			return key;
	}
}

const char *fake_key_elsewhere(const struct kafka *kafka)
{
	return key_where(kafka, false, 0);
}

const char *fake_key_here(const struct kafka *kafka, int number)
{
	return key_where(kafka, true, number);
}

static bool is_message(const struct fake_message *message, enum outbox_kind kind, const char *value)
{
	return message->kind == kind && (!value || (message->value && strcmp(message->value, value) == 0));
}

size_t fake_count(const struct kafka *kafka, enum outbox_kind kind, const char *value)
{
	size_t count = 0;

	for (size_t i = 0; i < kafka->log_count; i++)
		count += is_message(&kafka->log[i], kind, value);
	return count;
}

const struct fake_message *fake_find(const struct kafka *kafka, enum outbox_kind kind, const char *value)
{
	for (size_t i = 0; i < kafka->log_count; i++)
		if (is_message(&kafka->log[i], kind, value))
			return &kafka->log[i];
	return NULL;
}

const char *fake_last_row(const struct kafka *kafka, const char *key)
{
	for (size_t i = kafka->log_count; i-- > 0;)
		if (kafka->log[i].kind == OUTBOX_ROW && strcmp(kafka->log[i].key, key) == 0)
			return kafka->log[i].value;
	return NULL;
}

enum outcome kafka_claim(struct kafka *kafka, struct claim *claim, int64_t *ret_offset, int64_t *ret_time_ms,
        struct error *err)
{
	(void)err;
	cr_assert(!kafka->has_turn, "it claims with its turn in hand, which others wait for");
	fake_note(kafka, "claim");
	snprintf(claim->nonce, sizeof(claim->nonce), "nonce-%" PRId64, ++kafka->claims);
	snprintf(claim->log_id, sizeof(claim->log_id), "log");
	*ret_offset = (int64_t)kafka->log_count;
	*ret_time_ms = CLAIM_TIME + fake_now_ms;
	fake_row(kafka, "@claim", claim->nonce);
	return OUTCOME_OK;
}

enum outcome kafka_restore(struct kafka *kafka, struct claim *claim, int64_t claim_offset,
        enum status (*row)(struct view key, struct view value, void *context, struct error *err),
        void *context, struct error *err)
{
	(void)claim;
	for (int64_t i = 0; i < claim_offset; i++) {
		const struct fake_message *message = &kafka->log[i];
		if (message->kind != OUTBOX_ROW)
			continue;
		if (row(view_text(message->key), view_text(message->value), context, err) != STATUS_OK)
			return OUTCOME_REFUSED;
	}
	kafka->read_at = FAKE_MOST; /* until the input is opened */
	return OUTCOME_OK;
}

enum outcome kafka_open_input(
        struct kafka *kafka, int64_t offset, int64_t last_offset, struct view last, struct error *err)
{
	(void)err;
	fake_note(kafka, "open:%" PRId64 ",%" PRId64 "%s", offset, last_offset, last.data ? ",known" : "");
	kafka->read_at = offset < 0 ? 0 : (size_t)(offset - kafka->first_offset);
	return OUTCOME_OK;
}

void kafka_fingerprint(const struct record *record, char text[FINGERPRINT_SIZE])
{
	digest_name(record->value, text);
}

static bool is_readable(int fd)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};

	return poll(&wait, 1, 0) > 0;
}

static int what_is_there(struct kafka *kafka, bool paused)
{
	int there = 0;

	if (!paused && kafka->read_at < kafka->input_count)
		there |= WAIT_INPUT;
	if (is_readable(shard_completions_fd(kafka->shard)))
		there |= WAIT_COMPLETIONS;
	if (is_readable(shard_control_fd(kafka->shard)))
		there |= WAIT_CONTROL;
	return there;
}

int kafka_wait(struct kafka *kafka, int64_t timeout_ms, bool paused)
{
	int there = what_is_there(kafka, paused);

	cr_assert(!kafka->has_turn || timeout_ms <= 5, "it sleeps on its turn, which others wait for");
	cr_assert(++kafka->waits < WAITS_MOST, "the shard never comes to rest: %s", fake_journal(kafka));
	if (there || timeout_ms == 0)
		return there;
	if (kafka->steps && *kafka->steps) {
		(*kafka->steps++)(kafka);
	} else {
		shard_end(kafka->shard);
		fake_now_ms += timeout_ms;
	}
	return what_is_there(kafka, paused);
}

enum outcome kafka_read(struct kafka *kafka, struct record *records, size_t most, size_t *ret_count,
        int64_t *ret_next, struct error *err)
{
	size_t count = 0;

	(void)err;
	for (; count < most && kafka->read_at < kafka->input_count; count++)
		records[count] = kafka->input[kafka->read_at++];
	*ret_count = count;
	*ret_next = kafka->first_offset + (int64_t)kafka->read_at;
	return OUTCOME_OK;
}

enum outcome kafka_recall(
        struct kafka *kafka, int64_t offset, struct record *ret_record, bool *ret_found, struct error *err)
{
	fake_note(kafka, "recall:%" PRId64, offset);
	fake_now_ms += kafka->recall_takes_ms;
	kafka->recall_takes_ms = 0;
	if (kafka->recall_is_lost) {
		kafka->recall_is_lost = false;
		error_set(err, STATUS_RETRY, "scripted", "as the test says");
		return OUTCOME_LOST;
	}
	*ret_found = !kafka->log_is_gone;
	if (*ret_found)
		*ret_record = kafka->input[offset - kafka->first_offset];
	return OUTCOME_OK;
}

static bool is_poisoned(const struct kafka *kafka, const struct outbox *outbox)
{
	for (size_t i = 0; kafka->poison && i < outbox_count(outbox); i++) {
		const struct outbox_message *message = outbox_message(outbox, i);
		bool counts = message->kind == OUTBOX_RECORD ||
		              (message->kind == OUTBOX_DEAD_LETTER && kafka->poison_dead_letters);
		if (counts && view_is(message->value, kafka->poison))
			return true;
	}
	return false;
}

static void keep_message(struct kafka *kafka, const struct outbox_message *message)
{
	struct buffer headers;

	buffer_init(&headers, 1 << 20);
	for (size_t i = 0; i < message->header_count; i++) {
		const struct outbox_header *header = &message->headers[i];
		buffer_add_format(&headers, "%.*s=%.*s;", (int)header->name.len, header->name.data,
		        (int)header->value.len, header->value.data);
	}
	*add_message(kafka) = (struct fake_message){.kind = message->kind,
	        .output = message->output,
	        .partition = message->partition,
	        .key = text_of(message->key),
	        .value = text_of(message->value),
	        .headers = memory_text(buffer_view(&headers).data)};
	buffer_release(&headers);
}

static enum outcome verdict(struct kafka *kafka, const struct outbox *outbox, struct error *err)
{
	bool is_run = view_is(outbox_message(outbox, 0)->key, "@run");

	if (!is_run && kafka->next_commit < kafka->fail_count) {
		enum outcome outcome = kafka->next_commits[kafka->next_commit++];
		if (outcome != OUTCOME_OK)
			error_set(err, STATUS_RETRY, "scripted", "as the test says");
		return outcome;
	}
	if (!is_poisoned(kafka, outbox))
		return OUTCOME_OK;
	error_set(err, kafka->poison_status, "poison", "as the test says");
	return OUTCOME_LOST;
}

void kafka_await_turn(struct kafka *kafka)
{
	kafka->has_turn = true;
	if (kafka->on_turn)
		kafka->on_turn(kafka);
}

void kafka_pass_turn(struct kafka *kafka)
{
	kafka->has_turn = false;
}

enum outcome kafka_commit(struct kafka *kafka, const struct outbox *outbox, struct error *err)
{
	kafka->has_turn = false;
	cr_assert(outbox_count(outbox) > 0, "an empty commit proves nothing");
	enum outcome outcome = verdict(kafka, outbox, err);
	fake_now_ms += kafka->commit_takes_ms;
	kafka->commit_takes_ms = 0;
	if (outcome != OUTCOME_OK) {
		fake_note(kafka, "LOST");
		return outcome;
	}
	for (size_t i = 0; i < outbox_count(outbox); i++)
		keep_message(kafka, outbox_message(outbox, i));
	kafka->commits++;
	fake_note(kafka, view_is(outbox_message(outbox, 0)->key, "@run") ? "run" : "commit");
	return OUTCOME_OK;
}

enum outcome kafka_still_ours(struct kafka *kafka, int64_t position, struct error *err)
{
	(void)position;
	(void)err;
	cr_assert(kafka->claims < 200, "the shard never gets on: %s", fake_journal(kafka));
	return OUTCOME_OK;
}

void kafka_note_position(struct kafka *kafka, int64_t position)
{
	cr_assert(position >= 0 && position <= kafka->first_offset + (int64_t)kafka->input_count);
}

int64_t kafka_input_end(const struct kafka *kafka)
{
	return kafka->first_offset + (int64_t)kafka->input_count;
}

int32_t kafka_partition_of(const struct kafka *kafka, struct view key)
{
	(void)kafka;
	return route_partition(key, FAKE_PARTITIONS);
}
