#include "schemas/status.h"

#include <criterion/criterion.h>
#include <string.h>

static struct buffer out;
static struct status_event event;

static void start(void)
{
	buffer_init(&out, 1 << 20);
}

static void stop(void)
{
	buffer_release(&out);
}

static void parse(void)
{
	struct error err = {.code = ""};

	memset(&event, 'x', sizeof(event));
	cr_assert_eq(
	        status_parse(buffer_view(&out), &event, &err), STATUS_OK, "%s: %s", err.message, out.data);
}

TestSuite(status, .init = start, .fini = stop);

static const struct job_status update = {.id = "id-1",
        .time_ms = 1000,
        .job_id = "u-18",
        .package_id = "PKG00042",
        .version = "1.0",
        .job_type = JOB_UPDATE,
        .job_position = {3, 9}};

Test(outcome_combine, follows_its_table)
{
	const enum job_state C = JOB_COMPLETED, F = JOB_FAILED, E = JOB_EXPIRED, S = JOB_SUPERSEDED,
	                     X = JOB_CANCELED;
	const enum job_state table[][4] = {/* three outcomes and what they make together */
	        {C, C, C, C}, {S, S, S, S}, {X, X, X, X}, {E, E, E, E}, {F, F, F, F}, {C, S, S, C},
	        {S, S, C, C}, {S, X, S, X}, {C, C, X, X}, {X, E, C, E}, {S, S, E, E}, {E, X, F, F},
	        {F, C, C, F}, {C, E, F, F}};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct dp_outcome outcomes[3] = {{"a", table[i][0]}, {"b", table[i][1]}, {"c", table[i][2]}};
		cr_assert_eq(outcome_combine(outcomes, 3), table[i][3], "row %zu", i);
	}
	cr_assert_eq(outcome_combine(NULL, 0), JOB_SUPERSEDED);
}

Test(status, exactly_accepted_and_held_are_not_final)
{
	for (int state = JOB_ACCEPTED; state <= JOB_REJECTED; state++)
		cr_assert_eq(job_state_is_final((enum job_state)state),
		        state != JOB_ACCEPTED && state != JOB_HELD);
}

Test(status, a_held_job_says_what_it_waits_for)
{
	static const char *const missing[] = {"tokyo"};
	struct job_status status = update;

	status.state = JOB_HELD;
	status.reason = "not_staged";
	status.detail = "waits for tokyo";
	status.staged = 1;
	status.targets = 2;
	status.missing = missing;
	status.missing_count = 1;
	job_status_write(&status, &out);
	cr_assert_not_null(
	        strstr(out.data, "\"waiting_for\":{\"staged\":1,\"targets\":2,\"missing\":[\"tokyo\"]}"));
	parse();
	cr_assert_str_eq(event.type, "job");
	cr_assert_str_eq(event.job_id, "u-18");
	cr_assert_str_eq(event.package_id, "PKG00042");
	cr_assert_str_eq(event.version, "1.0");
	cr_assert_str_eq(event.state, "held");
	cr_assert_not(event.final);
	cr_assert_str_eq(event.reason, "not_staged");
	cr_assert_str_eq(event.detail, "waits for tokyo");
	cr_assert(event.staged == 1 && event.targets == 2);
	cr_assert(event.missing_count == 1 && strcmp(event.missing[0], "tokyo") == 0);
	cr_assert(event.job_position.partition == 3 && event.job_position.offset == 9);
	cr_assert_eq(event.time_ms, 1000);
}

Test(status, of_many_missing_the_first_hundred_are_named)
{
	const char *missing[HELD_MISSING_MAX + 1];
	struct job_status status = update;

	for (size_t i = 0; i < HELD_MISSING_MAX; i++)
		missing[i] = "near";
	missing[HELD_MISSING_MAX] = "beyond";
	status.state = JOB_HELD;
	status.missing = missing;
	status.missing_count = HELD_MISSING_MAX + 1;
	job_status_write(&status, &out);
	cr_assert_not_null(strstr(out.data, "near"));
	cr_assert_null(strstr(out.data, "beyond"));
}

