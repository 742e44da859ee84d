#include "toy.h"

#include "base/memory.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WANTS_MOST = 128 };
size_t toy_put_away, toy_loaded;

struct want {
	char tag[24], lane[24];
	bool early;
	int64_t recall; /* -1: needs no record */
};

struct toy_state {
	char *text; /* NULL: none */
	int64_t wake_at;
	struct want wants[WANTS_MOST];
	size_t want_count;
};

static void *state_new(void *shell, struct view key)
{
	struct toy_state *state = memory_alloc(sizeof(*state));

	(void)shell;
	(void)key;
	state->wake_at = INT64_MAX;
	return state;
}

static void state_free(void *value)
{
	struct toy_state *state = value;

	free(state->text);
	free(state);
}

static bool state_is_empty(const void *value)
{
	const struct toy_state *state = value;

	return !state->text && state->want_count == 0 && state->wake_at == INT64_MAX;
}

static void add_want(struct toy_state *state, const char *words)
{
	struct want *want = &state->wants[state->want_count++];
	int early = 0;

	assert(state->want_count <= WANTS_MOST);
	int found = sscanf(words, "%23s %23s %d %" SCNd64, want->tag, want->lane, &early, &want->recall);
	assert(found == 4);
	want->early = early;
}

static enum status state_load(void *value, struct view row, struct view words, struct error *err)
{
	struct toy_state *state = value;
	char *text = memory_copy(words.data, words.len);

	toy_loaded++;
	if (view_is(row, "text")) {
		free(state->text);
		state->text = memory_text(text);
	} else if (view_is(row, "wake")) {
		state->wake_at = strtoll(text, NULL, 10);
	} else if (row.len > 2 && memcmp(row.data, "w/", 2) == 0) {
		add_want(state, text);
	} else {
		free(text);
		return error_set(err, STATUS_FATAL, "row_unknown", "the toy has no such row");
	}
	free(text);
	return STATUS_OK;
}

static bool state_save(const void *value, struct row_writer *out)
{
	const struct toy_state *state = value;

	if (state->want_count > 0)
		return false;
	if (state->text) {
		buffer_add_text(&out->name, "text");
		buffer_add_text(&out->value, state->text);
		row_written(out);
	}
	if (state->wake_at != INT64_MAX) {
		buffer_add_text(&out->name, "wake");
		buffer_add_format(&out->value, "%" PRId64, state->wake_at);
		row_written(out);
	}
	toy_put_away++;
	return true;
}

static void want_row(const struct want *want, struct outbox *out)
{
	char row[32], words[96];

	snprintf(row, sizeof(row), "w/%s", want->tag);
	snprintf(words, sizeof(words), "%s %s %d %" PRId64, want->tag, want->lane, want->early, want->recall);
	outbox_row(out, view_text(row), view_text(words));
}

static void end_want(struct toy_state *state, size_t number, struct outbox *out)
{
	char row[32];

	snprintf(row, sizeof(row), "w/%s", state->wants[number].tag);
	outbox_row_gone(out, view_text(row));
	state->wants[number] = state->wants[--state->want_count];
}

static void send(struct outbox *out, const char *format, const char *first, const char *second)
{
	char *text = memory_format(format, first, second);

	outbox_record(out, 0, view_text(text));
	free(text);
}

static void drop(struct toy_state *state, struct outbox *out)
{
	free(state->text);
	state->text = NULL;
	outbox_row_gone(out, view_text("text"));
	while (state->want_count)
		end_want(state, state->want_count - 1, out);
	state->wake_at = INT64_MAX;
	outbox_row_gone(out, view_text("wake"));
}

static void wake_later(struct toy_state *state, int64_t when, struct outbox *out)
{
	char text[24];

	state->wake_at = when;
	snprintf(text, sizeof(text), "%" PRId64, when);
	outbox_row(out, view_text("wake"), view_text(text));
}

static void want_work(
        struct toy_state *state, const char *kind, const char *words, int64_t offset, struct outbox *out)
{
	bool recalled = strcmp(kind, "recalled") == 0;
	char *whole = memory_format(
	        "%s %d %" PRId64, words, strcmp(kind, "early") == 0, recalled ? offset : (int64_t)-1);

	add_want(state, whole);
	want_row(&state->wants[state->want_count - 1], out);
	free(whole);
}

static void send_time(int64_t now_ms, struct outbox *out)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRId64, now_ms);
	send(out, "now %s", text, "");
}

static void send_huge(struct outbox *out)
{
	char *huge = memory_alloc(OUTBOX_VALUE_MAX + 1);

	outbox_record(out, 0, (struct view){huge, OUTBOX_VALUE_MAX + 1});
	free(huge);
}

static void send_count(size_t count, struct outbox *out)
{
	char text[24];

	snprintf(text, sizeof(text), "%zu", count);
	send(out, "count %s", text, "");
}

