/* A record of each shape, as the codecs write it. */
#include "tests/vectors/samples.h"

#include "base/memory.h"
#include "schemas/current.h"
#include "schemas/job.h"
#include "schemas/status.h"
#include "schemas/updated.h"

#include <stdio.h>
#include <string.h>

static const char id[] = "0123456789abcdef0123456789abcdef", dp_id[] = "6f1d8f0a-6a55-4a0c-8d0c-5f2a1d7a7c11";
static const char digest[] = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
enum { NOW_MS = 1000 };

static void show(const char *schema, struct buffer *out)
{
	printf("%s\t%s\n", schema, out->data);
	buffer_clear(out);
}

static struct manifest *sample_manifest(void)
{
	static const char *const paths[] = {"lib/b", "bin/tool", "caf\xc3\xa9 \"menu\""};
	struct manifest_file *files = memory_alloc(3 * sizeof(*files));
	struct manifest *manifest = NULL;
	struct error err = {.code = ""};

	for (size_t i = 0; i < 3; i++) {
		files[i].path = memory_text(paths[i]);
		files[i].size = i;
		files[i].executable = i == 1;
		memcpy(files[i].digest, digest, DIGEST_SIZE);
		files[i].url = memory_text("file:///srv/src/tool");
	}
	if (manifest_new(files, 3, NULL, &manifest, &err) != STATUS_OK)
		fprintf(stderr, "%s\n", err.message);
	return manifest;
}

static void show_jobs(struct buffer *out)
{
	char *points[] = {(char *)"paris", (char *)"group:emea"};
	struct manifest *manifest = sample_manifest();
	struct job job = {.type = JOB_CREATE,
	        .package_id = (char *)"PKG00042",
	        .version = (char *)"1.0~rc1",
	        .manifest = manifest,
	        .distribution_points = points,
	        .distribution_point_count = 2,
	        .deadline = DEADLINE_AT,
	        .deadline_ms = NOW_MS,
	        .requested_by = (char *)"ci@build7\n",
	        .annotations = (char *)"{\"ticket\":\"OPS-12\"}"};

	manifest_write_canonical(manifest, out);
	show("manifest", out);
	manifest_write_with_urls(manifest, out);
	show("manifest", out);
	job_write(&job, out);
	show("job", out);
	job.type = JOB_UPDATE;
	job.job_id = (char *)"u-18";
	job.manifest = NULL;
	job.manifest_url = (char *)"https://artifacts.example/m.json";
	memcpy(job.manifest_digest, digest, DIGEST_SIZE);
	job.gate = GATE_ALL;
	job.deadline = DEADLINE_AFTER;
	job_write(&job, out);
	show("job", out);
	job.deadline = DEADLINE_NEVER;
	job.manifest_url = NULL;
	job.distribution_points = NULL;
	job_write(&job, out);
	show("job", out);
	manifest_unref(manifest);
}

static void show_staged(struct buffer *out)
{
	struct staged_record record = {.id = id,
	        .time_ms = NOW_MS,
	        .package_id = "PKG00042",
	        .version = "1.0",
	        .distribution_point = "paris",
	        .job_id = "@3-1742",
	        .job_position = {3, 1742},
	        .dp_id = dp_id,
	        .digest = digest,
	        .files = 1,
	        .read_back = "size",
	        .staged_id = id,
	        .targets = 2,
	        .deadline_ms = NOW_MS,
	        .reason = "expired"};

	for (int type = STAGED_STAGED; type <= STAGED_WITHHELD; type++) {
		record.type = (enum staged_type)type;
		staged_write(&record, out);
		show("staged", out);
	}
	record.job_position.offset = -1;
	record.detail = "torn \xc3 \x1b[31m";
	staged_write(&record, out);
	show("staged", out);
}

static void show_evidence(struct buffer *out)
{
	struct updated_record updated = {
	        id, NOW_MS, "PKG00042", "1.0", "0.9", "paris", dp_id, digest, "u-18", id, {3, 7}, id, {3, 8}};
	struct current current = {
	        "PKG00042", "1.0", digest, "manifests/1.0.json", "content/1.0", id, {3, 8}, "topic-id"};

	updated_write(&updated, out);
	show("updated", out);
	updated.previous_version = NULL;
	updated.staged_position.offset = -1;
	updated_write(&updated, out);
	show("updated", out);
	current_write(&current, out);
	show("current", out);
}

static void show_job_statuses(struct buffer *out)
{
	static const char *const points[] = {"paris", "tokyo"};
	static const struct dp_outcome outcomes[] = {{"paris", JOB_COMPLETED}, {"tokyo", JOB_SUPERSEDED}};
	struct job_status status = {.id = id,
	        .time_ms = NOW_MS,
	        .job_id = "u-18",
	        .package_id = "PKG00042",
	        .version = "1.0",
	        .job_type = JOB_UPDATE,
	        .job_position = {0, 0},
	        .reason = "not_staged",
	        .detail = "waits for tokyo",
	        .distribution_points = points,
	        .distribution_point_count = 2,
	        .requested_by = "ci",
	        .annotations = "{}",
	        .deadline_ms = NOW_MS,
	        .staged = 1,
	        .targets = 2,
	        .missing = points,
	        .missing_count = 1,
	        .outcomes = outcomes,
	        .outcome_count = 2};

	for (int state = JOB_ACCEPTED; state <= JOB_REJECTED; state++) {
		status.state = (enum job_state)state;
		if (state == JOB_REJECTED)
			status.version = "";
		job_status_write(&status, out);
		show("status", out);
	}
}

static void show_other_statuses(struct buffer *out)
{
	struct duplicate_status duplicate = {id, NOW_MS, "u-18", "PKG00042", "1.0", {3, 1}, {3, 2}};
	struct dp_status status = {.id = id,
	        .time_ms = NOW_MS,
	        .package_id = "PKG00042",
	        .version = "1.0",
	        .distribution_point = "paris"};
	struct progress progress = {NOW_MS, "PKG00042", "1.0", "paris", 1, 2, 0, 1};

	duplicate_status_write(&duplicate, out);
	show("status", out);
	for (int state = DP_PENDING; state <= DP_FAILED; state++) {
		status.state = (enum dp_state)state;
		if (state == DP_RETRYING) {
			status.error_code = "dp_timeout";
			status.error_message = "no answer within 30 s";
			status.next_retry_ms = NOW_MS;
		}
		dp_status_write(&status, out);
		show("status", out);
	}
	progress_write(&progress, out);
	show("progress", out);
}

void samples_print(void)
{
	struct buffer out;

	buffer_init(&out, 1 << 20);
	show_jobs(&out);
	show_staged(&out);
	show_evidence(&out);
	show_job_statuses(&out);
	show_other_statuses(&out);
	buffer_release(&out);
}
