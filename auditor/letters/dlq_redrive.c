/* holdpoint-auditor dlq redrive: publishes dead letters to jobs again, key and value as they were.
 *
 * What was redriven is told by the log: each redriven job has a header that names its dead letter. The jobs
 * are read for it first, so that a dead letter is not redriven twice; two people who redrive the same one in
 * the same moment can't see each other, which the job's own id makes harmless. A run that dies halfway is run
 * again: what it had published is found. */
#include "auditor/letters/dlq.h"
#include "auditor/letters/letters.h"
#include "auditor/reading/question.h"
#include "base/memory.h"
#include "engine/client.h"
#include "schemas/json.h"
#include "schemas/topics.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct option_spec redrive_options[] = {
        {.name = "all", .help = "all that came from jobs, were not redriven yet and may be taken now"},
        {.name = "reason",
                .argument = "CODE",
                .help = "with --all: those with this reason, also one that says that the record is wrong"},
        {.name = "again", .help = "also what was redriven already"},
        {.name = "dry-run", .help = "change nothing: only tell what would be redriven"},
        OPTION_JSON,
        OPTION_TIMEOUT,
        {.name = NULL},
};

static const struct command_spec redrive_command = {
        .name = "holdpoint-auditor dlq redrive",
        .usage = "[OPTION]… {PARTITION/OFFSET… | --all}",
        .summary =
                "Publishes dead letters to jobs again, key and value byte for byte, once what was in their "
                "way is mended (a worker that was too old for them, a limit that was raised). Where the "
                "record itself is wrong, send a corrected job instead. Needs leave to write jobs; all else "
                "that this program does only reads. Where one of those named cannot be redriven, none is.",
        .examples =
                "holdpoint-auditor dlq redrive dlq/3@17 dlq/3@18 -b localhost:9092\n"
                "holdpoint-auditor dlq redrive --all --reason unknown_field --dry-run -b localhost:9092\n",
        .options = redrive_options,
        .kafka = true,
        .most_arguments = 1000,
};

#define AT_FAULT "record_at_fault"

struct redrive {
	const struct options *options;
	const char *prefix, *reason;
	bool all, again, dry, json;
	struct map *redriven; /* by redriven_read() */
	struct map *named;    /* "dlq/3@17" → itself */
	struct map *missing;  /* those of them that were not met */
	size_t chosen, refused, passed_over, at_fault;

	struct client *client;
	char *topic;
	int64_t timeout_ms;
	size_t sent, failed;
	struct error err; /* of the last that failed */
};

/* ---- which ---- */

static enum status read_names(struct redrive *run, struct error *err)
{
	for (size_t i = 0; i < options_argument_count(run->options); i++) {
		const char *name = options_argument(run->options, i);
		struct place place = {.topic = LOG_DLQ};

		if (place_parse(name, run->prefix, &place, err) != STATUS_OK)
			return err->status;
		if (place.topic != LOG_DLQ)
			return error_set(err, STATUS_REJECT, "usage",
			        "%s is no place of dead letters: they are in dlq", name);
		char *text = memory_text(place_text(LOG_DLQ, place.position));

		(void)map_put(run->missing, view_text(text), text);
		free(map_put(run->named, view_text(text), text));
	}
	if (!map_count(run->named) && !run->all)
		return error_set(
		        err, STATUS_REJECT, "usage", "name the dead letters to redrive, or give --all");
	if (map_count(run->named) && run->all)
		return error_set(err, STATUS_REJECT, "usage",
		        "named dead letters and --all exclude each other: give one of them");
	if (run->reason && !run->all)
		return error_set(err, STATUS_REJECT, "usage", "--reason goes with --all");
	return STATUS_OK;
}

static bool is_wanted(const struct redrive *run, const struct reading *reading)
{
	if (run->all)
		return !run->reason || view_is(reading->fact.reason, run->reason);
	return map_get(run->named, view_text(place_text(LOG_DLQ, reading->record.position))) != NULL;
}

static enum status check(const struct redrive *run, const struct reading *reading, struct error *err)
{
	const char *before = redriven_as(run->redriven, reading->record.position);

