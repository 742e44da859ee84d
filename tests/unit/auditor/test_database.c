#include "base/memory.h"
#include "records.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ALL = DATABASE_EVENTS | DATABASE_VALUES };
static const char prefix[] = "holdpoint.";

static struct database *open_ok(const char *path, unsigned flags)
{
	struct database *database = NULL;
	struct error err;

	cr_assert_eq(database_open(path, prefix, flags, &database, &err), STATUS_OK, "%s", err.message);
	return database;
}

static void put(struct database *database, struct fact fact)
{
	struct error err;
	bool is_new = false;

	cr_assert_eq(database_apply(database, &fact, view_text("{}"), &is_new, &err), STATUS_OK, "%s",
	        err.message);
	cr_assert(is_new);
}

static void commit(struct database *database)
{
	struct error err;

	cr_assert_eq(database_commit(database, &err), STATUS_OK, "%s", err.message);
}

static char *dump_of(const struct history *history, unsigned seed)
{
	struct database *database = open_ok(NULL, ALL);
	char *dump;

	cr_assert_eq(history_feed(history, seed, SIZE_MAX, database), history->count);
	commit(database);
	dump = database_dump(database);
	database_close(database);
	return dump;
}

Test(database_apply, gives_the_same_tables_however_the_lanes_are_interleaved)
{
	for (unsigned seed = 1; seed <= 40; seed++) {
		struct history history;
		char *first;

		history_make(&history, seed);
		first = dump_of(&history, 0);
		for (unsigned other = 1; other <= 5; other++) {
			char *again = dump_of(&history, other * 7919);

			cr_assert_str_eq(again, first, "seed %u, interleaving %u", seed, other);
			free(again);
		}
		free(first);
		history_release(&history);
	}
}

Test(database_apply, goes_on_where_a_killed_run_had_committed)
{
	for (unsigned seed = 1; seed <= 10; seed++) {
		const char *path = new_file();
		struct history history;
		size_t added = 0;
		uint64_t committed = 0;
		char *clean, *resumed;
		struct database *database;
		struct error err;

		history_make(&history, seed);
		clean = dump_of(&history, 0);
		for (unsigned run = 0; run < 20; run++) {
			database = open_ok(path, ALL);
			added = history_feed(&history, seed * 31 + run, 1 + run, database);
			committed += database_added(database);
			database_close(database); /* as a kill does: what was not committed is gone */
		}
		database = open_ok(path, ALL);
		added = history_feed(&history, seed, SIZE_MAX, database);
		cr_assert_eq(committed + added, history.count);
		cr_assert_eq(database_check_lanes(database, &err), STATUS_OK, "%s", err.message);
		commit(database);
		resumed = database_dump(database);
		cr_assert_str_eq(resumed, clean, "seed %u", seed);
		database_close(database);
		remove_file();
		free(resumed);
		free(clean);
		history_release(&history);
	}
}

Test(database_apply, changes_nothing_by_a_record_that_it_has_read)
{
	struct database *database = open_ok(NULL, ALL);
	struct fact fact = fact_of(FACT_JOB, LOG_JOBS, 4, 4);
	struct error err;
	bool is_new = true;

	put(database, fact);
	cr_assert_eq(database_apply(database, &fact, view_text("{}"), &is_new, &err), STATUS_OK);
	cr_assert_not(is_new);
	fact.position.offset = 3;
	cr_assert_eq(database_apply(database, &fact, view_text("{}"), &is_new, &err), STATUS_OK);
	cr_assert_not(is_new);
	commit(database);
	cr_assert_eq(database_added(database), 1);
	cr_assert_str_eq(ask(database, "SELECT count(*) FROM event"), "1");
	database_close(database);
}

/* ---- another log, another file */

static void fill_and_close(const char *path)
{
	struct database *database = open_ok(path, ALL);

	cr_assert(database_is_new(database));
	cr_assert_eq(database_first_offset(database, LOG_JOBS, 0), -1);
	put(database, fact_of(FACT_JOB, LOG_JOBS, 4, 4));
	put(database, fact_of(FACT_JOB_STATUS, LOG_STATUS, 9, 4));
	commit(database);
	database_close(database);
}