Test(status, an_accepted_job_has_its_resolved_targets)
{
	static const char *const points[] = {"paris", "tokyo"};
	struct job_status status = update;

	status.state = JOB_ACCEPTED;
	status.distribution_points = points;
	status.distribution_point_count = 2;
	status.requested_by = "ci@\"build7\"";
	status.annotations = "{\"ticket\":\"OPS-12\"}";
	status.deadline_ms = 2000;
	job_status_write(&status, &out);
	cr_assert_str_eq(out.data,
	        "{\"schema\":1,\"type\":\"job\",\"id\":\"id-1\",\"time\":\"1970-01-01T00:00:01.000Z\",\"job_"
	        "id\":\"u-18\","
	        "\"package_id\":\"PKG00042\",\"version\":\"1.0\",\"job_type\":\"update\",\"job_position\":{"
	        "\"partition\":3,"
	        "\"offset\":9},\"state\":\"accepted\",\"final\":false,\"distribution_points\":[\"paris\","
	        "\"tokyo\"],"
	        "\"deadline\":\"1970-01-01T00:00:02.000Z\",\"requested_by\":\"ci@\\\"build7\\\"\","
	        "\"annotations\":{\"ticket\":\"OPS-12\"}}");
}

Test(status, an_ended_job_has_its_outcomes)
{
	static const struct dp_outcome outcomes[] = {{"paris", JOB_COMPLETED}, {"tokyo", JOB_FAILED}};
	struct job_status status = update;

	status.state = JOB_FAILED;
	status.outcomes = outcomes;
	status.outcome_count = 2;
	job_status_write(&status, &out);
	cr_assert_not_null(strstr(out.data, "\"outcomes\":{\"paris\":\"completed\",\"tokyo\":\"failed\"}"));
	parse();
	cr_assert(event.final);
	cr_assert_str_eq(event.state, "failed");
}

Test(status, an_outcome_may_have_the_longest_name)
{
	char name[DP_NAME_SIZE];
	struct dp_outcome outcome = {name, JOB_COMPLETED};
	struct job_status status = update;

	memset(name, 'a', DP_NAME_SIZE - 1);
	name[DP_NAME_SIZE - 1] = '\0';
	status.state = JOB_COMPLETED;
	status.outcomes = &outcome;
	status.outcome_count = 1;
	job_status_write(&status, &out);
	cr_assert_not_null(strstr(out.data, name));
	parse();
}

Test(status, a_rejected_job_may_have_no_version)
{
	struct job_status status = update;

	status.state = JOB_REJECTED;
	status.version = "";
	job_status_write(&status, &out);
	cr_assert_null(strstr(out.data, "\"version\""));
	parse();
	cr_assert(event.final);
	cr_assert_str_empty(event.version);
}

Test(status, a_duplicate_points_at_the_original)
{
	struct duplicate_status duplicate = {"id-1", 1000, "u-18", "PKG00042", "1.0", {3, 1}, {3, 2}};

	duplicate_status_write(&duplicate, &out);
	parse();
	cr_assert_str_eq(event.type, "duplicate");
	cr_assert(event.job_position.partition == 3 && event.job_position.offset == 1);
	cr_assert_str_empty(event.state);
}

Test(status, a_distribution_point_tells_its_error_and_next_retry)
{
	struct dp_status status = {"id-1", 1000, "PKG00042", "1.0", "paris", DP_RETRYING, 4, "dp_timeout",
	        "no answer", true, 5000};

	dp_status_write(&status, &out);
	cr_assert_not_null(strstr(out.data,
	        "\"error\":{\"code\":\"dp_timeout\",\"message\":\"no answer\",\"retryable\":true}"));
	parse();
	cr_assert_str_eq(event.distribution_point, "paris");
	cr_assert_str_eq(event.state, "retrying");
	cr_assert_eq(event.attempt, 4);
	cr_assert_str_eq(event.reason, "dp_timeout");
	cr_assert_str_eq(event.detail, "no answer");
	cr_assert_eq(event.next_retry_ms, 5000);
	cr_assert_eq(event.job_position.offset, -1);
}

Test(status, progress_comes_back)
{
	struct progress progress = {1000, "PKG00042", "1.0", "paris", 1024, 8231, 0, 1};

	progress_write(&progress, &out);
	parse();
	cr_assert_str_eq(event.type, "progress");
	cr_assert(event.bytes_done == 1024 && event.bytes_total == 8231);
	cr_assert_str_empty(event.job_id);
}

Test(status, a_text_that_is_too_long_is_cut_between_characters)
{
	char detail[ERROR_MESSAGE_MAX + 100];
	struct job_status status = update;

	memset(detail, 'a', sizeof(detail));
	memcpy(detail + ERROR_MESSAGE_MAX - 2, "\xc3\xa9", 2);
	detail[sizeof(detail) - 1] = '\0';
	status.state = JOB_FAILED;
	status.detail = detail;
	job_status_write(&status, &out);
	parse();
	cr_assert_eq(strlen(event.detail), ERROR_MESSAGE_MAX - 2);
}