	if (letter_check(reading, run->prefix, err) != STATUS_OK)
		return err->status;
	if (before && !run->again)
		return error_set(err, STATUS_FATAL, "redriven_already",
		        "%s was redriven already, as %s; --again does it once more",
		        place_text(LOG_DLQ, reading->record.position), before);
	if (run->all && !run->reason && !letter_may_be_taken(reading->fact.reason))
		return error_set(err, STATUS_FATAL, AT_FAULT,
		        "%s itself is wrong (%.*s): send a corrected job",
		        place_text(LOG_DLQ, reading->record.position), (int)reading->fact.reason.len,
		        reading->fact.reason.data ? reading->fact.reason.data : "");
	return STATUS_OK;
}

/* ---- telling ---- */

static void tell(const struct redrive *run, const char *type, struct position letter, struct position job,
        const struct error *err)
{
	struct buffer line;

	buffer_init(&line, 1 << 16);
	json_begin(&line, '{');
	json_put_text(&line, "type", type);
	place_put(&line, "place", LOG_DLQ, letter);
	place_put(&line, "job", LOG_JOBS, job);
	json_put_text(&line, "reason", err ? err->code : NULL);
	json_put_text(&line, "detail", err ? err->message : NULL);
	json_end(&line, '}');
	if (run->json)
		puts(line.data);
	buffer_release(&line);
}

static void tell_at_fault(struct redrive *run, struct position letter, const struct error *err)
{
	run->at_fault++;
	tell(run, "left_out", letter, (struct position){-1, -1}, err);
}

static void tell_refused(struct redrive *run, struct position letter, const struct error *err)
{
	if (strcmp(err->code, AT_FAULT) == 0) {
		tell_at_fault(run, letter, err);
		return;
	}
	if (run->all) { /* it was not asked for by name */
		run->passed_over++;
		return;
	}
	run->refused++;
	tell(run, "refused", letter, (struct position){-1, -1}, err);
	if (!run->json)
		(void)command_fail(err);
}

static void tell_chosen(struct redrive *run, struct position letter)
{
	run->chosen++;
	if (!run->dry)
		return;
	tell(run, "would_redrive", letter, (struct position){-1, -1}, NULL);
	if (!run->json)
		printf("%s would be redriven\n", place_text(LOG_DLQ, letter));
}

static void tell_missing(struct view key, void *value, void *context)
{
	struct redrive *run = context;
	struct place place = {.topic = LOG_DLQ};
	struct error err;

	(void)key;
	if (place_parse(value, "", &place, &err) != STATUS_OK)
		return; /* it was one when it was read */
	error_set(&err, STATUS_FATAL, "letter_unknown",
	        "there is no dead letter at %s: holdpoint-auditor dlq list shows those that there are",
	        place_text(LOG_DLQ, place.position));
	tell_refused(run, place.position, &err);
}

/* ---- sending ---- */

struct sent {
	struct redrive *run;
	struct position letter;
};

static void on_delivered(void *context, const struct position *position, const struct error *err)
{
	struct sent *sent = context;
	struct redrive *run = sent->run;

	if (position) {
		run->sent++;
		tell(run, "redriven", sent->letter, *position, NULL);
		if (!run->json)
			printf("%s redriven as %s\n", place_text(LOG_DLQ, sent->letter),
			        place_text(LOG_JOBS, *position));
	} else {
		run->failed++;
		run->err = *err;
		tell(run, "failed", sent->letter, (struct position){-1, -1}, err);
	}
	free(sent);
}

/* The original's headers are not in a dead letter, but for its trace; those of the dead letter are not a
 * job's.
 */
static enum status send_letter(struct redrive *run, const struct reading *reading, struct error *err)
{
	struct view trace = replay_header(reading->replay, "traceparent");
	char from[PLACE_SIZE];
	struct client_header headers[2] = {
	        {view_text(REDRIVEN_FROM_HEADER),
	                view_text(place_format(LOG_DLQ, reading->record.position, from))},
	        {view_text("traceparent"), trace},
	};
	struct sent *sent = memory_alloc(sizeof(*sent));