static void assert_refused(enum status status, const struct error *err, const char *code)
{
	cr_assert_eq(status, STATUS_REJECT, "%d %s", status, err->message);
	cr_assert_str_eq(err->code, code);
}

Test(database_apply, asks_for_the_record_last_read_of_each_lane_and_takes_it_as_read)
{
	struct database *database;
	struct fact job = fact_of(FACT_JOB, LOG_JOBS, 4, 4);
	struct fact status = fact_of(FACT_JOB_STATUS, LOG_STATUS, 9, 4);
	struct error err;
	bool is_new = true;

	fill_and_close(new_file());
	database = open_ok(old_file(), ALL);
	cr_assert_not(database_is_new(database));
	cr_assert_eq(database_first_offset(database, LOG_JOBS, 0), 4);
	cr_assert_eq(database_first_offset(database, LOG_STATUS, 0), 9);
	cr_assert_eq(database_first_offset(database, LOG_JOBS, 1), -1);
	cr_assert_eq(database_apply(database, &job, view_text("{}"), &is_new, &err), STATUS_OK);
	cr_assert_not(is_new);
	assert_refused(database_check_lanes(database, &err), &err, "database_other_log");
	cr_assert_eq(database_apply(database, &status, view_text("{}"), &is_new, &err), STATUS_OK);
	cr_assert_not(is_new);
	cr_assert_eq(database_check_lanes(database, &err), STATUS_OK);
	database_close(database);
	remove_file();
}

Test(database_apply, refuses_a_log_with_another_record_where_it_left_off)
{
	struct fact fact = fact_of(FACT_JOB, LOG_JOBS, 4, 4);
	struct database *database;
	struct error err;

	fill_and_close(new_file());
	database = open_ok(old_file(), ALL);
	fact.log_time_ms++;
	assert_refused(
	        database_apply(database, &fact, view_text("{}"), NULL, &err), &err, "database_other_log");
	database_close(database);
	database = open_ok(old_file(), ALL);
	fact = fact_of(FACT_JOB, LOG_JOBS, 5, 5); /* and the one before it is gone */
	assert_refused(
	        database_apply(database, &fact, view_text("{}"), NULL, &err), &err, "database_other_log");
	database_close(database);
	remove_file();
}

Test(database_commit, keeps_nothing_of_a_log_that_is_not_yet_known_to_be_the_same)
{
	struct database *database;
	struct fact job = fact_of(FACT_JOB, LOG_JOBS, 4, 4);
	struct error err;

	fill_and_close(new_file());
	database = open_ok(old_file(), ALL);
	cr_assert_eq(database_apply(database, &job, view_text("{}"), NULL, &err), STATUS_OK);
	for (int64_t offset = 5; offset < 12000; offset++)
		put(database, fact_of(FACT_JOB, LOG_JOBS, offset, offset));
	commit(database);
	cr_assert_eq(database_added(database), 0);
	database_close(database);
	database = open_ok(old_file(), ALL);
	cr_assert_str_eq(ask(database, "SELECT count(*) FROM event"), "2");
	database_close(database);
	remove_file();
}

static void assert_open_refused(const char *path, const char *of, unsigned flags, const char *code)
{
	struct database *database = NULL;
	struct error err;

	assert_refused(database_open(path, of, flags, &database, &err), &err, code);
	cr_assert_null(database);
	cr_assert_not_null(strstr(err.message, path));
}

Test(database_open, refuses_a_file_of_another_prefix_or_with_other_contents)
{
	const char *path = new_file();

	fill_and_close(path);
	assert_open_refused(path, "other.", ALL, "database_prefix");
	assert_open_refused(path, prefix, DATABASE_EVENTS, "database_prefix");
	database_close(open_ok(path, ALL));
	remove_file();
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	cr_assert_not_null(file);
	fputs(text, file);
	fclose(file);
}

Test(database_open, refuses_a_file_that_is_no_database)
{
	const char *path = new_file();
	char back[64] = "";
	FILE *file;

	write_file(path, "a letter to a friend, and not a short one: it goes on and on and on, to the end\n");
	assert_open_refused(path, prefix, ALL, "database_invalid");
	file = fopen(path, "r");
	cr_assert_not_null(fgets(back, sizeof(back), file));
	fclose(file);
	cr_assert_eq(strncmp(back, "a letter to a friend", 20), 0, "it was changed");
	remove_file();
}

