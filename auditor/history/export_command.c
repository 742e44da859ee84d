/* holdpoint-auditor export: the history into a file of tables, which is brought up to date by the next run.
 */
#include "auditor/history/export_command.h"
#include "auditor/history/database.h"
#include "auditor/reading/question.h"
#include "base/clock.h"
#include "command/terminal.h"
#include "schemas/json.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { IDLE_MS = 500, BUSY_MS = 50, AWAY_MS = 100, LOOK_AROUND_EVERY = 256, LINE_MAX = 65536 };

static const struct option_spec options_own[] = {
        {.name = "follow", .help = "go on with what comes, until SIGINT or SIGTERM"},
        {.name = "no-values", .help = "leave out the records themselves: what they say stays, in columns"},
        OPTION_JSON,
        OPTION_TIMEOUT,
        REPLAY_OPTIONS,
        {.name = NULL},
};

static const struct command_spec spec = {
        .name = "holdpoint-auditor export",
        .usage = "[OPTION]… FILE",
        .summary = "Writes the history into an SQLite database, for questions in SQL. Where FILE is there "
                   "already, only what is new is added; a run that is killed leaves it whole. Its tables and "
                   "views are told in docs/auditing.md.",
        .examples = "holdpoint-auditor export -b localhost:9092 history.sqlite\n"
                    "holdpoint-auditor export -b localhost:9092 --follow history.sqlite\n"
                    "sqlite3 -box history.sqlite 'SELECT * FROM current_state'\n",
        .options = options_own,
        .kafka = true,
        .least_arguments = 1,
        .most_arguments = 1,
};

struct export
{
	struct database *database;
	struct replay *replay;
	struct fact_reader *reader;
	struct meter meter;
	sigset_t signals; /* that end it, and are blocked: none where it ends by itself */
	int64_t timeout_ms, heard_ms;
	bool follow;
	bool checked; /* every lane has shown where the last run left off */
	bool dirty;   /* something may be left to commit */
	bool stopped;
	uint64_t seen;
};

/* Shows the meter, and sees for so long whether it is to end. */
static void look_around(struct export *export, int64_t wait_ms)
{
	const struct timespec wait = {.tv_nsec = wait_ms * 1000000};
	uint64_t done, total;

	replay_progress(export->replay, &done, &total);
	meter_show(&export->meter, done, export->checked ? 0 : total);
	if (sigtimedwait(&export->signals, NULL, &wait) > 0)
		export->stopped = true;
}

static enum status take_in(struct export *export, const struct replay_record *record, struct error *err)
{
	struct fact fact;

	fact_read(export->reader, record, export->replay, &fact);
	export->dirty = true;
	export->heard_ms = clock_monotonic_ms();
	if (++export->seen % LOOK_AROUND_EVERY == 0)
		look_around(export, 0);
	return database_apply(export->database, &fact, record->value, NULL, err);
}

static enum status commit(struct export *export, struct error *err)
{
	export->dirty = false;
	return database_commit(export->database, err);
}

/* Nothing came for now; away: brokers are not reachable. */
static enum status rest(struct export *export, bool away, struct error *err)
{
	enum status status = STATUS_OK;

	if (replay_is_past_end(export->replay)) {
		export->heard_ms = clock_monotonic_ms();
		if (!export->checked)
			status = database_check_lanes(export->database, err);
		export->checked = true;
		export->stopped = export->stopped || !export->follow;
	}
	if (status == STATUS_OK && export->dirty)
		status = commit(export, err);
	look_around(export, away ? AWAY_MS : 0);
	if (status == STATUS_OK && !export->follow &&
	        clock_monotonic_ms() - export->heard_ms >= export->timeout_ms)
		return error_set(err, STATUS_RETRY, "kafka_unreachable",
		        "nothing came from Kafka for %lld s, and the end of the log is not reached; is a "
		        "broker down? Run it again, and it goes on from here",
		        (long long)export->timeout_ms / 1000);
	return status;
}

/* Where a log is shorter than what was read of it, reading fails in Kafka's words; say it in ours. */
static enum status judge(const struct export *export, struct error *err)
{
	struct error other;

	if (strcmp(err->code, "log_truncated") == 0 && !export->checked &&
	        database_check_lanes(export->database, &other) != STATUS_OK)
		*err = other;
	return err->status;
}

static enum status run(struct export *export, struct error *err)
{
	enum status status = STATUS_OK;

	meter_start(&export->meter, "exporting", "records");
	export->heard_ms = clock_monotonic_ms();
	while (status == STATUS_OK && !export->stopped) {
		struct replay_record record;
		bool found = false;

		status = replay_next(export->replay, export->dirty ? BUSY_MS : IDLE_MS, &record, &found, err);
		if (status == STATUS_OK && found)
			status = take_in(export, &record, err);
		else if (status == STATUS_OK || status == STATUS_RETRY)
			status = rest(export, status == STATUS_RETRY, err);
		else
			status = judge(export, err);
	}
	meter_end(&export->meter);
	return status == STATUS_OK ? commit(export, err) : status;
}

static void tell(const struct options *options, const struct export *export)
{
	const char *file = options_argument(options, 0);
	uint64_t added = database_added(export->database);
	struct buffer line;

	if (!options_switch(options, "json")) {
		printf("%ju records added to %s\n", (uintmax_t)added, file);
		return;
	}
	buffer_init(&line, LINE_MAX);
	json_begin(&line, '{');
	json_put_text(&line, "file", file);
	json_put_uint(&line, "added", added);
	json_end(&line, '}');
	puts(line.data);
	buffer_release(&line);
}

static enum status open_all(const struct options *options, struct export *export, struct error *err)
{
	unsigned flags = DATABASE_EVENTS | (options_switch(options, "no-values") ? 0 : DATABASE_VALUES);
	struct replay_spec replay = {.topics = LOG_ALL,
	        .until_time_ms = INT64_MAX,
	        .first_offset = database_first_offset,
	        .follow = export->follow};
	enum status status = option_timeout(options, &export->timeout_ms, err);

	if (status == STATUS_OK)
		status = database_open(
		        options_argument(options, 0), options_prefix(options), flags, &export->database, err);
	if (status != STATUS_OK)
		return status;
	replay.timeout_ms = export->timeout_ms;
	replay.context = export->database;
	return replay_open(options, &replay, &export->replay, err);
}

static enum status export_history(const struct options *options, struct error *err)
{
	struct export export = {.follow = options_switch(options, "follow")};
	enum status status;

	if (export.follow && options_text(options, "dump"))
		return error_set(err, STATUS_REJECT, "usage", "--follow: a dump ends; follow a Kafka (-b)");
	sigemptyset(&export.signals);
	if (export.follow) { /* before there are threads, which are to have it so too */
		sigaddset(&export.signals, SIGINT);
		sigaddset(&export.signals, SIGTERM);
		sigprocmask(SIG_BLOCK, &export.signals, NULL);
	}
	status = open_all(options, &export, err);
	export.reader = fact_reader_new();
	if (status == STATUS_OK)
		status = run(&export, err);
	if (status == STATUS_OK)
		tell(options, &export);
	fact_reader_free(export.reader);
	replay_close(export.replay);
	database_close(export.database);
	return status;
}

int run_export(int argc, char **argv)
{
	return question_run(&spec, export_history, argc, argv);
}
