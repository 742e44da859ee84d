/* Microseconds per record of the codecs on the hot path. */
#include "schemas/job.h"
#include "schemas/staged.h"
#include "schemas/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 5, REPEATS = 40000 };

static const char update[] =
        "{\"type\": \"update\", \"job_id\": \"u-18\", \"package_id\": \"PKG00042\", \"version\": \"1.0\", "
        "\"content\": {\"manifest_url\": \"https://artifacts.example/PKG00042/1.0/manifest.json\", "
        "\"digest\": "
        "\"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"}, \"gate\": \"each\", "
        "\"deadline\": \"2026-12-01T00:00:00Z\"}";
static const char create[] =
        "{\"type\": \"create\", \"job_id\": \"c-17\", \"package_id\": \"PKG00042\", \"version\": \"1.0\", "
        "\"content\": {\"files\": [{\"path\": \"bin/tool\", \"size\": 8231, \"digest\": "
        "\"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\", \"url\": "
        "\"file:///srv/src/tool\"}]}, \"distribution_points\": [\"paris\", \"group:emea\"]}";

static const char digest[] = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
static struct buffer out;

static void parse_job(struct view value)
{
	struct job_hint hint;
	struct job *job;
	struct error err;

	if (job_parse(view_text("PKG00042"), value, &job, &hint, &err) != STATUS_OK) {
		fprintf(stderr, "job_parse: %s\n", err.message);
		exit(1);
	}
	job_free(job);
}

static void run_job_update(void)
{
	parse_job((struct view){update, sizeof(update) - 1});
}

static void run_job_create(void)
{
	parse_job((struct view){create, sizeof(create) - 1});
}

static void run_staged_write(void)
{
	struct staged_record record = {.type = STAGED_STAGED,
	        .id = "0123456789abcdef0123456789abcdef",
	        .time_ms = 1795000000123,
	        .package_id = "PKG00042",
	        .version = "1.0",
	        .distribution_point = "paris",
	        .job_id = "c-17",
	        .job_position = {3, 1742},
	        .dp_id = "6f1d8f0a-6a55-4a0c-8d0c-5f2a1d7a7c11",
	        .digest = digest,
	        .files = 1,
	        .bytes = 8231,
	        .read_back = "full"};

	buffer_clear(&out);
	staged_write(&record, &out);
}

static void run_release_write(void)
{
	struct staged_record record = {.type = STAGED_RELEASE,
	        .id = "0123456789abcdef0123456789abcdef",
	        .time_ms = 1795000000123,
	        .package_id = "PKG00042",
	        .version = "1.0",
	        .distribution_point = "paris",
	        .job_id = "c-17",
	        .job_position = {3, 1742},
	        .dp_id = "6f1d8f0a-6a55-4a0c-8d0c-5f2a1d7a7c11",
	        .digest = digest,
	        .staged_id = "0123456789abcdef0123456789abcdef",
	        .targets = 2,
	        .deadline_ms = 1795000000123};

	buffer_clear(&out);
	staged_write(&record, &out);
}

static void run_status_write(void)
{
	static const char *const points[] = {"paris", "tokyo"};
	struct job_status status = {.id = "0123456789abcdef0123456789abcdef",
	        .time_ms = 1795000000123,
	        .job_id = "c-17",
	        .package_id = "PKG00042",
	        .version = "1.0",
	        .job_position = {3, 1742},
	        .state = JOB_ACCEPTED,
	        .distribution_points = points,
	        .distribution_point_count = 2,
	        .requested_by = "ci@build7",
	        .deadline_ms = 1795000000123};

	buffer_clear(&out);
	job_status_write(&status, &out);
}

static void run_staged_parse(void)
{
	struct staged_record *record;
	struct error err;

	if (staged_parse(view_text("PKG00042"), buffer_view(&out), &record, &err) != STATUS_OK) {
		fprintf(stderr, "staged_parse: %s\n", err.message);
		exit(1);
	}
	staged_free(record);
}

static double now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* The best of some rounds: the machine is seldom quiet. */
static void measure(const char *what, size_t bytes, void (*run)(void))
{
	double best = 1e9;

	for (int round = 0; round < ROUNDS; round++) {
		double start = now_us();
		for (int i = 0; i < REPEATS; i++)
			run();
		double each = (now_us() - start) / REPEATS;
		best = each < best ? each : best;
	}
	printf("%-28s %5zu bytes  %6.2f us\n", what, bytes, best);
}

int main(void)
{
	buffer_init(&out, 65536);
	measure("job_parse, by manifest_url", sizeof(update) - 1, run_job_update);
	measure("job_parse, files inline", sizeof(create) - 1, run_job_create);
	run_status_write();
	measure("job_status_write", out.len, run_status_write);
	run_release_write();
	measure("staged_write, release", out.len, run_release_write);
	run_staged_write();
	measure("staged_write, staged", out.len, run_staged_write);
	measure("staged_parse, staged", out.len, run_staged_parse);
	buffer_release(&out);
	return 0;
}