Test(database_open, takes_an_empty_file_as_a_new_one)
{
	const char *path = new_file();
	struct database *database;

	write_file(path, "");
	database = open_ok(path, ALL);
	cr_assert(database_is_new(database));
	database_close(database);
	remove_file();
}

Test(database_open, refuses_tables_of_another_version_or_of_something_else)
{
	const char *path = new_file();
	struct database *database = open_ok(path, ALL);
	struct query *query = query_new(database, "PRAGMA user_version = 2");
	struct error err;
	bool row;

	cr_assert_eq(query_next(query, &row, &err), STATUS_OK);
	query_free(query);
	database_close(database);
	assert_open_refused(path, prefix, ALL, "database_version");
	cr_assert_eq(database_open_reader(path, &database, &err), STATUS_REJECT);
	cr_assert_str_eq(err.code, "database_version");
	remove_file();
}

Test(database_open, refuses_a_folder_that_is_not_there)
{
	assert_open_refused("/nonexistent/history.sqlite", prefix, ALL, "database_unusable");
}

Test(database_apply, refuses_to_go_on_where_another_process_has_written)
{
	const char *path = new_file();
	struct database *one = open_ok(path, ALL), *two = open_ok(path, ALL);
	struct fact fact = fact_of(FACT_JOB, LOG_JOBS, 0, 0);
	struct error err;

	put(one, fact);
	commit(one);
	cr_assert_eq(database_apply(two, &fact, view_text("{}"), NULL, &err), STATUS_RETRY);
	cr_assert_str_eq(err.code, "database_busy");
	database_close(two);
	fact.position.offset = 1;
	put(one, fact);
	commit(one);
	database_close(one);
	remove_file();
}

Test(database_open_reader, reads_what_was_committed_while_more_is_written)
{
	const char *path = new_file();
	struct database *writer = open_ok(path, ALL), *reader = NULL;
	struct error err;

	put(writer, fact_of(FACT_JOB, LOG_JOBS, 0, 0));
	commit(writer);
	cr_assert_eq(database_open_reader(path, &reader, &err), STATUS_OK, "%s", err.message);
	cr_assert_eq(database_begin_reading(reader, &err), STATUS_OK);
	cr_assert_str_eq(ask(reader, "SELECT count(*) FROM event"), "1");
	put(writer, fact_of(FACT_JOB, LOG_JOBS, 1, 1));
	commit(writer);
	cr_assert_str_eq(
	        ask(reader, "SELECT count(*) FROM event"), "1", "one state until the end of the reading");
	database_end_reading(reader);
	cr_assert_str_eq(ask(reader, "SELECT count(*) FROM event"), "2");
	database_close(reader);
	database_close(writer);
	remove_file();
}

Test(database_open_reader, keeps_nothing_of_the_tables_once_it_has_read)
{
	const char *path = new_file();
	struct database *writer = open_ok(path, ALL), *reader = NULL;
	struct error err;

	for (int64_t i = 0; i < 40000; i++)
		put(writer, fact_of(FACT_JOB, LOG_JOBS, i, i));
	commit(writer);
	cr_assert_eq(database_open_reader(path, &reader, &err), STATUS_OK, "%s", err.message);
	int64_t before = sqlite3_memory_used();
	cr_assert_eq(database_begin_reading(reader, &err), STATUS_OK);
	cr_assert_str_eq(ask(reader, "SELECT count(*) FROM event WHERE length(value) > 0"), "40000");
	cr_assert_geq(sqlite3_memory_used() - before, 200000, "too little is read to tell");
	cr_assert_leq(sqlite3_memory_used() - before, 600000, "it would be more with every record");
	database_end_reading(reader);
	cr_assert_leq(sqlite3_memory_used() - before, 50000);
	database_close(reader);
	database_close(writer);
	remove_file();
}

/* ---- what facts mean */

