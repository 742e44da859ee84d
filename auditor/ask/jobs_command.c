/* holdpoint-auditor jobs, held, failed: how jobs stand, what they wait for, and what goes wrong. */
#include "auditor/ask/commands.h"
#include "auditor/ask/failures.h"
#include "auditor/ask/jobs.h"
#include "auditor/history/history.h"
#include "auditor/history/rows.h"
#include "auditor/reading/cut.h"
#include "auditor/reading/question.h"
#include "auditor/reading/reading.h"
#include "base/clock.h"
#include "command/moment.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PACKAGE_OPTION                                                                                       \
	{                                                                                                    \
		.name = "package", .argument = "PKG", .help = "only of this package"                         \
	}

/* What is asked for, and the log up to there. */
struct asked {
	int64_t now_ms; /* of the cut */
	struct database *database;
	bool json;
};

static enum status read_history(const struct options *options, struct asked *ret, struct error *err)
{
	int64_t now_ms = clock_wall_ms();
	struct cut cut;
	enum status status = cut_find(options, now_ms, &cut, err);

	*ret = (struct asked){.now_ms = now_ms, .json = options_switch(options, "json")};
	if (status != STATUS_OK)
		return status;
	if (cut.until_ms < now_ms)
		ret->now_ms = cut.until_ms;
	return history_read(options, &cut, options_text(options, "package"), &ret->database, err);
}

/* ---- jobs ---- */

static const struct option_spec jobs_options[] = {
        {.name = "state",
                .argument = "STATE",
                .help = "only those in this state: open (the default), submitted, accepted, held, "
                        "completed, failed, expired, superseded, canceled, rejected, duplicate, "
                        "dead_letter, or dead (failed, rejected, expired)"},
        {.name = "all", .help = "also those that have ended"},
        PACKAGE_OPTION,
        CUT_OPTIONS,
        OPTION_JSON,
        OPTION_TIMEOUT,
        REPLAY_OPTIONS,
        {.name = NULL},
};

static const struct command_spec jobs_command = {
        .name = "holdpoint-auditor jobs",
        .usage = "[OPTION]…",
        .summary = "Lists the jobs that have not ended yet, or others, the newest first.",
        .examples = "holdpoint-auditor jobs -b localhost:9092\n"
                    "holdpoint-auditor jobs -b localhost:9092 --package HELLO --all\n"
                    "holdpoint-auditor jobs -b localhost:9092 --state expired --json\n",
        .options = jobs_options,
        .kafka = true,
};

static enum status read_state(const struct options *options, const char **ret, struct error *err)
{
	const char *state = options_text(options, "state"), *words;

	if (state && options_switch(options, "all"))
		return error_set(err, STATUS_REJECT, "usage",
		        "--state and --all exclude each other: give one of them");
	if (state && !jobs_state_is_known(state, &words))
		return error_set(err, STATUS_REJECT, "usage", "--state: must be %s; is %s", words, state);
	*ret = options_switch(options, "all") ? "all" : state;
	return STATUS_OK;
}

/* The jobs asked for, as one of jobs.h's tables or as JSON; none: these words. */
static enum status list(struct asked *asked, const struct jobs_asked *jobs,
        enum status (*print)(
                struct query *query, int64_t now_ms, FILE *out, size_t *ret_count, struct error *err),
        const char *none, size_t *ret_count, struct error *err)
{
	struct query *query = jobs_ask(asked->database, jobs);
	enum status status = asked->json ? rows_print_json(query, NULL, stdout, ret_count, err)
	                                 : print(query, asked->now_ms, stdout, ret_count, err);

	if (status == STATUS_OK && !*ret_count && !asked->json)
		puts(none);
	query_free(query);
	return status;
}

static enum status list_jobs(const struct options *options, struct error *err)
{
	struct jobs_asked jobs = {.package = options_text(options, "package")};
	struct asked asked;

	if (read_state(options, &jobs.state, err) != STATUS_OK)
		return err->status;
	if (read_history(options, &asked, err) != STATUS_OK)
		return err->status;
	size_t count;
	enum status status = list(&asked, &jobs, jobs_print,
	        jobs.state ? "There is no such job." : "No job is open: all have ended (--all shows them).",
	        &count, err);

	database_close(asked.database);
	return status;
}

int run_jobs(int argc, char **argv)
{
	return question_run(&jobs_command, list_jobs, argc, argv);
}

/* ---- held ---- */

static const struct option_spec held_options[] = {
        {.name = "older-than",
                .argument = "DURATION",
                .help = "only those that have been held for so long, such as PT10M"},
        PACKAGE_OPTION,
        CUT_OPTIONS,
        OPTION_JSON,
        OPTION_TIMEOUT,
        REPLAY_OPTIONS,
        {.name = NULL},
};

static const struct command_spec held_command = {
        .name = "holdpoint-auditor held",
        .usage = "[OPTION]…",
        .summary = "Lists the updates that are held: what each waits for, since when, and when its deadline "
                   "ends the waiting; the one held longest first.",
        .examples = "holdpoint-auditor held -b localhost:9092\n"
                    "holdpoint-auditor held -b localhost:9092 --older-than PT10M --json\n",
        .options = held_options,
        .kafka = true,
};

