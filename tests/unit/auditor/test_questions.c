/* Questions to the history: jobs, failures, and what is where. */
#include "auditor/ask/failures.h"
#include "auditor/ask/jobs.h"
#include "auditor/ask/matrix.h"
#include "auditor/history/rows.h"
#include "records.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct database *database;
static int64_t next[LOG_TOPICS];
static char *text;
static size_t size;
static FILE *out;

static void begin(void)
{
	struct error err;

	cr_assert_eq(database_open(NULL, "holdpoint.", 0, &database, &err), STATUS_OK, "%s", err.message);
	memset(next, 0, sizeof(next));
	out = open_memstream(&text, &size);
}

static void end(void)
{
	fclose(out);
	free(text);
	database_close(database);
}

static const char *printed(void)
{
	fflush(out);
	return text;
}

static struct fact at(enum fact_type type, enum log_topic topic, int64_t time_ms)
{
	struct fact fact = fact_of(type, topic, next[topic]++, 0);

	fact.log_time_ms = fact.time_ms = time_ms;
	return fact;
}

static void add(struct fact fact)
{
	struct error err;

	cr_assert_eq(
	        database_apply(database, &fact, (struct view){0}, NULL, &err), STATUS_OK, "%s", err.message);
	cr_assert_eq(database_commit(database, &err), STATUS_OK, "%s", err.message);
}

static void add_job(const char *id, const char *state, int64_t time_ms)
{
	struct fact fact = at(FACT_JOB, LOG_JOBS, time_ms);
	int64_t offset = fact.position.offset;

	fact.point = (struct view){0};
	fact.job_id = view_text(id);
	fact.job_type = view_text(id[0] == 'u' ? "update" : "create");
	fact.job_position = fact.position;
	add(fact);
	fact.type = FACT_JOB_STATUS;
	fact.topic = LOG_STATUS;
	fact.position.offset = next[LOG_STATUS]++;
	fact.job_position.offset = offset;
	fact.state = view_text("accepted");
	add(fact);
	if (strcmp(state, "accepted") == 0)
		return;
	fact.position.offset = next[LOG_STATUS]++;
	fact.state = view_text(state);
	fact.final = strcmp(state, "held") != 0;
	fact.log_time_ms = fact.time_ms = time_ms + 1000;
	if (fact.final) {
		fact.reason = view_text("why_code");
		fact.detail = view_text("why in words");
	} else {
		fact.waiting_targets = 2;
		fact.waiting_staged = 1;
		fact.missing = view_text("[\"paris\"]");
	}
	add(fact);
}

static void add_point(
        const char *package, const char *point, const char *state, const char *error, int64_t time_ms)
{
	struct fact fact = at(FACT_POINT, LOG_STATUS, time_ms);

	fact.key = fact.package = view_text(package);
	fact.point = view_text(point);
	fact.job_id = (struct view){0};
	fact.job_position.offset = -1;
	fact.state = view_text(state);
	fact.attempt = 2;
	fact.reason = view_text(error);
	fact.detail = view_text(error ? "the latest words" : NULL);
	add(fact);
}

static size_t count_of(const struct jobs_asked *asked)
{
	struct query *query = jobs_ask(database, asked);
	size_t count;
	struct error err;

	cr_assert_eq(rows_print_json(query, NULL, out, &count, &err), STATUS_OK, "%s", err.message);
	query_free(query);
	return count;
}

static void add_jobs(void)
{
	add_job("u-held", "held", 10000);
	add_job("c-done", "completed", 20000);
	add_job("u-failed", "failed", 30000);
	add_job("u-late", "expired", 40000);
	add_job("c-open", "accepted", 50000);
}