Test(job, is_submitted_until_a_worker_speaks_of_it)
{
	struct database *database = open_ok(NULL, 0);
	struct fact fact = fact_of(FACT_JOB, LOG_JOBS, 7, 7);

	put(database, fact);
	cr_assert_str_eq(
	        ask(database, "SELECT job_id, package, version, type, state, final, submitted FROM job"),
	        "c-1|PKG|1.0|create|submitted|0|1007");
	database_close(database);
}

static void put_status(struct database *database, int64_t offset, const char *state, bool final)
{
	struct fact fact = fact_of(FACT_JOB_STATUS, LOG_STATUS, offset, 7);

	fact.state = view_text(state);
	fact.final = final;
	if (strcmp(state, "accepted") == 0)
		fact.points = view_text("[\"paris\",\"tokyo\"]");
	if (strcmp(state, "held") == 0) {
		fact.waiting_targets = 2;
		fact.waiting_staged = 1;
		fact.missing = view_text("[\"tokyo\"]");
	}
	if (final)
		fact.outcomes = view_text("{\"paris\":\"completed\"}");
	put(database, fact);
}

Test(job, lives_by_its_status_and_ends_once)
{
	struct database *database = open_ok(NULL, 0);
	struct fact release = fact_of(FACT_RELEASE, LOG_STAGED, 30, 7);

	put_status(database, 10, "accepted", false);
	put_status(database, 20, "held", false);
	put(database, release);
	put_status(database, 40, "completed", true);
	put_status(database, 50, "failed", true);
	cr_assert_str_eq(ask(database, "SELECT state, final, accepted, held, released, ended, waiting_staged,"
	                               " waiting_targets, waiting_missing, outcomes FROM job"),
	        "completed|1|1010|1020|1030|1040|1|2|[\"tokyo\"]|{\"paris\":\"completed\"}");
	cr_assert_str_eq(ask(database, "SELECT ms, until FROM hold_times"), "10|1030");
	cr_assert_str_eq(
	        ask(database, "SELECT accepted_to_held, held_to_released, to_ended FROM job_durations"),
	        "10|10|10");
	database_close(database);
}

Test(job, tells_times_by_the_logs_clock_so_that_they_compare)
{
	struct database *database = open_ok(NULL, 0);
	struct fact status = fact_of(FACT_JOB_STATUS, LOG_STATUS, 10, 7);

	put(database, fact_of(FACT_JOB, LOG_JOBS, 7, 7));
	status.time_ms = 990; /* a worker's clock that is late */
	status.state = view_text("accepted");
	put(database, status);
	cr_assert_str_eq(ask(database, "SELECT submitted, accepted FROM job"), "1007|1010");
	cr_assert_str_eq(ask(database, "SELECT submitted_to_accepted FROM job_durations"), "3");
	database_close(database);
}

Test(job, that_is_a_duplicate_rerouted_or_dead_says_so)
{
	struct database *database = open_ok(NULL, ALL);
	struct fact duplicate = fact_of(FACT_DUPLICATE, LOG_STATUS, 1, 0);
	struct fact rerouted = fact_of(FACT_JOB, LOG_JOBS, 6, 6);
	struct fact dead = fact_of(FACT_DEAD_LETTER, LOG_DLQ, 1, 0);

	duplicate.original = (struct position){0, 2};
	duplicate.duplicate = (struct position){0, 3};
	dead.origin_topic = view_text("holdpoint.jobs");
	rerouted.origin = (struct position){1, 0}; /* as fact_read() tells it: its headers name no topic */
	dead.origin = (struct position){1, 9};
	put(database, duplicate);
	put(database, rerouted);
	put(database, dead);
	cr_assert_str_eq(ask(database, "SELECT partition, \"offset\", state, final, detail FROM job"
	                               " WHERE state = 'duplicate'"),
	        "0|3|duplicate|1|the same as 0-2");
	cr_assert_str_eq(
	        ask(database, "SELECT state FROM job WHERE partition = 1 AND \"offset\" = 0"), "rerouted");
	cr_assert_str_eq(
	        ask(database, "SELECT state FROM job WHERE partition = 1 AND \"offset\" = 9"), "dead_letter");
	cr_assert_str_eq(ask(database, "SELECT count(*) FROM job WHERE NOT final"), "1");
	cr_assert_str_eq(
	        ask(database, "SELECT origin_topic FROM event WHERE topic = 'jobs'"), "holdpoint.jobs");
	database_close(database);
}

