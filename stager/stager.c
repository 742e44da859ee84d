/* The machine: what comes in as bytes becomes events of the gate, and what the gate says goes to the outbox.
 */
#include "stager/stager.h"

#include "base/memory.h"
#include "schemas/job.h"
#include "schemas/names.h"
#include "stager/gate_codec.h"
#include "stager/gate_sink.h"

#include <stdlib.h>
#include <string.h>

static void *state_new(void *shell, struct view key)
{
	struct stager *stager = shell;
	char *package = memory_copy(key.data, key.len);
	struct gate_state *state = gate_state_new(package, &stager->limits);

	free(package);
	return state;
}

static void state_free(void *state)
{
	gate_state_free(state);
}

static bool state_is_empty(const void *state)
{
	return gate_state_is_empty(state);
}

static enum status state_load(void *state, struct view row, struct view value, struct error *err)
{
	return gate_row_load(state, row, value, err);
}

static void write_row(const struct gate_row *row, void *context)
{
	struct row_writer *out = context;

	gate_row_name(row, &out->name);
	gate_row_value(row, &out->value);
	row_written(out);
}

static bool state_save(const void *state, struct row_writer *out)
{
	gate_rows(state, write_row, out);
	return true;
}

/* One call of the machine's apply(). */
struct call {
	struct stager *stager;
	struct gate_state *state;
	size_t held; /* of the whole shard */
	int64_t now_ms;
	struct outbox *out;
};

static void apply(const struct call *call, const struct gate_event *event)
{
	struct gate_sink sink;

	gate_sink_init(&sink, call->out, call->stager->cloudevents);
	gate_apply(call->state, event, call->now_ms, &sink.out);
}

static void apply_request(const struct call *call, const struct gate_request *request)
{
	apply(call, &(struct gate_event){.kind = GATE_JOB, .job = request, .held = call->held});
}

/* What is no job goes to the dead letters; where it can be read whose it would have been, a status says so.
 */
static void refuse_record(const struct call *call, const struct record *record, const struct job_hint *hint,
        const struct error *err)
{
	struct gate_request request = {.id = hint->job_id,
	        .position = record->position,
	        .type = hint->type,
	        .version = hint->version,
	        .refusal = err};
	char default_id[JOB_ID_SIZE];

	outbox_dead_letter(call->out, err->code, err->message);
	if (call->state == NULL || !name_is_package(record->key))
		return;
	if (hint->job_id[0] == '\0') {
		if (hint->package_id[0] == '\0')
			return;
		job_default_id(record->origin.partition, record->origin.offset, default_id);
		request.id = default_id;
	}
	apply_request(call, &request);
}

static enum status resolve(const struct catalogue *catalogue, const struct job *job,
        struct gate_request *request, const char ***ret_names, struct error *err)
{
	enum status status;

	if (job->distribution_point_count == 0)
		return STATUS_OK;
	status = catalogue_resolve(catalogue, job->distribution_points, job->distribution_point_count,
	        JOB_TARGETS_MAX, ret_names, &request->target_count, err);
	if (status == STATUS_OK)
		request->targets = *ret_names;
	return status;
}

static void apply_job(const struct call *call, const struct record *record, const struct job *job)
{
	char default_id[JOB_ID_SIZE], payload[DIGEST_NAME_SIZE];
	struct view trace = record->traceparent;
	char *traceparent = trace.data ? memory_copy(trace.data, trace.len) : NULL;
	struct catalogue *catalogue = stager_catalogue(call->stager);
	const char **names = NULL;
	struct error err;
	struct gate_request request = {.id = job->job_id,
	        .position = record->position,
	        .payload = payload,
	        .type = job->type,
	        .version = job->version,
	        .digest = job->manifest_digest[0] == '\0' ? NULL : job->manifest_digest,
	        .manifest_url = job->manifest_url,
	        .gate = job->gate,
	        .deadline = job->deadline,
	        .deadline_ms = job->deadline_ms,
	        .requested_by = job->requested_by,
	        .annotations = job->annotations,
	        .traceparent = traceparent};

	digest_name(record->value, payload);
	if (request.id == NULL) {
		job_default_id(record->origin.partition, record->origin.offset, default_id);
		request.id = default_id;
	}
	if (resolve(catalogue, job, &request, &names, &err) != STATUS_OK)
		request.refusal = &err;
	else if (job->manifest != NULL)
		manifests_put(call->stager->manifests, record->position, job->manifest);
	apply_request(call, &request);
	free(names);
	free(traceparent);
	catalogue_unref(catalogue);
}

