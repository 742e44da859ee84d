/* The updater's shell: records and answers to events of the switch, what it says to the outbox, and what it
 * wants to attempts. */
#include "updater/updater.h"

#include "base/log.h"
#include "base/memory.h"
#include "distribution/catalogue.h"
#include "engine/envelope.h"
#include "schemas/topics.h"
#include "updater/attempt.h"
#include "updater/switch_codec.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct updater {
	struct worker *worker;
	struct distribution *distribution;
	char *catalogue_file;
	struct switch_rules rules;
	bool cloudevents;
	/* For /metrics; counted when said, so a transaction that is lost and done again counts twice. */
	atomic_ulong updated, retries, jobs_ended, releases_refused;
};

/* ---- the machine ---- */

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

static bool updater_state_is_empty(const void *state)
{
	return switch_state_is_empty(state);
}

static int64_t updater_wake_at(const void *state)
{
	return switch_wake_at(state);
}

/* What the switch says, into the outbox. */
struct scribe {
	struct switch_out out;
	struct updater *updater;
	struct outbox *outbox;
	struct buffer name, value;
};

static void count(struct updater *updater, const struct switch_fact *fact)
{
	if (fact->kind == FACT_UPDATED)
		atomic_fetch_add(&updater->updated, 1);
	else if (fact->kind == FACT_POINT_STATUS && fact->point_status->state == DP_RETRYING)
		atomic_fetch_add(&updater->retries, 1);
	else if (fact->kind == FACT_JOB_STATUS)
		atomic_fetch_add(&updater->jobs_ended, 1);
	else if (fact->kind == FACT_DEAD_LETTER)
		atomic_fetch_add(&updater->releases_refused, 1);
}

/* As a CloudEvent where that was asked for. */
static void scribe_record(const struct scribe *scribe, const struct switch_fact *fact)
{
	int output = fact->kind == FACT_UPDATED ? UPDATER_UPDATED : UPDATER_STATUS;
	struct view value = buffer_view(&scribe->value), traceparent = view_text(fact->traceparent);
	struct envelope envelope = {.source = view_text("/holdpoint/updater")};

	if (!scribe->updater->cloudevents) {
		outbox_record_traced(scribe->outbox, output, value, traceparent);
		return;
	}
	if (fact->kind == FACT_UPDATED) {
		envelope.type = view_text("holdpoint.updated.v1");
		envelope.id = view_text(fact->updated->id);
		envelope.subject = view_text(fact->updated->package_id);
		envelope.time_ms = fact->updated->time_ms;
	} else if (fact->kind == FACT_JOB_STATUS) {
		envelope.type = view_text("holdpoint.job.v1");
		envelope.id = view_text(fact->job_status->id);
		envelope.subject = view_text(fact->job_status->package_id);
		envelope.time_ms = fact->job_status->time_ms;
	} else {
		envelope.type = view_text("holdpoint.distribution_point.v1");
		envelope.id = view_text(fact->point_status->id);
		envelope.subject = view_text(fact->point_status->package_id);
		envelope.time_ms = fact->point_status->time_ms;
	}
	envelope_record(scribe->outbox, output, value, traceparent, &envelope);
}

static void scribe_say(struct switch_out *out, const struct switch_fact *fact)
{
	struct scribe *scribe = (struct scribe *)out;

	count(scribe->updater, fact);
	if (fact->kind == FACT_DEAD_LETTER) {
		outbox_dead_letter(scribe->outbox, fact->code, fact->message);
		return;
	}
	buffer_clear(&scribe->name);
	buffer_clear(&scribe->value);
	if (switch_fact_is_row(fact)) {
		switch_row_write(fact, &scribe->name, &scribe->value);
		assert(!scribe->name.full && !scribe->value.full);
		if (fact->kind == FACT_OUTCOME_GONE)
			outbox_row_gone(scribe->outbox, buffer_view(&scribe->name));
		else
			outbox_row(scribe->outbox, buffer_view(&scribe->name), buffer_view(&scribe->value));
		return;
	}
	switch_record_write(fact, &scribe->value);
	assert(!scribe->value.full);
	scribe_record(scribe, fact);
}

static void apply_event(struct updater *updater, struct switch_state *state, const struct switch_event *event,
        int64_t now_ms, struct outbox *out)
{
	struct scribe scribe = {.out = {scribe_say}, .updater = updater, .outbox = out};

	buffer_init(&scribe.name, SWITCH_ROW_MAX);
	buffer_init(&scribe.value, SWITCH_RECORD_MAX);
	switch_apply(state, event, now_ms, &scribe.out);
	buffer_release(&scribe.name);
	buffer_release(&scribe.value);
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
	apply_event(updater, state,
	        &(struct switch_event){.kind = SWITCH_RECORD,
	                .position = record->position,
	                .record = parsed,
	                .traceparent = record->traceparent},
	        now_ms, out);
	staged_free(parsed);
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
	apply_event(shell, state, &switch_event, now_ms, out);
}

/* ---- effects ---- */

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

static bool updater_refuses_stale(void *shell, struct view lane)
{
	struct updater *updater = shell;
	char name[DP_NAME_SIZE];

	snprintf(name, sizeof(name), "%.*s", (int)lane.len, lane.data);
	return distribution_refuses_older_fences(updater->distribution, name);
}