Test(copy, is_wanted_once_a_create_is_accepted)
{
	struct database *database = open_ok(NULL, 0);

	put(database, fact_of(FACT_JOB, LOG_JOBS, 7, 7));
	cr_assert_str_eq(ask(database, "SELECT count(*) FROM copy"), "0");
	put_status(database, 10, "accepted", false);
	cr_assert_str_eq(ask(database, "SELECT group_concat(distribution_point || state || since) FROM copy"),
	        "parispending1010,tokyopending1010");
	cr_assert_str_eq(ask(database, "SELECT state FROM current_state"), "pending");
	database_close(database);
}

Test(copy, of_an_update_is_wanted_only_where_that_has_content)
{
	for (int content = 0; content <= 1; content++) {
		struct database *database = open_ok(NULL, 0);
		struct fact job = fact_of(FACT_JOB, LOG_JOBS, 7, 7);
		struct fact status = fact_of(FACT_JOB_STATUS, LOG_STATUS, 1, 7);

		job.job_type = status.job_type = view_text("update");
		job.has_content = content;
		status.state = view_text("accepted");
		status.points = view_text("[\"lima\"]");
		put(database, status);
		put(database, job);
		cr_assert_str_eq(ask(database, "SELECT count(*) FROM copy"), content ? "1" : "0");
		database_close(database);
	}
}

static struct fact point_status(int64_t offset, const char *state)
{
	struct fact fact = fact_of(FACT_POINT, LOG_STATUS, offset, 7);

	fact.state = view_text(state);
	fact.attempt = 1;
	if (strcmp(state, "retrying") == 0)
		fact.reason = view_text("dp_unreachable");
	return fact;
}

Test(copy, says_since_when_it_is_what_it_is)
{
	struct database *database = open_ok(NULL, ALL);

	put(database, point_status(1, "retrying"));
	put(database, point_status(2, "retrying"));
	cr_assert_str_eq(
	        ask(database, "SELECT state, since, error FROM copy"), "retrying|1001|dp_unreachable");
	cr_assert_str_eq(ask(database, "SELECT distribution_point, error, times, copies_now"
	                               " FROM failures_by_distribution_point"),
	        "paris|dp_unreachable|2|1");
	put(database, point_status(3, "staged"));
	cr_assert_str_eq(ask(database, "SELECT state, since, error FROM copy"), "staged|1003|NULL");
	database_close(database);
}

static struct fact failing(int64_t offset, const char *state, const char *code)
{
	struct fact fact = point_status(offset, state);

	fact.reason = view_text(code);
	return fact;
}

Test(copy, says_whether_its_source_is_at_fault_also_once_it_expired)
{
	struct database *database = open_ok(NULL, ALL);
	static const char sql[] = "SELECT state, error, source_fault FROM copy";

	put(database, failing(1, "retrying", "source_missing"));
	cr_assert_str_eq(ask(database, sql), "retrying|source_missing|1");
	put(database, failing(2, "failed", "expired"));
	cr_assert_str_eq(ask(database, sql), "failed|expired|1");
	put(database, failing(3, "retrying", "dp_timeout"));
	cr_assert_str_eq(ask(database, sql), "retrying|dp_timeout|0");
	put(database, failing(4, "failed", "expired"));
	cr_assert_str_eq(ask(database, sql), "failed|expired|0");
	cr_assert_str_eq(
	        ask(database, "SELECT distribution_point, error FROM failing_copy"), "paris|expired");
	cr_assert_str_eq(ask(database, "SELECT group_concat(error || ' ' || source_fault) FROM"
	                               " (SELECT * FROM failures_by_distribution_point ORDER BY error)"),
	        "dp_timeout 0,expired 0,source_missing 1");
	put(database, point_status(5, "pending"));
	cr_assert_str_eq(ask(database, "SELECT count(*) FROM failing_copy"), "0");
	database_close(database);
}

