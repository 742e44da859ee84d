/* The records of the status and progress topics: the names of states, and what is written. */
#include "schemas/status.h"

#include "schemas/record.h"

#include <string.h>

bool job_state_is_final(enum job_state state)
{
	return state != JOB_ACCEPTED && state != JOB_HELD;
}

const char *job_state_name(enum job_state state)
{
	static const char *const names[] = {[JOB_ACCEPTED] = "accepted",
	        [JOB_HELD] = "held",
	        [JOB_COMPLETED] = "completed",
	        [JOB_FAILED] = "failed",
	        [JOB_EXPIRED] = "expired",
	        [JOB_SUPERSEDED] = "superseded",
	        [JOB_CANCELED] = "canceled",
	        [JOB_REJECTED] = "rejected"};

	return names[state];
}

const char *dp_state_name(enum dp_state state)
{
	static const char *const names[] = {[DP_PENDING] = "pending",
	        [DP_STAGING] = "staging",
	        [DP_RETRYING] = "retrying",
	        [DP_STAGED] = "staged",
	        [DP_UPDATING] = "updating",
	        [DP_UPDATED] = "updated",
	        [DP_FAILED] = "failed"};

	return names[state];
}

enum job_state outcome_combine(const struct dp_outcome *outcomes, size_t count)
{
	static const enum job_state by_weight[] = {JOB_FAILED, JOB_EXPIRED, JOB_CANCELED, JOB_COMPLETED};

	for (size_t w = 0; w < sizeof(by_weight) / sizeof(*by_weight); w++)
		for (size_t i = 0; i < count; i++)
			if (outcomes[i].outcome == by_weight[w])
				return by_weight[w];
	return JOB_SUPERSEDED;
}

static void put_texts(struct buffer *out, const char *name, const char *const *texts, size_t count)
{
	json_key(out, name);
	json_begin(out, '[');
	for (size_t i = 0; i < count; i++)
		json_add_text(out, texts[i]);
	json_end(out, ']');
}

static void put_acceptance(const struct job_status *status, struct buffer *out)
{
	if (status->distribution_points)
		put_texts(out, "distribution_points", status->distribution_points,
		        status->distribution_point_count);
	if (status->deadline_ms)
		json_put_time(out, "deadline", status->deadline_ms);
	json_put_text(out, "requested_by", status->requested_by);
	if (status->annotations) {
		json_key(out, "annotations");
		json_add_raw(out, status->annotations);
	}
}

static void put_waiting_for(const struct job_status *status, struct buffer *out)
{
	size_t missing = status->missing_count < HELD_MISSING_MAX ? status->missing_count : HELD_MISSING_MAX;

	json_key(out, "waiting_for");
	json_begin(out, '{');
	json_put_uint(out, "staged", status->staged);
	json_put_uint(out, "targets", status->targets);
	put_texts(out, "missing", status->missing, missing);
	json_end(out, '}');
}

static void put_outcomes(const struct job_status *status, struct buffer *out)
{
	json_key(out, "outcomes");
	json_begin(out, '{');
	for (size_t i = 0; i < status->outcome_count; i++)
		json_put_text(out, status->outcomes[i].distribution_point,
		        job_state_name(status->outcomes[i].outcome));
	json_end(out, '}');
}

void job_status_write(const struct job_status *status, struct buffer *out)
{
	record_begin(out, RECORD_JOB, status->id, status->time_ms);
	json_put_text(out, "job_id", status->job_id);
	json_put_text(out, "package_id", status->package_id);
	json_put_text(out, "version", status->version && *status->version ? status->version : NULL);
	json_put_text(out, "job_type", job_type_name(status->job_type));
	record_put_position(out, "job_position", status->job_position);
	json_put_text(out, "state", job_state_name(status->state));
	json_put_bool(out, "final", job_state_is_final(status->state));
	json_put_text(out, "reason", status->reason);
	json_put_text(out, "detail", status->detail);
	if (status->state == JOB_ACCEPTED)
		put_acceptance(status, out);
	else if (status->state == JOB_HELD)
		put_waiting_for(status, out);
	else if (status->state != JOB_REJECTED)
		put_outcomes(status, out);
	json_end(out, '}');
}

void duplicate_status_write(const struct duplicate_status *status, struct buffer *out)
{
	record_begin(out, RECORD_DUPLICATE, status->id, status->time_ms);
	json_put_text(out, "job_id", status->job_id);
	json_put_text(out, "package_id", status->package_id);
	json_put_text(out, "version", status->version);
	record_put_position(out, "original", status->original);
	record_put_position(out, "duplicate", status->duplicate);
	json_end(out, '}');
}

void dp_status_write(const struct dp_status *status, struct buffer *out)
{
	record_begin(out, RECORD_DISTRIBUTION_POINT, status->id, status->time_ms);
	json_put_text(out, "package_id", status->package_id);
	json_put_text(out, "version", status->version);
	json_put_text(out, "distribution_point", status->distribution_point);
	json_put_text(out, "state", dp_state_name(status->state));
	json_put_uint(out, "attempt", status->attempt);
	if (status->error_code) {
		json_key(out, "error");
		json_begin(out, '{');
		json_put_text(out, "code", status->error_code);
		json_put_text(out, "message", status->error_message);
		json_put_bool(out, "retryable", status->retryable);
		json_end(out, '}');
	}
	if (status->next_retry_ms)
		json_put_time(out, "next_retry", status->next_retry_ms);
	json_end(out, '}');
}

void progress_write(const struct progress *progress, struct buffer *out)
{
	record_begin(out, RECORD_PROGRESS, NULL, progress->time_ms);
	json_put_text(out, "package_id", progress->package_id);
	json_put_text(out, "version", progress->version);
	json_put_text(out, "distribution_point", progress->distribution_point);
	json_put_uint(out, "bytes_done", progress->bytes_done);
	json_put_uint(out, "bytes_total", progress->bytes_total);
	json_put_uint(out, "files_done", progress->files_done);
	json_put_uint(out, "files_total", progress->files_total);
	json_end(out, '}');
}
