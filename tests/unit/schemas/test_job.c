#include "schemas/job.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

static struct error err;
static struct job_hint hint;

static struct job *parse(const char *text)
{
	struct job *job = NULL;

	err = (struct error){.code = ""};
	if (job_parse(view_text("PKG00042"), view_text(text), &job, &hint, &err) != STATUS_OK)
		return NULL;
	return job;
}

static struct job *must_parse(const char *text)
{
	struct job *job = parse(text);

	cr_assert_not_null(job, "%s", err.message);
	return job;
}

/* What a job says is what its written form says. */
static void check_round_trip(const char *text)
{
	struct job *job = must_parse(text);
	struct buffer first, second;

	buffer_init(&first, JOB_VALUE_MAX);
	buffer_init(&second, JOB_VALUE_MAX);
	job_write(job, &first);
	struct job *again = must_parse(first.data);
	job_write(again, &second);
	cr_assert_str_eq(first.data, second.data);
	cr_assert_eq(job->deadline, again->deadline);
	cr_assert_eq(job->deadline_ms, again->deadline_ms);
	cr_assert_str_eq(job->manifest_digest, again->manifest_digest);
	job_free(job);
	job_free(again);
	buffer_release(&first);
	buffer_release(&second);
}

static const char create[] =
        "{\"annotations\": {\"z\": \"1\", \"a\\\"\": \"\\u0001\\u00e9\"}, \"type\": \"create\", \"job_id\": "
        "\"c-17\", "
        "\"package_id\": \"PKG00042\", \"version\": \"1.0\", \"content\": {\"files\": [{\"path\": "
        "\"bin/tool\", "
        "\"size\": 8231, \"digest\": \"" HASH "\", \"executable\": true, \"url\": \"file:///srv/tool\"}]}, "
        "\"distribution_points\": [\"paris\", \"group:emea\"], \"requested_by\": \"ci\\n@build7\"}";

Test(job_parse, reads_every_field_of_a_create)
{
	struct job *job = must_parse(create);

	cr_assert_eq(job->type, JOB_CREATE);
	cr_assert_str_eq(job->job_id, "c-17");
	cr_assert_str_eq(job->package_id, "PKG00042");
	cr_assert_str_eq(job->version, "1.0");
	cr_assert_eq(job->manifest->count, 1);
	cr_assert(job->manifest->files[0].executable);
	cr_assert_str_eq(job->manifest_digest, job->manifest->digest);
	cr_assert_null(job->manifest_url);
	cr_assert_eq(job->distribution_point_count, 2);
	cr_assert_str_eq(job->distribution_points[1], "group:emea");
	cr_assert_eq(job->deadline, DEADLINE_DEFAULT);
	cr_assert_str_eq(job->requested_by, "ci\n@build7");
	cr_assert_str_eq(
	        job->annotations, "{\"a\\\"\":\"\\u0001\xc3\xa9\",\"z\":\"1\"}", "%s", job->annotations);
	job_free(job);
}

Test(job_parse, leaves_what_an_update_does_not_say_absent)
{
	struct job *job = must_parse("{\"type\":\"update\",\"package_id\":\"PKG00042\",\"version\":\"2\"}");

	cr_assert_eq(job->type, JOB_UPDATE);
	cr_assert_null(job->job_id);
	cr_assert_null(job->manifest);
	cr_assert_str_empty(job->manifest_digest);
	cr_assert_null(job->distribution_points);
	cr_assert_eq(job->gate, GATE_EACH);
	cr_assert_null(job->requested_by);
	cr_assert_null(job->annotations);
	job_free(job);
}

Test(job_parse, tells_the_kinds_of_deadline_apart)
{
	static const struct {
		const char *text;
		enum job_deadline kind;
		int64_t ms;
	} cases[] = {{"1970-01-01T01:00:00.5+00:30", DEADLINE_AT, 1800500},
	        {"PT24H", DEADLINE_AFTER, 86400000}, {"P1W", DEADLINE_AFTER, 604800000},
	        {"never", DEADLINE_NEVER, 0}};
	char text[200];

	for (size_t i = 0; i < 4; i++) {
		snprintf(text, sizeof(text),
		        "{\"type\":\"update\",\"package_id\":\"PKG00042\",\"version\":\"2\",\"deadline\":\"%"
		        "s\"}",
		        cases[i].text);
		struct job *job = must_parse(text);
		cr_assert_eq(job->deadline, cases[i].kind, "%s", cases[i].text);
		cr_assert_eq(job->deadline_ms, cases[i].ms, "%s", cases[i].text);
		job_free(job);
		check_round_trip(text);
	}
}

