/* holdpoint-auditor verify: every promise, proven from the log alone. */
#include "auditor/verify/verify_command.h"
#include "auditor/log/place.h"
#include "auditor/points/live.h"
#include "auditor/reading/cut.h"
#include "auditor/reading/question.h"
#include "auditor/reading/reading.h"
#include "auditor/verify/verify.h"
#include "base/clock.h"
#include "command/command.h"
#include "command/moment.h"
#include "command/terminal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { WAIT_MS = 500, HOLD_MS = 2, SETTLE_MS = 3000, SETTLE_STEP_MS = 50, METER_STEP = 4096 };

static const struct option_spec verify_options[] = {
        {.name = "package", .argument = "PACKAGE", .help = "only this package (its partition is read)"},
        {.name = "from-time",
                .argument = "TIME",
                .help = "judge only records from this moment on, by what came before: a time "
                        "(2026-11-22T10:00:00Z) or a duration (PT10M: that long ago)"},
        {.name = "until-time", .argument = "TIME", .help = "judge only records up to this moment"},
        {.name = "mirror",
                .help = "the log is a copy in which records lie elsewhere than what cites them says: "
                        "compare ids alone"},
        LIVE_OPTIONS,
        OPTION_JSON,
        OPTION_TIMEOUT,
        REPLAY_OPTIONS,
        {.name = NULL},
};

static const struct command_spec verify_command = {
        .name = "holdpoint-auditor verify",
        .usage = "[OPTION]…",
        .summary =
                "Proves from the log alone that nothing became current that was not staged before, that no "
                "pointer went back, and that every job was answered and ended once. What breaks a rule is "
                "listed with its place and a code; docs/auditing.md tells the rules.",
        .examples =
                "holdpoint-auditor verify -b localhost:9092\n"
                "holdpoint-auditor verify -b localhost:9092 --package HELLO --from-time PT24H\n"
                "holdpoint-auditor verify -b localhost:9092 --distribution-points distribution-points.json "
                "--content\n"
                "kcat -C -J -e -b localhost:9092 -t holdpoint.staged … >log.jsonl; "
                "holdpoint-auditor verify --dump log.jsonl\n",
        .options = verify_options,
        .kafka = true,
};

struct run {
	const char *package;
	bool mirror, json;
	int64_t from_ms, until_ms, timeout_ms;
	struct replay *replay;
	struct fact_reader *reader;
	struct verify *verify;
	struct live *live; /* NULL: the log alone */
	bool judged;       /* what comes now is read for live alone */
	uint64_t reported;
	int64_t started_ms;
	struct buffer line;
};

static enum status read_request(const struct options *options, struct run *run, struct error *err)
{
	int64_t now_ms = clock_wall_ms();

	run->package = options_text(options, "package");
	run->mirror = options_switch(options, "mirror");
	run->json = options_switch(options, "json");
	if (option_moment(options, "from-time", now_ms, INT64_MIN, &run->from_ms, err) != STATUS_OK ||
	        option_moment(options, "until-time", now_ms, INT64_MAX, &run->until_ms, err) != STATUS_OK)
		return err->status;
	return option_timeout(options, &run->timeout_ms, err);
}

/* ---- what is found */

static void print_line(struct run *run)
{
	buffer_add(&run->line, "\n", 1);
	fwrite(run->line.data, 1, run->line.len, stdout);
}

static void print_violation_json(struct run *run, const struct violation *violation)
{
	struct buffer *out = &run->line;

	buffer_clear(out);
	json_begin(out, '{');
	json_put_text(out, "violation", violation_code_name(violation->code));
	place_put(out, "place", violation->topic, violation->position);
	json_put_time(out, "time", violation->log_time_ms);
	json_put_text(out, "detail", violation->detail);
	json_end(out, '}');
	print_line(run);
}

static void print_violation(const struct violation *violation)
{
	bool colour = terminal_has_colour(stdout);
	char words[ERROR_MESSAGE_MAX];

	printf("%s%s%s  %s  %s\n", colour ? COLOUR_RED : "", violation_code_name(violation->code),
	        colour ? COLOUR_OFF : "", place_text(violation->topic, violation->position),
	        printable(violation->detail, words, sizeof(words)));
}

static void report(const struct violation *violation, void *context)
{
	struct run *run = context;

	if (violation->log_time_ms < run->from_ms || violation->log_time_ms > run->until_ms)
		return;
	run->reported++;
	if (run->json)
		print_violation_json(run, violation);
	else
		print_violation(violation);
}

/* ---- reading */