static void apply_record(const struct call *call, const struct record *record)
{
	struct job *job = NULL;
	struct job_hint hint = {.job_id = ""};
	struct error err;
	enum status status;

	status = job_parse(record->key, record->value, &job, &hint, &err);
	if (record->structured)
		status = error_set(&err, STATUS_REJECT, "structured_cloudevent",
		        "structured-mode CloudEvents are not taken; send the job as the record's value, "
		        "attributes as headers (binary mode)");
	else if (status == STATUS_OK && call->state == NULL)
		status = error_set(
		        &err, STATUS_REJECT, "invalid_key", "the record's key cannot be a package ID");
	if (status == STATUS_OK)
		apply_job(call, record, job);
	else
		refuse_record(call, record, &hint, &err);
	job_free(job);
}

static void apply_lost(const struct call *call, const char *point, const char *dp_id,
        const char *const *lost_ids, size_t lost_count)
{
	apply(call, &(struct gate_event){.kind = GATE_LOST_CONTENT,
	                    .point = point,
	                    .dp_id = dp_id,
	                    .lost_ids = lost_ids,
	                    .lost_count = lost_count});
}

static void apply_completion(const struct call *call, struct view tag_text, const struct stage_result *result)
{
	struct stage_tag tag;

	if (!stage_tag_parse(tag_text, &tag))
		return;
	if (result->staged && result->replaces != NULL)
		apply_lost(call, tag.point, result->dp_id, (const char *const *)&result->replaces, 1);
	apply(call, &(struct gate_event){.kind = result->staged ? GATE_STAGED : GATE_STAGE_FAILED,
	                    .version = tag.version,
	                    .point = tag.point,
	                    .attempt = tag.attempt,
	                    .dp_id = result->dp_id,
	                    .files = result->files,
	                    .bytes = result->bytes,
	                    .read_back = result->read_back,
	                    .blame = result->blame,
	                    .code = result->code,
	                    .message = result->message,
	                    .retry_after_ms = result->retry_after_ms});
}

static void apply_notice(const struct call *call, const struct view *bytes)
{
	struct lost_notice notice;

	if (lost_notice_parse(*bytes, &notice))
		apply_lost(call, notice.point, notice.dp_id, (const char *const *)notice.lost_ids,
		        notice.lost_count);
	lost_notice_release(&notice);
}

static void machine_apply(
        void *shell, void *state, const struct event *event, int64_t now_ms, struct outbox *out)
{
	struct call call = {
	        .stager = shell, .state = state, .held = event->waiting, .now_ms = now_ms, .out = out};

	switch (event->kind) {
	case EVENT_RECORD:
		apply_record(&call, event->record);
		break;
	case EVENT_COMPLETION:
		apply_completion(&call, event->tag, event->result);
		break;
	case EVENT_TICK:
		apply(&call, &(struct gate_event){.kind = GATE_TICK});
		break;
	case EVENT_NOTICE:
		apply_notice(&call, event->result);
		break;
	}
}

static void want_transfer(
        const struct gate_version *version, const struct gate_staging *staging, void *context)
{
	char tag[STAGE_TAG_SIZE];

	stage_tag_write(version->name, staging->name, staging->attempt, tag);
	effects_want(context, view_text(tag), view_text(staging->name), false);
}

static void effects(const void *state, struct effects *out)
{
	gate_effects(state, want_transfer, out);
}

static int64_t wake_at(const void *state)
{
	return gate_wake_at(state);
}

static struct waiting waiting(const void *state)
{
	struct waiting waiting;

	waiting.count = (uint32_t)gate_held(state, &waiting.since_ms);
	return waiting;
}

const struct machine stager_machine = {.state_new = state_new,
        .state_free = state_free,
        .state_load = state_load,
        .state_save = state_save,
        .state_is_empty = state_is_empty,
        .apply = machine_apply,
        .effects = effects,
        .wake_at = wake_at,
        .waiting = waiting};