	*sent = (struct sent){run, reading->record.position};
	enum status status = client_produce(run->client, run->topic, reading->record.key,
	        reading->record.value, headers, trace.data ? 2 : 1, run->timeout_ms, on_delivered, sent, err);

	if (status != STATUS_OK)
		free(sent);
	return status;
}

/* ---- the two rounds ---- */

/* The first round judges, the second sends. */
static enum status round_of(struct redrive *run, bool sends, struct error *err)
{
	struct reading reading;
	bool found;
	enum status status = letters_open(run->options, NULL, &reading, err);

	if (status != STATUS_OK)
		return status;
	while ((status = reading_next(&reading, &found, err)) == STATUS_OK && found) {
		struct error why;

		if (!is_wanted(run, &reading))
			continue;
		(void)map_remove(run->missing, view_text(place_text(LOG_DLQ, reading.record.position)));
		enum status judged = check(run, &reading, &why);

		if (sends && judged == STATUS_OK)
			status = send_letter(run, &reading, err);
		else if (!sends && judged == STATUS_OK)
			tell_chosen(run, reading.record.position);
		else if (!sends)
			tell_refused(run, reading.record.position, &why);
		if (status != STATUS_OK)
			break;
	}
	reading_close(&reading);
	return status;
}

static enum status send_all(struct redrive *run, struct error *err)
{
	enum status status = client_open(run->options, &run->client, err);

	if (status != STATUS_OK)
		return status;
	run->topic = topic_named(run->options, TOPIC_JOBS);
	status = round_of(run, true, err);
	if (status == STATUS_OK)
		status = client_flush(run->client, run->timeout_ms, err);
	client_close(run->client);
	free(run->topic);
	if (status == STATUS_OK && run->failed) {
		*err = run->err;
		status = err->status;
	}
	if (status != STATUS_OK)
		error_prefix(err,
		        "%zu of %zu were redriven; do it again, those that are in the log are left out "
		        "then: ",
		        run->sent, run->chosen);
	return status;
}

/* ---- the run ---- */

static void tell_nothing(const struct redrive *run)
{
	if (run->json)
		return;
	if (run->passed_over)
		printf("%zu %s left out: redriven already, or none of jobs (holdpoint-auditor dlq list).\n",
		        run->passed_over, run->passed_over == 1 ? "dead letter is" : "dead letters are");
	if (run->at_fault)
		printf("%zu %s left out: the record itself is wrong, so send a corrected job; "
		       "--reason CODE takes it all the same.\n",
		        run->at_fault, run->at_fault == 1 ? "dead letter is" : "dead letters are");
	if (!run->chosen)
		puts("Nothing is to be redriven.");
}

static enum status redrive(struct redrive *run, struct error *err)
{
	if (option_timeout(run->options, &run->timeout_ms, err) != STATUS_OK ||
	        read_names(run, err) != STATUS_OK ||
	        redriven_read(run->options, &run->redriven, err) != STATUS_OK ||
	        round_of(run, false, err) != STATUS_OK)
		return err->status;
	map_each(run->missing, tell_missing, run);
	if (run->refused)
		return error_set(err, STATUS_FATAL, "nothing_redriven",
		        "nothing was redriven: %zu of those named cannot be", run->refused);
	tell_nothing(run);
	return run->chosen && !run->dry ? send_all(run, err) : STATUS_OK;
}

static enum status run_redrive(const struct options *options, struct error *err)
{
	struct redrive run = {.options = options,
	        .prefix = options_prefix(options),
	        .reason = options_text(options, "reason"),
	        .all = options_switch(options, "all"),
	        .again = options_switch(options, "again"),
	        .dry = options_switch(options, "dry-run"),
	        .json = options_switch(options, "json"),
	        .named = map_new(),
	        .missing = map_new()};
	enum status status = redrive(&run, err);

	map_free(run.missing, NULL);
	map_free(run.named, free);
	map_free(run.redriven, free);
	return status;
}

int run_dlq_redrive(int argc, char **argv)
{
	return question_run(&redrive_command, run_redrive, argc, argv);
}
