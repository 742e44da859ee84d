/* One batch's rows and records. Bytes are copied into an arena that lives as long as the batch; a message is
 * a small struct of views into it, so appending costs a copy and no allocation of its own. */
#include "engine/outbox.h"

#include "base/arena.h"
#include "base/digest.h"
#include "base/memory.h"
#include "engine/worker.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	HEADERS_MAX = 16,
	KEPT_MESSAGES_MAX = 8192,
	KEPT_SCRATCH_MAX = 64 << 10,
};

struct outbox {
	struct arena arena;
	struct outbox_message *messages;
	size_t count, capacity, bytes;
	struct outbox_tally tallies[OUTBOX_LANES];
	bool overfull;
	struct buffer scratch[OUTBOX_SCRATCHES];

	struct view key;                   /* about: copied */
	const struct outbox_header *trace; /* in the arena, shared by all records about key; NULL: none */

	const struct record *record;
	bool dead; /* it has its dead letter */
};

struct outbox *outbox_new(void)
{
	struct outbox *outbox = memory_alloc(sizeof(*outbox));

	for (int i = 0; i < OUTBOX_SCRATCHES; i++)
		buffer_init(&outbox->scratch[i], OUTBOX_VALUE_MAX);
	return outbox;
}

void outbox_free(struct outbox *outbox)
{
	if (!outbox)
		return;
	arena_release(&outbox->arena);
	for (int i = 0; i < OUTBOX_SCRATCHES; i++)
		buffer_release(&outbox->scratch[i]);
	free(outbox->messages);
	free(outbox);
}

/* What a busy shard has needed it will need again; what it has not is given back. */
void outbox_clear(struct outbox *outbox)
{
	arena_clear(&outbox->arena);
	if (outbox->capacity > KEPT_MESSAGES_MAX && outbox->count < outbox->capacity / 4) {
		free(outbox->messages);
		outbox->messages = NULL;
		outbox->capacity = 0;
	}
	for (int i = 0; i < OUTBOX_SCRATCHES; i++)
		if (outbox->scratch[i].capacity > KEPT_SCRATCH_MAX)
			buffer_release(&outbox->scratch[i]);
	outbox->count = outbox->bytes = 0;
	memset(outbox->tallies, 0, sizeof(outbox->tallies));
	outbox->overfull = false;
	outbox->key = (struct view){NULL, 0};
	outbox->trace = NULL;
	outbox_record_is(outbox, NULL);
}

struct buffer *outbox_scratch(struct outbox *outbox, enum outbox_scratch which)
{
	buffer_clear(&outbox->scratch[which]);
	return &outbox->scratch[which];
}

static size_t size_of(const struct outbox_message *message)
{
	size_t size = message->key.len + message->value.len;

	for (size_t i = 0; i < message->header_count; i++)
		size += message->headers[i].name.len + message->headers[i].value.len;
	return size;
}

int outbox_lane(const struct outbox_message *message)
{
	switch (message->kind) {
	case OUTBOX_RECORD:
		return message->output;
	case OUTBOX_ROW:
		return OUTBOX_LANE_CHANGELOG;
	case OUTBOX_DEAD_LETTER:
		return OUTBOX_LANE_DEAD_LETTERS;
	case OUTBOX_REROUTE:
		return OUTBOX_LANE_INPUT;
	}
	abort();
}

/* Takes a message whose bytes are in the arena already, unless it would pass the transaction's bound. */
static void append(struct outbox *outbox, const struct outbox_message *message)
{
	size_t size = size_of(message);

	if (size > OUTBOX_BYTES_MAX - outbox->bytes) {
		outbox->overfull = true;
		return;
	}
	if (outbox->count == outbox->capacity) {
		outbox->capacity = outbox->capacity ? outbox->capacity * 2 : 64;
		outbox->messages =
		        memory_resize(outbox->messages, outbox->capacity * sizeof(*outbox->messages));
	}
	outbox->messages[outbox->count++] = *message;
	struct outbox_tally *tally = &outbox->tallies[outbox_lane(message)];
	tally->count++;
	tally->bytes += size;
	outbox->bytes += size;
}

/* Whether a value may be copied at all: what is too large is never held twice. */
static bool admit(struct outbox *outbox, struct view value, size_t most)
{
	if (value.len > most || value.len > OUTBOX_BYTES_MAX - outbox->bytes)
		outbox->overfull = true;
	return !outbox->overfull;
}