Test(job_write, writes_what_job_parse_takes)
{
	check_round_trip(create);
	check_round_trip(
	        "{\"type\":\"update\",\"package_id\":\"PKG00042\",\"version\":\"2\",\"gate\":\"all\"}");
	check_round_trip("{\"type\":\"update\",\"package_id\":\"PKG00042\",\"version\":\"2\",\"content\":"
	                 "{\"manifest_url\":\"https://h/m.json\",\"digest\":\"" HASH "\"},"
	                 "\"distribution_points\":[\"paris\"]}");
}

Test(job_parse, hints_at_who_a_rejected_job_was)
{
	cr_assert_null(parse(
	        "{\"type\":\"remove\",\"job_id\":\"r-1\",\"package_id\":\"PKG00042\",\"version\":\"1.0\"}"));
	cr_assert_str_eq(err.code, "unknown_type");
	cr_assert_str_eq(hint.job_id, "r-1");
	cr_assert_str_eq(hint.package_id, "PKG00042");
	cr_assert_str_eq(hint.version, "1.0");
}

Test(job_parse, hints_at_nothing_that_is_no_name)
{
	memset(&hint, 'x', sizeof(hint));
	cr_assert_null(
	        parse("{\"type\":\"update\",\"job_id\":\"@3-1\",\"package_id\":7,\"version\":\"../1\"}"));
	cr_assert_str_empty(hint.job_id);
	cr_assert_str_empty(hint.package_id);
	cr_assert_str_empty(hint.version);
	cr_assert_eq(hint.type, JOB_UPDATE);
	memset(&hint, 'x', sizeof(hint));
	cr_assert_null(parse("{"));
	cr_assert_eq(hint.type, JOB_CREATE);
	cr_assert_str_empty(hint.job_id);
	cr_assert_str_empty(hint.package_id);
	cr_assert_str_empty(hint.version);
}

Test(job_parse, leaves_its_output_alone_on_failure)
{
	struct job *job = (struct job *)&err;

	cr_assert_eq(job_parse(view_text("OTHER"), view_text(create), &job, &hint, NULL), STATUS_REJECT);
	cr_assert_eq(job, (struct job *)&err);
}

Test(job_parse, says_newer_schema_before_it_complains_of_what_is_new)
{
	cr_assert_null(parse("{\"schema\":2,\"type\":\"rollout\",\"package\":{}}"));
	cr_assert_str_eq(err.code, "newer_schema");
}

Test(job_parse, never_repeats_a_password)
{
	cr_assert_null(parse("{\"type\":\"update\",\"package_id\":\"PKG00042\",\"version\":\"2\",\"content\":"
	                     "{\"manifest_url\":\"https://u:canary-7@h/m\",\"digest\":\"" HASH "\"}}"));
	cr_assert(strncmp(err.message, "content.manifest_url: ", 22) == 0);
	cr_assert_null(strstr(err.message, "canary-7"), "%s", err.message);
	cr_assert_null(parse(
	        "{\"type\":\"update\",\"package_id\":\"PKG00042\",\"version\":\"2\",\"content\":{\"files\":"
	        "[{\"path\":\"a\",\"size\":0,\"digest\":\"" HASH
	        "\",\"url\":\"https://u:canary-7@h/m\"}]}}"));
	cr_assert(strncmp(err.message, "content.files[0].url: ", 22) == 0);
	cr_assert_null(strstr(err.message, "canary-7"), "%s", err.message);
}

Test(job_default_id, names_the_position)
{
	char id[JOB_ID_SIZE];

	job_default_id(3, 1742, id);
	cr_assert_str_eq(id, "@3-1742");
	job_default_id(INT32_MAX, INT64_MAX, id);
	cr_assert_str_eq(id, "@2147483647-9223372036854775807");
}
