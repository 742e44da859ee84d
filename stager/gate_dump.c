/* The whole of a gate's memory as text, for comparing two. */
#include "stager/gate_state.h"

static void dump_job(const struct gate_job *job, struct buffer *out)
{
	buffer_add_format(out, "job %s %s %d/%lld", job->name, job->payload, (int)job->position.partition,
	        (long long)job->position.offset);
	if (job->work == NULL) {
		buffer_add_format(out, " ended %llu\n", (unsigned long long)job->ended_number);
		return;
	}
	buffer_add_format(out,
	        " %s%s gate %s version %s deadline %lld accepted %lld trace %s held %u/%u targets",
	        job_type_name(job->work->type), job->work->has_content ? "+content" : "",
	        job_gate_name(job->work->gate), job->work->version, (long long)job->work->deadline_ms,
	        (long long)job->work->accepted_ms, job->work->traceparent ? job->work->traceparent : "-",
	        job->work->held_count, job->work->held_staged);
	for (size_t i = 0; i < job->work->target_count; i++)
		buffer_add_format(
		        out, " %s%s", job->work->targets[i], job->work->withheld[i] ? "(withheld)" : "");
	buffer_add_text(out, job->work->targets == NULL ? " unknown\n" : "\n");
}

static void dump_staging(const struct gate_staging *staging, struct buffer *out)
{
	buffer_add_format(out,
	        "  on %s phase %d attempt %u failures %u/%u restages %u retry %lld until %lld cause %s "
	        "%d/%lld dp %s staged %s error %s %s\n",
	        staging->name, (int)staging->phase, staging->attempt, staging->failures,
	        staging->content_failures, staging->restages, (long long)staging->next_retry_ms,
	        (long long)staging->until_ms, staging->cause_id ? staging->cause_id : "-",
	        (int)staging->cause.partition, (long long)staging->cause.offset,
	        staging->dp_id ? staging->dp_id : "-", staging->staged_id,
	        staging->error_code ? staging->error_code : "-",
	        staging->error_message ? staging->error_message : "-");
}

void gate_dump(const struct gate_state *state, struct buffer *out)
{
	buffer_add_format(out, "package %s stagings %zu\n", state->package, state->staging_count);
	for (size_t i = 0; i < state->versions.count; i++) {
		const struct gate_version *version = state->versions.items[i];

		buffer_add_format(out, "version %s %s url %s source %d/%lld active %zu\n", version->name,
		        version->digest, version->manifest_url ? version->manifest_url : "-",
		        (int)version->source.partition, (long long)version->source.offset, version->active);
		for (size_t j = 0; j < version->stagings.count; j++)
			dump_staging(version->stagings.items[j], out);
	}
	for (size_t i = 0; i < state->points.count; i++) {
		const struct gate_point *point = state->points.items[i];

		buffer_add_format(out, "point %s released %d/%lld dp %s\n", point->name,
		        (int)point->released.partition, (long long)point->released.offset,
		        point->dp_id ? point->dp_id : "-");
	}
	for (size_t i = 0; i < state->live_count; i++)
		dump_job(state->live[i], out);
	for (size_t i = 0; i < state->ended_count; i++)
		dump_job(state->ended[i], out);
}