static struct outbox_header *keep_headers(
        struct outbox *outbox, const struct outbox_header *headers, size_t count)
{
	struct outbox_header *kept = arena_alloc(&outbox->arena, count * sizeof(*kept));

	for (size_t i = 0; i < count; i++)
		kept[i] = (struct outbox_header){arena_copy(&outbox->arena, headers[i].name),
		        arena_copy(&outbox->arena, headers[i].value)};
	return kept;
}

void outbox_about(struct outbox *outbox, struct view key, struct view traceparent)
{
	outbox->key = arena_copy(&outbox->arena, key);
	outbox->trace = NULL;
	if (traceparent.data)
		outbox->trace = keep_headers(
		        outbox, &(struct outbox_header){view_text("traceparent"), traceparent}, 1);
}

/* "<key>/<row>" */
static struct view row_key(struct outbox *outbox, struct view row)
{
	struct view key = outbox->key;
	char *whole = arena_alloc(&outbox->arena, key.len + 1 + row.len);

	memcpy(whole, key.data, key.len);
	whole[key.len] = '/';
	if (row.len)
		memcpy(whole + key.len + 1, row.data, row.len);
	return (struct view){whole, key.len + 1 + row.len};
}

void outbox_row(struct outbox *outbox, struct view row, struct view value)
{
	assert(outbox->key.len && value.data);
	if (!admit(outbox, value, OUTBOX_VALUE_MAX))
		return;
	append(outbox, &(struct outbox_message){.kind = OUTBOX_ROW,
	                       .key = row_key(outbox, row),
	                       .value = arena_copy(&outbox->arena, value)});
}

void outbox_row_gone(struct outbox *outbox, struct view row)
{
	assert(outbox->key.len);
	append(outbox, &(struct outbox_message){.kind = OUTBOX_ROW, .key = row_key(outbox, row)});
}

void outbox_engine_row(struct outbox *outbox, const char *key, struct view value)
{
	assert(key[0] == '@');
	append(outbox, &(struct outbox_message){.kind = OUTBOX_ROW,
	                       .key = arena_copy(&outbox->arena, view_text(key)),
	                       .value = arena_copy(&outbox->arena, value)});
}

static void add_record(struct outbox *outbox, int output, struct view value,
        const struct outbox_header *headers, size_t header_count)
{
	assert(output >= 0 && output < WORKER_OUTPUTS_MAX);
	if (!admit(outbox, value, OUTBOX_VALUE_MAX))
		return;
	append(outbox, &(struct outbox_message){.kind = OUTBOX_RECORD,
	                       .output = output,
	                       .key = outbox->key,
	                       .value = arena_copy(&outbox->arena, value),
	                       .headers = headers,
	                       .header_count = header_count});
}

void outbox_record_headed(struct outbox *outbox, int output, struct view value, struct view traceparent,
        const struct outbox_header *headers, size_t header_count)
{
	struct outbox_header all[HEADERS_MAX];
	size_t count = 0;

	assert(header_count < HEADERS_MAX);
	for (; count < header_count; count++)
		all[count] = headers[count];
	if (traceparent.data)
		all[count++] = (struct outbox_header){view_text("traceparent"), traceparent};
	add_record(outbox, output, value, count ? keep_headers(outbox, all, count) : NULL, count);
}

void outbox_record(struct outbox *outbox, int output, struct view value)
{
	add_record(outbox, output, value, outbox->trace, outbox->trace ? 1 : 0);
}

void outbox_record_traced(struct outbox *outbox, int output, struct view value, struct view traceparent)
{
	outbox_record_headed(outbox, output, value, traceparent, NULL, 0);
}

void outbox_record_is(struct outbox *outbox, const struct record *record)
{
	outbox->record = record;
	outbox->dead = false;
}

/* A text of at most most bytes, cut where a UTF-8 character ends. */
static struct view cut(const char *text, size_t most)
{
	struct view view = view_text(text);

	if (view.len > most) {
		view.len = most;
		while (view.len && ((unsigned char)text[view.len] & 0xc0) == 0x80)
			view.len--;
	}
	return view;
}