Test(jobs_ask, takes_states_and_groups_of_them, .init = begin, .fini = end)
{
	const char *words;

	add_jobs();
	cr_assert_eq(count_of(&(struct jobs_asked){0}), 2, "open is the default");
	cr_assert_eq(count_of(&(struct jobs_asked){.state = "held"}), 1);
	cr_assert_eq(count_of(&(struct jobs_asked){.state = "dead"}), 2);
	cr_assert_eq(count_of(&(struct jobs_asked){.state = "all"}), 5);
	cr_assert_eq(count_of(&(struct jobs_asked){.state = "all", .package = "OTHER"}), 0);
	cr_assert_eq(count_of(&(struct jobs_asked){.state = "held", .held_before_ms = 10999}), 0);
	cr_assert_eq(count_of(&(struct jobs_asked){.state = "held", .held_before_ms = 11000}), 1);
	cr_assert_eq(count_of(&(struct jobs_asked){.state = "dead", .ended_after_ms = 41000}), 1);
	cr_assert(jobs_state_is_known("dead", &words) && !jobs_state_is_known("asleep", &words));
	cr_assert(strstr(words, "superseded"));
}

Test(rows_print_json, writes_each_kind_of_column, .init = begin, .fini = end)
{
	add_job("u-held", "held", 10000);
	cr_assert_eq(count_of(&(struct jobs_asked){.state = "held"}), 1);
	cr_assert_str_eq(printed(),
	        "{\"place\":{\"topic\":\"jobs\",\"partition\":0,\"offset\":0},\"job_id\":\"u-held\",\"type\":"
	        "\"update\","
	        "\"package\":\"PKG\",\"version\":\"1.0\",\"state\":\"held\",\"final\":false,"
	        "\"submitted\":\"1970-01-01T00:00:10.000Z\",\"accepted\":\"1970-01-01T00:00:10.000Z\","
	        "\"held\":\"1970-01-01T00:00:11.000Z\",\"waiting_staged\":1,\"waiting_targets\":2,"
	        "\"waiting_missing\":[\"paris\"]}\n",
	        "%s", printed());
}

Test(jobs_print, is_a_table_the_newest_first, .init = begin, .fini = end)
{
	struct query *query;
	size_t count;
	struct error err;

	add_jobs();
	query = jobs_ask(database, &(struct jobs_asked){.state = "all"});
	cr_assert_eq(jobs_print(query, 70000, out, &count, &err), STATUS_OK);
	query_free(query);
	cr_assert_eq(count, 5);
	cr_assert_str_eq(printed(),
	        "JOB       WHAT            STATE      SUBMITTED             TOOK    WHY\n"
	        "c-open    create PKG 1.0  accepted   1970-01-01T00:00:50Z  20.0 s\n"
	        "u-late    update PKG 1.0  expired    1970-01-01T00:00:40Z  1.0 s   why in words (why_code)\n"
	        "u-failed  update PKG 1.0  failed     1970-01-01T00:00:30Z  1.0 s   why in words (why_code)\n"
	        "c-done    create PKG 1.0  completed  1970-01-01T00:00:20Z  1.0 s   why in words (why_code)\n"
	        "u-held    update PKG 1.0  held       1970-01-01T00:00:10Z  1 min   waits for its create, "
	        "which was "
	        "not sent yet\n",
	        "%s", printed());
}

Test(jobs_print_held, says_what_is_missing, .init = begin, .fini = end)
{
	struct query *query;
	size_t count;
	struct error err;

	add_job("u-held", "held", 10000);
	add_point("PKG", "paris", "retrying", "dp_unreachable", 12000); /* so the version was created */
	query = jobs_ask(database, &(struct jobs_asked){.state = "held"});
	cr_assert_eq(jobs_print_held(query, 23300, out, &count, &err), STATUS_OK);
	query_free(query);
	cr_assert_str_eq(printed(),
	        "HELD FOR  JOB     WHAT            STAGED  ENDS IN  WAITS FOR\n"
	        "12.3 s    u-held  update PKG 1.0  1 of 2           paris\n",
	        "%s", printed());
}

