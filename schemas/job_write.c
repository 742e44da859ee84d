/* The job record, written as job_parse() takes it. */
#include "schemas/job.h"
#include "schemas/json.h"

#include <stdio.h>

static void put_content(const struct job *job, struct buffer *out)
{
	if (!job->manifest && !job->manifest_url)
		return;
	json_key(out, "content");
	if (job->manifest) {
		manifest_write_with_urls(job->manifest, out);
		return;
	}
	json_begin(out, '{');
	json_put_text(out, "manifest_url", job->manifest_url);
	json_put_text(out, "digest", job->manifest_digest);
	json_end(out, '}');
}

static void put_deadline(const struct job *job, struct buffer *out)
{
	char text[32];

	if (job->deadline == DEADLINE_AT)
		json_put_time(out, "deadline", job->deadline_ms);
	if (job->deadline == DEADLINE_NEVER)
		json_put_text(out, "deadline", "never");
	if (job->deadline == DEADLINE_AFTER) {
		snprintf(text, sizeof(text), "PT%jdS", (intmax_t)((job->deadline_ms + 999) / 1000));
		json_put_text(out, "deadline", text);
	}
}

void job_write(const struct job *job, struct buffer *out)
{
	json_begin(out, '{');
	json_put_uint(out, "schema", 1);
	json_put_text(out, "type", job_type_name(job->type));
	json_put_text(out, "job_id", job->job_id);
	json_put_text(out, "package_id", job->package_id);
	json_put_text(out, "version", job->version);
	put_content(job, out);
	if (job->distribution_points) {
		json_key(out, "distribution_points");
		json_begin(out, '[');
		for (size_t i = 0; i < job->distribution_point_count; i++)
			json_add_text(out, job->distribution_points[i]);
		json_end(out, ']');
	}
	if (job->type == JOB_UPDATE)
		json_put_text(out, "gate", job_gate_name(job->gate));
	put_deadline(job, out);
	json_put_text(out, "requested_by", job->requested_by);
	if (job->annotations) {
		json_key(out, "annotations");
		json_add_raw(out, job->annotations);
	}
	json_end(out, '}');
}