/* What is too large for the dead letters goes as its coordinates and hash. */
static void omit_value(struct outbox *outbox, struct outbox_message *letter, struct outbox_header *ret_header)
{
	char digest[DIGEST_SIZE];
	size_t omitted = letter->value.len;

	digest_of(letter->value, digest);
	letter->value = arena_text(&outbox->arena, "%s", digest);
	if (letter->key.len > DEAD_LETTER_KEY_MAX) {
		omitted += letter->key.len;
		letter->key = (struct view){NULL, 0};
	}
	*ret_header = (struct outbox_header){
	        view_text(DEAD_LETTER_OMITTED_HEADER), arena_text(&outbox->arena, "%zu", omitted)};
}

void outbox_dead_letter_at(struct outbox *outbox, const char *stage, const char *code, const char *message)
{
	const struct record *record = outbox->record;
	struct outbox_header headers[HEADERS_MAX];
	size_t count = 0;

	assert(record && !outbox->dead);
	outbox->dead = true;
	struct outbox_message letter = {
	        .kind = OUTBOX_DEAD_LETTER, .key = record->key, .value = record->value};
	headers[count++] = (struct outbox_header){view_text(DEAD_LETTER_PARTITION_HEADER),
	        arena_text(&outbox->arena, "%" PRId32, record->position.partition)};
	headers[count++] = (struct outbox_header){view_text(DEAD_LETTER_OFFSET_HEADER),
	        arena_text(&outbox->arena, "%" PRId64, record->position.offset)};
	headers[count++] = (struct outbox_header){view_text(DEAD_LETTER_STAGE_HEADER), view_text(stage)};
	headers[count++] = (struct outbox_header){view_text(DEAD_LETTER_CODE_HEADER), view_text(code)};
	headers[count++] = (struct outbox_header){
	        view_text(DEAD_LETTER_MESSAGE_HEADER), cut(message, DEAD_LETTER_MESSAGE_MAX)};
	if (record->traceparent.data)
		headers[count++] = (struct outbox_header){view_text("traceparent"), record->traceparent};
	if (record->key.len + record->value.len > DEAD_LETTER_BYTES_MAX)
		omit_value(outbox, &letter, &headers[count++]);
	letter.key = arena_copy(&outbox->arena, letter.key);
	letter.value = arena_copy(&outbox->arena, letter.value);
	letter.headers = keep_headers(outbox, headers, count);
	letter.header_count = count;
	append(outbox, &letter);
}

void outbox_dead_letter(struct outbox *outbox, const char *code, const char *message)
{
	outbox_dead_letter_at(outbox, "apply", code, message);
}

void outbox_reroute(struct outbox *outbox, int32_t partition)
{
	const struct record *record = outbox->record;

	assert(record);
	if (record->key.len + record->value.len > DEAD_LETTER_BYTES_MAX) {
		outbox_dead_letter_at(outbox, "route", "record_too_large",
		        "the record lies on another partition than its key's, and is too large to be sent "
		        "on");
		return;
	}
	size_t count = 2;
	struct outbox_header headers[4] = {
	        {view_text(ORIGIN_PARTITION_HEADER),
	                arena_text(&outbox->arena, "%" PRId32, record->position.partition)},
	        {view_text(ORIGIN_OFFSET_HEADER),
	                arena_text(&outbox->arena, "%" PRId64, record->position.offset)},
	};

	if (record->traceparent.data)
		headers[count++] = (struct outbox_header){view_text("traceparent"), record->traceparent};
	if (record->structured) /* what it is judged by must not be lost on the way */
		headers[count++] =
		        (struct outbox_header){view_text("content-type"), view_text(STRUCTURED_CONTENT_TYPE)};
	append(outbox, &(struct outbox_message){.kind = OUTBOX_REROUTE,
	                       .partition = partition,
	                       .key = arena_copy(&outbox->arena, record->key),
	                       .value = arena_copy(&outbox->arena, record->value),
	                       .headers = keep_headers(outbox, headers, count),
	                       .header_count = count});
}

size_t outbox_count(const struct outbox *outbox)
{
	return outbox->count;
}

struct outbox_tally outbox_tally(const struct outbox *outbox, int lane)
{
	return outbox->tallies[lane];
}

size_t outbox_bytes(const struct outbox *outbox)
{
	return outbox->bytes;
}

bool outbox_is_overfull(const struct outbox *outbox)
{
	return outbox->overfull;
}

const struct outbox_message *outbox_message(const struct outbox *outbox, size_t index)
{
	assert(index < outbox->count);
	return &outbox->messages[index];
}