static void begin(struct run *run)
{
	struct verify_spec spec = {.partitions = replay_partitions(run->replay),
	        .mirror = run->mirror,
	        .package = view_text(run->package),
	        .report = report,
	        .context = run};

	run->verify = verify_new(&spec);
	for (int topic = 0; topic < LOG_TOPICS; topic++)
		for (int32_t partition = 0; partition < spec.partitions; partition++) {
			int64_t first, end;

			replay_lane(run->replay, (enum log_topic)topic, partition, &first, &end);
			verify_lane(run->verify, (enum log_topic)topic, partition, first, end);
		}
}

static enum status take(struct run *run, int64_t timeout_ms, bool *ret_found, struct error *err)
{
	struct replay_record record;
	struct fact fact;
	enum status status = replay_next(run->replay, timeout_ms, &record, ret_found, err);

	if (status != STATUS_OK || !*ret_found)
		return status;
	fact_read(run->reader, &record, run->replay, &fact);
	if (!run->judged)
		verify_fact(run->verify, &fact);
	live_fact(run->live, run->reader, &fact);
	return STATUS_OK;
}

/* Brokers that are out of reach for longer than the time-out end it. */
static enum status read_all(struct run *run, struct error *err)
{
	int64_t heard_ms = clock_monotonic_ms();
	struct meter meter;
	uint64_t done, total;
	bool found = false;
	enum status status = STATUS_OK;

	meter_start(&meter, "verifying", "records");
	for (uint64_t count = 0; !replay_is_past_end(run->replay); count++) {
		status = take(run, WAIT_MS, &found, err);
		if (status == STATUS_OK && found && count % METER_STEP != 0)
			continue;
		replay_progress(run->replay, &done, &total);
		meter_show(&meter, done, total);
		int64_t now = clock_monotonic_ms();
		if (found)
			heard_ms = now;
		if (status != STATUS_OK && (status != STATUS_RETRY || now - heard_ms > run->timeout_ms))
			break;
		if (status == STATUS_OK && !found && now - heard_ms > run->timeout_ms &&
		        !replay_is_past_end(run->replay)) {
			status = error_set(err, STATUS_RETRY, "kafka_unreachable",
			        "nothing more came from Kafka for %" PRId64
			        " s although the log has not ended; try again once its brokers are up",
			        run->timeout_ms / 1000);
			break;
		}
		status = STATUS_OK;
	}
	meter_end(&meter);
	return status;
}

/* What is missing may be in a transaction that is being decided right now. */
static enum status settle(struct run *run, struct error *err)
{
	int64_t until = clock_monotonic_ms() + SETTLE_MS;
	enum status status = STATUS_OK;
	bool found;

	while (status != STATUS_FATAL && clock_monotonic_ms() < until && verify_has_suspects(run->verify)) {
		int64_t step = clock_monotonic_ms() + SETTLE_STEP_MS;
		do
			status = take(run, SETTLE_STEP_MS, &found, err);
		while (status == STATUS_OK && found && clock_monotonic_ms() < step);
	}
	return status == STATUS_FATAL ? status : STATUS_OK;
}

/* What came since, until nothing comes. */
static void read_on(void *context)
{
	struct run *run = context;
	int64_t until = clock_monotonic_ms() + SETTLE_MS;
	struct error err;
	bool found = true;

	while (found && clock_monotonic_ms() < until)
		if (take(run, WAIT_MS, &found, &err) != STATUS_OK)
			return;
}

static enum status compare_live(struct run *run, struct error *err)
{
	uint64_t findings;

	if (live_run(run->live, &findings, err) != STATUS_OK)
		return err->status;
	run->reported += findings;
	return STATUS_OK;
}

static enum status open_live(struct run *run, const struct options *options, struct error *err)
{
	bool at_rest = options_text(options, "dump") != NULL;
	struct live_spec spec = {.json = run->json,
	        .package = run->package,
	        .read_on = at_rest ? NULL : read_on,
	        .context = run};

	return live_open(options, &spec, &run->live, err);
}

static bool lane_is_open(void *context, enum log_topic topic, int32_t partition)
{
	return replay_lane_is_open(context, topic, partition);
}

/* ---- the summary */