Test(current_state, goes_from_staged_by_updating_to_current_and_back_to_pending_where_content_was_lost)
{
	struct database *database = open_ok(NULL, 0);
	struct fact release = fact_of(FACT_RELEASE, LOG_STAGED, 5, 8);
	static const char sql[] = "SELECT desired, staged, live, state FROM current_state";

	put(database, fact_of(FACT_STAGED, LOG_STAGED, 4, 7));
	put(database, point_status(4, "staged"));
	cr_assert_str_eq(ask(database, sql), "NULL|1.0|NULL|staged");
	put(database, release);
	cr_assert_str_eq(ask(database, sql), "1.0|1.0|NULL|updating");
	put(database, fact_of(FACT_UPDATED, LOG_UPDATED, 6, 8));
	put(database, point_status(6, "updated"));
	cr_assert_str_eq(ask(database, sql), "1.0|1.0|1.0|current");
	put(database, point_status(9, "pending"));
	cr_assert_str_eq(ask(database, sql), "1.0|NULL|1.0|pending");
	put(database, fact_of(FACT_STAGED, LOG_STAGED, 10, 7));
	put(database, point_status(10, "staged"));
	cr_assert_str_eq(ask(database, sql), "1.0|1.0|1.0|current");
	database_close(database);
}

Test(event, keeps_every_record_and_its_value)
{
	struct database *database = open_ok(NULL, ALL);
	struct fact fact = fact_at(FACT_UNREADABLE, LOG_STATUS, 3, 11);
	struct error err;

	fact.key = view_text("PKG");
	fact.reason = view_text("invalid_json");
	cr_assert_eq(database_apply(database, &fact, (struct view){"a\0b", 3}, NULL, &err), STATUS_OK);
	fact.position.offset++;
	cr_assert_eq(database_apply(database, &fact, (struct view){0}, NULL, &err), STATUS_OK);
	cr_assert_str_eq(ask(database, "SELECT type, package, reason, size, hex(value) FROM event"),
	        "unreadable|PKG|invalid_json|3|610062");
	cr_assert_str_eq(ask(database, "SELECT size, value FROM event WHERE \"offset\" = 12"), "0|NULL");
	database_close(database);
}

Test(event, leaves_values_out_where_they_are_not_wanted)
{
	struct database *database = open_ok(NULL, DATABASE_EVENTS);

	put(database, fact_of(FACT_JOB, LOG_JOBS, 0, 0));
	cr_assert_str_eq(ask(database, "SELECT size, value FROM event"), "2|NULL");
	database_close(database);
}

Test(query, binds_and_gives_back_texts_and_numbers)
{
	struct database *database = open_ok(NULL, 0);
	struct query *query = query_new(database, "SELECT ? AS a, ? AS b, ?, ?");
	struct error err;
	bool row = false;

	query_bind_text(query, (struct view){"x\0y", 3});
	query_bind_int(query, INT64_MIN);
	query_bind_words(query, "");
	query_bind_words(query, NULL);
	cr_assert_eq(query_next(query, &row, &err), STATUS_OK);
	cr_assert(row);
	cr_assert_eq(query_text(query, 0).len, 3);
	cr_assert(query_is_int(query, 1));
	cr_assert_eq(query_int(query, 1), INT64_MIN);
	cr_assert_not_null(query_text(query, 2).data);
	cr_assert_eq(query_text(query, 2).len, 0);
	cr_assert(query_is_null(query, 3));
	cr_assert_null(query_text(query, 3).data);
	cr_assert_str_eq(query_name(query, 1), "b");
	cr_assert_eq(query_next(query, &row, &err), STATUS_OK);
	cr_assert_not(row);
	query_free(query);
	database_close(database);
}

Test(query, says_at_its_first_row_what_is_wrong_with_it)
{
	struct database *database = open_ok(NULL, 0);
	struct query *query = query_new(database, "SELECT a FROM nowhere WHERE a = ?");
	struct error err;
	bool row;

	query_bind_int(query, 1);
	cr_assert_eq(query_next(query, &row, &err), STATUS_FATAL);
	cr_assert_str_eq(err.code, "database_failed");
	cr_assert_not_null(strstr(err.message, "nowhere"));
	query_free(query);
	database_close(database);
}