/* Nobody is to take silence about the young, or about what no stager has read yet, for an answer on all. */
static enum status tell_others(const struct asked *asked, struct error *err)
{
	int64_t held, submitted;

	if (database_number(asked->database, "SELECT count(*) FROM job WHERE state = 'held'", &held, err) !=
	                STATUS_OK ||
	        database_number(asked->database, "SELECT count(*) FROM job WHERE state = 'submitted'",
	                &submitted, err) != STATUS_OK)
		return err->status;
	if (held)
		fprintf(stderr, "%" PRId64 " %s held, for less (leave out --older-than to see %s).\n", held,
		        held == 1 ? "is" : "are", held == 1 ? "it" : "them");
	if (submitted)
		fprintf(stderr,
		        "%" PRId64 " %s sent, and no stager has answered yet (holdpoint-auditor jobs).\n",
		        submitted, submitted == 1 ? "was" : "were");
	return STATUS_OK;
}

static enum status list_held(const struct options *options, struct error *err)
{
	struct jobs_asked jobs = {
	        .package = options_text(options, "package"), .state = "held", .longest_held_first = true};
	int64_t older_ms;
	struct asked asked;

	if (option_duration(options, "older-than", &older_ms, err) != STATUS_OK)
		return err->status;
	if (read_history(options, &asked, err) != STATUS_OK)
		return err->status;
	if (older_ms)
		jobs.held_before_ms = asked.now_ms - older_ms;
	size_t count;
	enum status status = list(&asked, &jobs, jobs_print_held,
	        older_ms ? "Nothing has been held for so long." : "Nothing is held.", &count, err);

	if (status == STATUS_OK && !count && !asked.json)
		status = tell_others(&asked, err);
	database_close(asked.database);
	return status;
}

int run_held(int argc, char **argv)
{
	return question_run(&held_command, list_held, argc, argv);
}

/* ---- failed ---- */

static const struct option_spec failed_options[] = {
        {.name = "since",
                .argument = "TIME",
                .help = "only jobs that ended since: a time (2026-11-22T10:00:00Z) or a duration (PT1H: that "
                        "long ago)"},
        PACKAGE_OPTION,
        CUT_OPTIONS,
        OPTION_JSON,
        OPTION_TIMEOUT,
        REPLAY_OPTIONS,
        {.name = NULL},
};

static const struct command_spec failed_command = {
        .name = "holdpoint-auditor failed",
        .usage = "[OPTION]…",
        .summary = "Tells what failed and why: the distribution points that keep copies from being staged or "
                   "made current, by error, and the jobs that failed, were rejected or expired, the newest "
                   "first.",
        .examples = "holdpoint-auditor failed -b localhost:9092\n"
                    "holdpoint-auditor failed -b localhost:9092 --since PT1H --json\n",
        .options = failed_options,
        .kafka = true,
};

static enum status tell_points(
        const struct asked *asked, const char *package, size_t *ret_count, struct error *err)
{
	struct query *query = failures_ask(asked->database, package);
	enum status status = asked->json
	                             ? rows_print_json(query, "distribution_point", stdout, ret_count, err)
	                             : failures_print(query, stdout, ret_count, err);

	query_free(query);
	return status;
}

static enum status tell_jobs(const struct asked *asked, const struct jobs_asked *jobs, bool apart,
        size_t *ret_count, struct error *err)
{
	struct query *query = jobs_ask(asked->database, jobs);

	if (apart && !asked->json)
		putchar('\n');
	enum status status = asked->json ? rows_print_json(query, "job", stdout, ret_count, err)
	                                 : jobs_print_dead(query, stdout, ret_count, err);

	query_free(query);
	return status;
}

/* Records that are no jobs: each is a dead letter, whose reason lies there. */
static enum status tell_rest(const struct asked *asked, size_t told, struct error *err)
{
	int64_t unread;

	if (database_number(asked->database, "SELECT count(*) FROM job WHERE state = 'dead_letter'", &unread,
	            err) != STATUS_OK)
		return err->status;
	if (unread)
		printf("%s%" PRId64 " %s could not be read as %s; holdpoint-auditor dlq list says why.\n",
		        told ? "\n" : "", unread, unread == 1 ? "record" : "records",
		        unread == 1 ? "a job" : "jobs");
	else if (!told)
		puts("Nothing failed.");
	return STATUS_OK;
}

static enum status tell_failed(const struct options *options, struct error *err)
{
	struct jobs_asked jobs = {.package = options_text(options, "package"), .state = "dead"};
	struct asked asked;
	size_t points = 0, dead = 0;

	if (option_moment(options, "since", clock_wall_ms(), 0, &jobs.ended_after_ms, err) != STATUS_OK)
		return err->status;
	if (read_history(options, &asked, err) != STATUS_OK)
		return err->status;
	enum status status = tell_points(&asked, jobs.package, &points, err);

	if (status == STATUS_OK)
		status = tell_jobs(&asked, &jobs, points > 0, &dead, err);
	if (status == STATUS_OK && !asked.json)
		status = tell_rest(&asked, points + dead, err);
	database_close(asked.database);
	return status;
}

int run_failed(int argc, char **argv)
{
	return question_run(&failed_command, tell_failed, argc, argv);
}
