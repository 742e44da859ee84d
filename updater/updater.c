/* The machine: what comes in as bytes becomes events of the switch; and the updater as a declaration, which
 * the engine runs (main.c), or a simulator. */
#include "updater/updater.h"

#include "schemas/topics.h"
#include "updater/switch_codec.h"

#include <stdio.h>

static void *updater_state_new(void *shell, struct view key)
{
	struct updater *updater = shell;

	return switch_state_new(key, &updater->rules);
}

static void updater_state_free(void *state)
{
	switch_state_free(state);
}

static enum status updater_state_load(void *state, struct view row, struct view value, struct error *err)
{
	return switch_row_load(state, row, value, err);
}

static void write_row(const struct switch_fact *row, void *context)
{
	struct row_writer *out = context;

	switch_row_write(row, &out->name, &out->value);
	row_written(out);
}

static bool updater_state_save(const void *state, struct row_writer *out)
{
	return switch_rows(state, write_row, out);
}

static bool updater_state_is_empty(const void *state)
{
	return switch_state_is_empty(state);
}

static int64_t updater_wake_at(const void *state)
{
	return switch_wake_at(state);
}

static void apply_record(struct updater *updater, struct switch_state *state, const struct record *record,
        int64_t now_ms, struct outbox *out)
{
	struct staged_record *parsed;
	struct error err;

	if (!state) {
		outbox_dead_letter(out, record->key.data ? "invalid_key" : "missing_key",
		        "the record's key must be a package ID");
		return;
	}
	if (!record->value.data) {
		outbox_dead_letter(out, "tombstone", "the record has no value: nothing is deleted by it");
		return;
	}
	if (record->structured) {
		outbox_dead_letter(out, "structured_cloudevent",
		        "a structured-mode CloudEvent: send the record itself, with binary-mode headers");
		return;
	}
	if (staged_parse(record->key, record->value, &parsed, &err) != STATUS_OK) {
		outbox_dead_letter(out, err.code, err.message);
		return;
	}
	updater_switch(updater, state,
	        &(struct switch_event){.kind = SWITCH_RECORD,
	                .position = record->position,
	                .record = parsed,
	                .traceparent = record->traceparent},
	        now_ms, out);
	staged_free(parsed);
}

static struct waiting updater_waiting(const void *state)
{
	struct waiting waiting;

	waiting.count = (uint32_t)switch_pending(state, &waiting.since_ms);
	return waiting;
}

static void updater_apply(
        void *shell, void *state, const struct event *event, int64_t now_ms, struct outbox *out)
{
	struct switch_event switch_event = {.kind = SWITCH_TICK};

	if (event->kind == EVENT_RECORD) {
		apply_record(shell, state, event->record, now_ms, out);
		return;
	}
	if (event->kind == EVENT_NOTICE)
		switch_event.kind = SWITCH_CATALOGUE;
	if (event->kind == EVENT_COMPLETION) {
		switch_event.kind = SWITCH_ANSWER;
		switch_event.answer = attempt_answer(event->result, &switch_event.position.partition);
		if (!switch_event.answer)
			return;
	}
	updater_switch(shell, state, &switch_event, now_ms, out);
}

/* A tag is "<distribution point>/<attempt>". All are wanted early: a release is committed before it is read
 * here. */
static void updater_effects(const void *state, struct effects *effects)
{
	struct switch_task task;
	size_t cursor = 0;

	while (switch_next_task(state, &cursor, &task)) {
		char tag[DP_NAME_SIZE + 16];
		int len = snprintf(tag, sizeof(tag), "%s/%u", task.distribution_point, task.attempt);

		effects_want(
		        effects, (struct view){tag, (size_t)len}, view_text(task.distribution_point), true);
	}
}

const struct worker_spec updater_spec = {
        .role = "updater",
        .input = TOPIC_STAGED,
        .changelog = TOPIC_UPDATER_STATE,
        .outputs = {[UPDATER_UPDATED] = TOPIC_UPDATED, [UPDATER_STATUS] = TOPIC_STATUS},
        .dead_letters = TOPIC_DLQ,
        .guarded = true,
        .options = updater_options,
        .waiting = "pending_switches",
        .waiting_help = "Distribution points whose newest release of a package is not current there yet.",
        .summary =
                "Makes each released version current on its distribution points, never before it is staged "
                "there, and ends the update jobs. Start more of them to share the work.",
        .machine = {.state_new = updater_state_new,
                .state_free = updater_state_free,
                .state_load = updater_state_load,
                .state_save = updater_state_save,
                .state_is_empty = updater_state_is_empty,
                .apply = updater_apply,
                .effects = updater_effects,
                .wake_at = updater_wake_at,
                .waiting = updater_waiting},
        .effector = {.start = updater_start,
                .cancel = updater_cancel,
                .refuses_stale = updater_refuses_stale},
        .open = updater_open,
        .close = updater_close,
        .reload = updater_reload,
        .metrics = updater_metrics,
};