static void print_summary_json(struct run *run, const struct verify_counts *counts)
{
	struct buffer *out = &run->line;

	buffer_clear(out);
	json_begin(out, '{');
	json_key(out, "summary");
	json_begin(out, '{');
	json_put_uint(out, "records", counts->records);
	json_put_uint(out, "staged_proven", counts->staged_proven);
	json_put_uint(out, "releases_proven", counts->releases_proven);
	json_put_uint(out, "updated_proven", counts->updated_proven);
	json_put_uint(out, "jobs", counts->by_type[FACT_JOB]);
	json_put_uint(out, "jobs_ended", counts->jobs_ended);
	json_put_uint(out, "jobs_rejected", counts->jobs_rejected);
	json_put_uint(out, "jobs_duplicate", counts->jobs_duplicate);
	json_put_uint(out, "jobs_rerouted", counts->jobs_rerouted);
	json_put_uint(out, "dead_letters", counts->by_type[FACT_DEAD_LETTER]);
	json_put_uint(out, "jobs_open", counts->jobs_open);
	json_put_uint(out, "jobs_unanswered", counts->jobs_unanswered);
	json_put_uint(out, "releases_open", counts->releases_open);
	json_put_uint(out, "unproven", counts->unproven);
	json_put_uint(out, "violations", run->reported);
	json_put_int(out, "milliseconds", clock_monotonic_ms() - run->started_ms);
	json_end(out, '}');
	json_end(out, '}');
	print_line(run);
}

static void print_proven(const struct verify_counts *counts)
{
	printf("proven  %ju updated, each behind its release, each release behind its staged event\n",
	        (uintmax_t)counts->updated_proven);
	printf("        %ju staged, %ju releases, %ju jobs that ended once, %ju rejected, %ju duplicates, "
	       "%ju "
	       "re-routed\n",
	        (uintmax_t)counts->staged_proven, (uintmax_t)counts->releases_proven,
	        (uintmax_t)counts->jobs_ended, (uintmax_t)counts->jobs_rejected,
	        (uintmax_t)counts->jobs_duplicate, (uintmax_t)counts->jobs_rerouted);
	printf("open    %ju jobs accepted and not ended, %ju not answered yet, %ju releases not seen "
	       "current\n",
	        (uintmax_t)counts->jobs_open, (uintmax_t)counts->jobs_unanswered,
	        (uintmax_t)counts->releases_open);
	if (counts->unproven)
		printf("gone    %ju records rest on what lies before the log's present beginning, or in a "
		       "transaction that is not decided: neither proven nor refuted\n",
		        (uintmax_t)counts->unproven);
}

static void print_summary(struct run *run, const struct verify_counts *counts)
{
	int64_t took = clock_monotonic_ms() - run->started_ms;
	bool colour = terminal_has_colour(stdout);
	const char *tone = run->reported ? COLOUR_RED : COLOUR_GREEN;
	const char *verdict = run->reported ? "VIOLATED" : run->live ? "log clean" : "clean";

	printf("%s%s%s", colour ? tone : "", verdict, colour ? COLOUR_OFF : "");
	if (run->reported)
		printf(": %ju violation%s", (uintmax_t)run->reported, run->reported == 1 ? "" : "s");
	printf(", %ju records read in %s\n", (uintmax_t)counts->records, span_text(took));
	print_proven(counts);
}

static enum status run_all(struct run *run, const struct options *options, struct error *err)
{
	struct replay_spec spec = {.topics = LOG_ALL,
	        .package = run->package,
	        .until_time_ms = INT64_MAX, /* what came later may end what came before */
	        .follow = true,
	        .wait_ms = HOLD_MS,
	        .timeout_ms = run->timeout_ms};
	struct verify_counts counts;

	if (open_live(run, options, err) != STATUS_OK ||
	        replay_open(options, &spec, &run->replay, err) != STATUS_OK)
		return err->status;
	begin(run);
	enum status status = read_all(run, err);
	if (status == STATUS_OK && !options_text(options, "dump")) /* of a dump nothing more comes */
		status = settle(run, err);
	if (status != STATUS_OK)
		return status;
	verify_end(run->verify, lane_is_open, run->replay);
	run->judged = true;
	verify_count(run->verify, &counts);
	if (run->package && counts.records == 0 && !run->live) /* nothing was proven of what is not there */
		return package_unknown(run->package, run->replay, &(struct cut){.until_ms = INT64_MAX}, err);
	if (run->json)
		print_summary_json(run, &counts);
	else
		print_summary(run, &counts);
	return compare_live(run, err);
}

int run_verify(int argc, char **argv)
{
	struct run run = {.started_ms = clock_monotonic_ms()};
	struct error err;
	int exit_code;
	struct options *options = command_options(&verify_command, argc, argv, &exit_code);

	if (!options)
		return exit_code;
	run.reader = fact_reader_new();
	buffer_init(&run.line, 4096);
	if (read_request(options, &run, &err) != STATUS_OK || run_all(&run, options, &err) != STATUS_OK ||
	        question_flush(&err) != STATUS_OK)
		exit_code = command_fail(&err);
	else
		exit_code = run.reported ? EXIT_FAILED : EXIT_DONE;
	live_free(run.live);
	verify_free(run.verify);
	replay_close(run.replay);
	fact_reader_free(run.reader);
	buffer_release(&run.line);
	options_free(options);
	return exit_code;
}