static enum effect_start updater_start(void *shell, const void *state, const struct effect_context *context,
        uint64_t *ret_effect, int64_t *ret_offset)
{
	struct updater *updater = shell;
	struct switch_task task;
	char *tag = memory_copy(context->tag.data, context->tag.len), *slash = strrchr(tag, '/');

	(void)ret_offset;
	assert(slash);
	*slash = '\0';
	if (switch_find_task(state, tag, (uint32_t)strtoul(slash + 1, NULL, 10), &task)) {
		*ret_effect = attempt_start(updater->distribution, &task, context->claim, context->token);
	} else {
		*ret_effect = 0;
		attempt_refuse(context->token);
	}
	free(tag);
	return EFFECT_STARTED;
}

static void updater_cancel(void *shell, uint64_t effect)
{
	struct updater *updater = shell;

	if (effect)
		distribution_cancel(updater->distribution, effect);
}

/* ---- the process ---- */

static enum status read_rules(const struct options *options, struct switch_rules *rules, struct error *err)
{
	int64_t grace_s;

	*rules = switch_rules_default;
	if (options_number(options, "expiry-grace", 0, 86400, &grace_s, err) != STATUS_OK)
		return err->status;
	rules->grace_ms = grace_s * 1000;
	return STATUS_OK;
}

static void updater_close(void *shell)
{
	struct updater *updater = shell;

	if (!updater)
		return;
	distribution_close(updater->distribution);
	free(updater->catalogue_file);
	free(updater);
}

static enum status updater_open(
        struct worker *worker, const struct options *options, void **ret_shell, struct error *err)
{
	struct updater *updater = memory_alloc(sizeof(*updater));
	struct distribution_options distribution_options = {0};
	struct catalogue *catalogue;
	char digest[DIGEST_SIZE];

	updater->worker = worker;
	updater->catalogue_file = memory_text(options_text(options, "distribution-points"));
	updater->cloudevents = options_switch(options, "cloudevents");
	if (read_rules(options, &updater->rules, err) != STATUS_OK ||
	        catalogue_load(updater->catalogue_file, &catalogue, err) != STATUS_OK) {
		updater_close(updater);
		return err->status;
	}
	memcpy(digest, catalogue->digest, sizeof(digest));
	if (distribution_open(&distribution_options, catalogue, &updater->distribution, err) != STATUS_OK) {
		updater_close(updater);
		return err->status;
	}
	worker_notice(worker, "catalogue", view_text(digest));
	*ret_shell = updater;
	return STATUS_OK;
}

static void updater_reload(void *shell)
{
	struct updater *updater = shell;
	struct catalogue *catalogue;
	struct error err;
	char digest[DIGEST_SIZE];

	if (catalogue_load(updater->catalogue_file, &catalogue, &err) != STATUS_OK) {
		log_line(LOG_ERROR, "the new catalogue is refused and the old one kept", "file",
		        updater->catalogue_file, "code", err.code, "error", err.message, NULL);
		return;
	}
	memcpy(digest, catalogue->digest, sizeof(digest));
	distribution_reload(updater->distribution, catalogue);
	worker_notice(updater->worker, "catalogue", view_text(digest));
	log_line(LOG_INFO, "catalogue read", "file", updater->catalogue_file, "digest", digest, NULL);
}

static void updater_metrics(void *shell, struct buffer *out)
{
	struct updater *updater = shell;
	const struct {
		const char *name, *help;
		atomic_ulong *value;
	} rows[] = {
	        {"holdpoint_updated_total", "Pointers seen as wanted for the first time.", &updater->updated},
	        {"holdpoint_switch_retries_total", "Failed switches that were told.", &updater->retries},
	        {"holdpoint_updates_ended_total", "Update jobs ended.", &updater->jobs_ended},
	        {"holdpoint_releases_refused_total", "Staged records refused: forged, doubled or wrong.",
	                &updater->releases_refused},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		buffer_add_format(out, "# HELP %s %s\n# TYPE %s counter\n%s %lu\n", rows[i].name,
		        rows[i].help, rows[i].name, rows[i].name, atomic_load(rows[i].value));
}

static const struct option_spec updater_options[] = {
        {.name = "distribution-points",
                .argument = "FILE",
                .required = true,
                .help = "the catalogue: which distribution points there are; read again on SIGHUP"},
        {.name = "expiry-grace",
                .argument = "SECONDS",
                .default_value = "60",
                .help = "how long after its deadline an update waits for a distribution point whose pointer "
                        "cannot be read, before it counts as expired there"},
        {.name = "cloudevents",
                .help = "write CloudEvents headers with each record; they halve the throughput"},
        {.name = NULL},
};

const struct worker_spec updater_spec = {
        .role = "updater",
        .input = TOPIC_STAGED,
        .changelog = TOPIC_UPDATER_STATE,
        .outputs = {[UPDATER_UPDATED] = TOPIC_UPDATED, [UPDATER_STATUS] = TOPIC_STATUS},
        .dead_letters = TOPIC_DLQ,
        .guarded = true,
        .options = updater_options,
        .summary =
                "Makes each released version current on its distribution points, never before it is staged "
                "there, and ends the update jobs. Start more of them to share the work.",
        .machine = {.state_new = updater_state_new,
                .state_free = updater_state_free,
                .state_load = updater_state_load,
                .state_is_empty = updater_state_is_empty,
                .apply = updater_apply,
                .effects = updater_effects,
                .wake_at = updater_wake_at},
        .effector = {.start = updater_start,
                .cancel = updater_cancel,
                .refuses_stale = updater_refuses_stale},
        .open = updater_open,
        .close = updater_close,
        .reload = updater_reload,
        .metrics = updater_metrics,
};
