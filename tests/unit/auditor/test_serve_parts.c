/* What serve keeps beside the database: where it stands, who reads, and a file that nobody keeps. */
#include "records.h"

#include "auditor/serve/readers.h"
#include "auditor/serve/scratch.h"
#include "auditor/serve/standing.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MINUTE = 60000 };

static void count_at(struct standing *standing, enum fact_type type, enum log_topic topic, int64_t time_ms)
{
	struct fact fact = fact_of(type, topic, 0, 0);

	fact.log_time_ms = fact.time_ms = time_ms;
	standing_count(standing, &fact);
}

Test(standing, counts_by_minute_and_forgets_what_is_over_an_hour_old)
{
	struct standing *standing = standing_new();
	struct minute minutes[STANDING_MINUTES];
	const int64_t now = 1000 * INT64_C(60) * MINUTE + 5000;

	count_at(standing, FACT_JOB, LOG_JOBS, now - 60 * MINUTE);
	count_at(standing, FACT_JOB, LOG_JOBS, now - 59 * MINUTE);
	count_at(standing, FACT_STAGED, LOG_STAGED, now);
	count_at(standing, FACT_STAGED, LOG_STAGED, now + 10);
	count_at(standing, FACT_UPDATED, LOG_UPDATED, now);
	standing_minutes(standing, now, minutes);
	cr_expect_eq(minutes[0].minute_ms, now - 5000 - 59 * MINUTE);
	cr_expect_eq(minutes[0].jobs, 1, "the one before is not of this hour");
	cr_expect_eq(minutes[59].staged, 2);
	cr_expect_eq(minutes[59].updated, 1);
	cr_expect_eq(minutes[58].staged, 0);
	count_at(standing, FACT_JOB, LOG_JOBS,
	        now - 60 * MINUTE); /* comes late, into a minute that is taken */
	standing_minutes(standing, now, minutes);
	cr_expect_eq(minutes[59].jobs, 0);
	standing_free(standing);
}

static void add_staged(const struct point_counts *counts, void *total)
{
	*(uint64_t *)total += counts->staged;
	cr_expect_eq(counts->last_staged_ms, 2000);
}

Test(standing, keeps_the_latest_time_of_each_point)
{
	struct standing *standing = standing_new();
	uint64_t total = 0;

	count_at(standing, FACT_STAGED, LOG_STAGED, 2000);
	count_at(standing, FACT_STAGED, LOG_STAGED, 1000);
	standing_each_point(standing, add_staged, &total);
	cr_expect_eq(total, 2);
	standing_free(standing);
}

Test(readers, lend_each_database_to_one_at_a_time, .timeout = 30)
{
	struct database *writer;
	struct readers *readers;
	struct error err;
	const char *path = new_file();

	cr_assert_eq(database_open(path, "test.", 0, &writer, &err), STATUS_OK);
	cr_assert_eq(readers_open(path, 2, &readers, &err), STATUS_OK);
	struct database *one = readers_take(readers, 0, &err), *two = readers_take(readers, 0, &err);
	cr_assert(one && two && one != two);
	cr_expect_null(readers_take(readers, 1, &err));
	cr_expect_str_eq(err.code, "busy");
	readers_give_back(readers, two);
	cr_expect_eq(readers_take(readers, 0, &err), two);
	readers_give_back(readers, one);
	readers_give_back(readers, two);
	readers_close(readers);
	database_close(writer);
	remove_file();
}

Test(readers, fail_where_there_is_no_database)
{
	struct readers *readers;
	struct error err;

	cr_expect_neq(readers_open("/nonexistent/history.db", 2, &readers, &err), STATUS_OK);
	cr_expect_str_eq(err.code, "database_unusable");
}

Test(scratch, is_used_on_after_it_has_no_name_any_more)
{
	struct scratch *scratch;
	struct database *writer;
	struct readers *readers;
	struct error err;
	struct stat at;

	cr_assert_eq(scratch_new(&scratch, &err), STATUS_OK, "%s", err.message);
	cr_assert_eq(
	        database_open(scratch_path(scratch), "test.", DATABASE_EVENTS, &writer, &err), STATUS_OK);
	cr_assert_eq(stat(scratch_path(scratch), &at), 0);
	cr_assert_eq(readers_open(scratch_path(scratch), 1, &readers, &err), STATUS_OK);
	scratch_unlink(scratch);
	cr_expect_neq(stat(scratch_path(scratch), &at), 0);
	for (int64_t i = 0; i < 30000; i++) { /* enough for checkpoints */
		struct fact fact = fact_of(FACT_STAGED, LOG_STAGED, i, 0);
		cr_assert_eq(database_apply(writer, &fact, view_text("{}"), NULL, &err), STATUS_OK, "%s",
		        err.message);
	}
	cr_assert_eq(database_commit(writer, &err), STATUS_OK, "%s", err.message);
	struct database *reader = readers_take(readers, 0, &err);
	int64_t count;
	cr_assert_eq(database_number(reader, "SELECT count(*) FROM event", &count, &err), STATUS_OK, "%s",
	        err.message);
	cr_expect_eq(count, 30000);
	readers_give_back(readers, reader);
	readers_close(readers);
	database_close(writer);
	scratch_free(scratch);
}

Test(scratch, says_what_to_do_where_it_cannot_be)
{
	struct scratch *scratch;
	struct error err;

	setenv("TMPDIR", "/nonexistent", 1);
	cr_expect_eq(scratch_new(&scratch, &err), STATUS_REJECT);
	cr_expect_str_eq(err.code, "database_unusable");
}

Test(database_set_time, ends_a_question_that_takes_too_long, .timeout = 30)
{
	static const char endless[] =
	        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
	struct database *writer, *reader;
	struct error err;
	int64_t count;

	cr_assert_eq(database_open(new_file(), "test.", 0, &writer, &err), STATUS_OK);
	cr_assert_eq(database_open_reader(old_file(), &reader, &err), STATUS_OK);
	database_set_time(reader, 50);
	cr_expect_eq(database_number(reader, endless, &count, &err), STATUS_RETRY);
	cr_expect_str_eq(err.code, "database_slow");
	database_set_time(reader, 60000);
	cr_expect_eq(database_number(reader, "SELECT 7", &count, &err), STATUS_OK);
	cr_expect_eq(count, 7);
	database_close(reader);
	database_close(writer);
	remove_file();
}