static void obey(struct toy_state *state, const struct event *event, int64_t now_ms, struct outbox *out)
{
	const struct record *record = event->record;
	char word[16] = "", *value = memory_copy(record->value.data, record->value.len);
	int end = 0;

	sscanf(value, "%15s %n", word, &end);
	const char *rest = value + end;
	if (!state || strcmp(word, "bad") == 0) {
		outbox_dead_letter(out, "toy_bad", "the toy cannot read this");
	} else if (strcmp(word, "put") == 0) {
		free(state->text);
		state->text = memory_text(rest);
		outbox_row(out, view_text("text"), view_text(rest));
		send(out, "%s", value, "");
	} else if (strcmp(word, "get") == 0) {
		send(out, "is %s", state->text ? state->text : "nothing", "");
	} else if (strcmp(word, "wake") == 0) {
		wake_later(state, now_ms + strtoll(rest, NULL, 10), out);
	} else if (strcmp(word, "drop") == 0) {
		drop(state, out);
	} else if (strcmp(word, "now") == 0) {
		send_time(now_ms, out);
	} else if (strcmp(word, "count") == 0) {
		send_count(event->waiting, out);
	} else if (strcmp(word, "huge") == 0) {
		send_huge(out);
	} else {
		want_work(state, word, rest, record->position.offset, out);
	}
	free(value);
}

static void complete(struct toy_state *state, const struct event *event, struct outbox *out)
{
	char *tag = memory_copy(event->tag.data, event->tag.len);

	send(out, "done %s %s", tag, event->result);
	for (size_t i = 0; i < state->want_count; i++)
		if (strcmp(state->wants[i].tag, tag) == 0)
			end_want(state, i, out);
	free(tag);
}

static void notice(const struct event *event, struct outbox *out)
{
	const struct view *bytes = event->result;
	char *name = memory_copy(event->tag.data, event->tag.len);
	char *text = memory_copy(bytes->data, bytes->len);

	if (strcmp(text, "quiet") != 0)
		send(out, "%s %s", name, text);
	free(name);
	free(text);
}

static void apply(void *shell, void *state, const struct event *event, int64_t now_ms, struct outbox *out)
{
	(void)shell;
	switch (event->kind) {
	case EVENT_RECORD:
		obey(state, event, now_ms, out);
		break;
	case EVENT_COMPLETION:
		complete(state, event, out);
		break;
	case EVENT_TICK:
		((struct toy_state *)state)->wake_at = INT64_MAX;
		outbox_row_gone(out, view_text("wake"));
		send(out, "tick", "", "");
		break;
	case EVENT_NOTICE:
		notice(event, out);
		break;
	}
}

static struct waiting waiting(const void *value)
{
	const struct toy_state *state = value;

	return (struct waiting){(uint32_t)state->want_count, state->want_count ? 1 : INT64_MAX};
}

static void list_effects(const void *value, struct effects *effects)
{
	const struct toy_state *state = value;

	for (size_t i = 0; i < state->want_count; i++)
		effects_want(effects, view_text(state->wants[i].tag), view_text(state->wants[i].lane),
		        state->wants[i].early);
}

static int64_t wake_at(const void *state)
{
	return ((const struct toy_state *)state)->wake_at;
}

static int64_t recall_of(const struct toy_state *state, struct view tag)
{
	for (size_t i = 0; i < state->want_count; i++)
		if (view_is(tag, state->wants[i].tag))
			return state->wants[i].recall;
	return -1;
}

static enum effect_start start(void *shell, const void *state, const struct effect_context *context,
        uint64_t *ret_effect, int64_t *ret_offset)
{
	struct toy *toy = shell;

	*ret_offset = recall_of(state, context->tag);
	if (*ret_offset >= 0 && !context->record && !context->record_gone)
		return EFFECT_NEEDS_RECORD;
	assert(toy->started_count < TOY_EFFECTS_MOST);
	size_t number = toy->started_count++;
	toy->started[number].name = memory_format("%.*s/%.*s", (int)context->key.len, context->key.data,
	        (int)context->tag.len, context->tag.data);
	toy->started[number].token = context->token;
	*ret_effect = number;
	fake_note(toy->kafka, "start:%.*s%s", (int)context->tag.len, context->tag.data,
	        context->record_gone ? ":gone" : "");
	if (toy->deliver_at_once)
		toy_deliver(toy, number, "at once");
	return EFFECT_STARTED;
}

static void cancel(void *shell, uint64_t effect)
{
	struct toy *toy = shell;

	toy->started[effect].cancelled = true;
	fake_note(toy->kafka, "cancel:%s", strchr(toy->started[effect].name, '/') + 1);
}

void toy_deliver(struct toy *toy, size_t number, const char *result)
{
	struct completion *token = toy->started[number].token;

	toy->started[number].token = NULL;
	completion_deliver(token, memory_text(result), free);
}

void toy_release(struct toy *toy)
{
	for (size_t i = 0; i < toy->started_count; i++)
		free(toy->started[i].name);
	*toy = (struct toy){0};
}

static bool refuses_stale(void *shell, struct view lane)
{
	(void)shell;
	(void)lane;
	return true;
}

const struct worker_spec toy_spec = {
        .role = "toy",
        .input = "input",
        .changelog = "toy-state",
        .outputs = {"output"},
        .dead_letters = "dlq",
        .machine = {state_new, state_free, state_load, state_save, state_is_empty, apply, list_effects,
                wake_at, waiting},
        .effector = {start, cancel, refuses_stale},
};