Test(failures_print, groups_by_point_and_error_with_the_latest_words, .init = begin, .fini = end)
{
	struct query *query;
	size_t count;
	struct error err;

	add_point("A", "paris", "retrying", "dp_unreachable", 1000);
	add_point("B", "paris", "failed", "dp_unreachable", 2000);
	add_point("C", "paris", "retrying", "dp_full", 3000);
	add_point("D", "tokyo", "retrying", "dp_full", 4000);
	add_point("D", "tokyo", "staged", NULL, 5000);
	add_point("E", "paris", "retrying", "source_missing", 6000);
	add_point("E", "tokyo", "retrying", "source_missing", 6000);
	add_point("F", "tokyo", "failed", "source_missing", 7000);
	query = failures_ask(database, NULL);
	cr_assert_eq(failures_print(query, out, &count, &err), STATUS_OK);
	query_free(query);
	cr_assert_eq(count, 3, "tokyo is well again");
	cr_assert_str_eq(printed(),
	        "source  source_missing: 1 failed, 2 retrying, on 2 distribution points, last "
	        "1970-01-01T00:00:07Z; E, F\n"
	        "    the latest words\n"
	        "paris  dp_unreachable: 1 failed, 1 retrying, last 1970-01-01T00:00:02Z; A, B\n"
	        "    the latest words\n"
	        "paris  dp_full: 1 retrying, last 1970-01-01T00:00:03Z; C\n"
	        "    the latest words\n",
	        "%s", printed());
	query = failures_ask(database, "C");
	cr_assert_eq(failures_print(query, out, &count, &err), STATUS_OK);
	cr_assert_eq(count, 1);
	query_free(query);
}

static void add_staged(const char *package, const char *version, const char *point, int64_t time_ms)
{
	struct fact fact = at(FACT_STAGED, LOG_STAGED, time_ms);

	fact.key = fact.package = view_text(package);
	fact.version = view_text(version);
	fact.point = view_text(point);
	add(fact);
}

static void add_current(const char *package, const char *version, const char *point, int64_t time_ms)
{
	struct fact fact = at(FACT_RELEASE, LOG_STAGED, time_ms);

	fact.key = fact.package = view_text(package);
	fact.version = view_text(version);
	fact.point = view_text(point);
	add(fact);
	fact.type = FACT_UPDATED;
	fact.topic = LOG_UPDATED;
	fact.release_position = fact.position;
	fact.position.offset = next[LOG_UPDATED]++;
	add(fact);
}

Test(matrix_print, has_a_cell_for_each_package_and_point, .init = begin, .fini = end)
{
	struct query *query;
	size_t packages;
	struct error err;

	add_staged("A", "1.1", "paris", 1000);
	add_current("A", "1.1", "paris", 2000);
	add_point("A", "paris", "staged", NULL, 1000);
	add_staged("A", "1.0", "tokyo", 3000);
	add_point("B", "osaka", "retrying", "dp_full", 4000);
	query = state_ask(database, NULL);
	cr_assert_eq(matrix_print(query, out, &packages, &err), STATUS_OK, "%s", err.message);
	query_free(query);
	cr_assert_eq(packages, 2);
	cr_assert_str_eq(printed(),
	        "PACKAGE  osaka         paris  tokyo\n"
	        "A        ·             1.1 ✓  1.0 staged\n"
	        "B        1.0 retrying  ·      ·\n",
	        "%s", printed());
}

Test(state_cell, shows_what_comes_where_something_is_current, .init = begin, .fini = end)
{
	struct query *query;
	struct error err;
	bool row;
	char *cell;

	add_staged("A", "0.9", "paris", 1000);
	add_current("A", "0.9", "paris", 2000);
	add_point("A", "paris", "failed", "source_digest", 9000);
	query = state_ask(database, "A");
	cr_assert_eq(query_next(query, &row, &err), STATUS_OK, "%s", err.message);
	cr_assert(row);
	cell = state_cell(query);
	cr_assert_str_eq(cell, "0.9 → 1.0 failed");
	free(cell);
	cr_assert(view_is(query_text(query, STATE_ERROR), "source_digest"));
	cr_assert(query_next(query, &row, &err) == STATUS_OK && !row, "one row for each point");
	query_free(query);
	query = state_ask(database, "NOT_A");
	cr_assert(query_next(query, &row, &err) == STATUS_OK && !row);
	query_free(query);
}
