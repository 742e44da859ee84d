/* holdpoint-auditor timeline: the life of a package or a job, in order. */
#include "auditor/timeline/timeline_command.h"
#include "auditor/letters/letters.h"
#include "auditor/reading/cut.h"
#include "auditor/reading/question.h"
#include "auditor/reading/reading.h"
#include "auditor/timeline/timeline_show.h"
#include "base/clock.h"
#include "base/memory.h"
#include "command/command.h"
#include "command/moment.h"
#include "command/paragraph.h"
#include "engine/route.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct option_spec timeline_options[] = {
        {.name = "job",
                .argument = "JOB",
                .help = "only the life of this job: its id, or its place such as jobs/3@1041; of an id that "
                        "was used again, the newest"},
        {.name = "last", .argument = "N", .help = "only the newest N events"},
        {.name = "since",
                .argument = "TIME",
                .help = "only events from this moment on: a time (2026-11-22T10:00:00Z) or a duration "
                        "(PT10M: that long ago)"},
        CUT_OPTIONS,
        OPTION_JSON,
        OPTION_TIMEOUT,
        REPLAY_OPTIONS,
        {.name = NULL},
};

static const struct command_spec timeline_command = {
        .name = "holdpoint-auditor timeline",
        .usage = "[OPTION]… PACKAGE",
        .summary = "Tells the life of a package, or of one of its jobs, in order: what was asked for, what "
                   "waited for what and how long, what was tried how often and why it failed, how it "
                   "ended, each with its place in the log. Times are the log's.",
        .examples = "holdpoint-auditor timeline HELLO -b localhost:9092\n"
                    "holdpoint-auditor timeline HELLO -b localhost:9092 --job first-update\n"
                    "holdpoint-auditor timeline HELLO --dump log.jsonl --since PT1H --json\n",
        .options = timeline_options,
        .kafka = true,
        .least_arguments = 1,
        .most_arguments = 1,
};

/* What is asked for. */
struct request {
	const char *package, *job;
	struct cut cut;
	int64_t since_ms, now_ms, last;
	int32_t partition;
};

static enum status read_request(const struct options *options, struct request *ret, struct error *err)
{
	*ret = (struct request){.package = options_argument(options, 0),
	        .job = options_text(options, "job"),
	        .now_ms = clock_wall_ms(),
	        .last = INT64_MAX};
	if (option_moment(options, "since", ret->now_ms, 0, &ret->since_ms, err) != STATUS_OK)
		return err->status;
	if (options_text(options, "last") &&
	        options_number(options, "last", 1, INT32_MAX, &ret->last, err) != STATUS_OK)
		return err->status;
	return cut_find(options, ret->now_ms, &ret->cut, err);
}

static enum status take_all(
        struct reading *reading, const struct request *request, struct timeline *timeline, struct error *err)
{
	bool found;
	enum status status;

	while ((status = reading_next(reading, &found, err)) == STATUS_OK && found) {
		struct view redriven = {0};

		if (!fact_is_of(&reading->fact, request->package) ||
		        !cut_keeps(&request->cut, &reading->record))
			continue;
		if (reading->fact.topic == LOG_JOBS)
			redriven = replay_header(reading->replay, REDRIVEN_FROM_HEADER);
		timeline_add(timeline, reading->reader, &reading->fact, redriven);
	}
	if (status == STATUS_OK && !timeline_count(timeline))
		return package_unknown(request->package, reading->replay, &request->cut, err);
	return status;
}

static enum status read_timeline(
        const struct options *options, struct request *request, struct timeline *timeline, struct error *err)
{
	struct replay_spec spec = {
	        .topics = LOG_ALL, .package = request->package, .until_time_ms = INT64_MAX};
	struct reading reading;
	enum status status = reading_open(options, &spec, &reading, err);

	if (status != STATUS_OK)
		return status;
	request->partition = route_partition(view_text(request->package), replay_partitions(reading.replay));
	status = take_all(&reading, request, timeline, err);
	reading_close(&reading);
	timeline_order(timeline);
	return status;
}

/* Which events are shown: *ret_left_out older ones are not, though they were asked for but for --last. */
static bool *choose(const struct timeline *timeline, const struct request *request, int job, bool echoes,
        size_t *ret_shown, size_t *ret_left_out)
{
	size_t count = timeline_count(timeline), shown = 0, left_out = 0;
	bool *chosen = memory_alloc(count * sizeof(*chosen));

	for (size_t i = count; i-- > 0;) {
		const struct timeline_event *event = timeline_at(timeline, i);

		if (event->time_ms < request->since_ms || (event->echo && !echoes) ||
		        (job >= 0 && !timeline_is_of(timeline, i, (size_t)job)))
			continue;
		chosen[i] = (int64_t)shown < request->last;
		left_out += !chosen[i];
		shown += chosen[i];
	}
	*ret_shown = shown;
	*ret_left_out = left_out;
	return chosen;
}

static void print_title(const struct request *request, const struct timeline_view *view)
{
	fprintf(view->out, "%s%s%s, partition %" PRId32 "%s%s\n\n", view->colour ? COLOUR_BOLD : "",
	        request->package, view->colour ? COLOUR_OFF : "", request->partition,
	        request->cut.until_ms == INT64_MAX ? "" : ", as of ",
	        request->cut.until_ms == INT64_MAX ? "" : moment_text(request->cut.until_ms));
}

static void print_json(const struct timeline *timeline, const struct timeline_view *view)
{
	struct buffer line;

	buffer_init(&line, 1 << 20);
	for (size_t i = 0; i < timeline_count(timeline); i++) {
		if (!view->shown[i])
			continue;
		buffer_clear(&line);
		timeline_put_json(timeline, timeline_at(timeline, i), &line);
		fprintf(view->out, "%s\n", line.data);
	}
	buffer_release(&line);
}

static void print_people(const struct timeline *timeline, const struct request *request,
        const struct timeline_view *view, size_t left_out)
{
	print_title(request, view);
	if (!view->shown_count) {
		fprintf(view->out, "Nothing happened since %s.\n", moment_text(request->since_ms));
		return;
	}
	timeline_print_chart(timeline, view);
	fputc('\n', view->out);
	if (left_out)
		fprintf(view->out, "%zu earlier %s left out (--last)\n", left_out,
		        left_out == 1 ? "event is" : "events are");
	timeline_print_events(timeline, view);
}

static enum status show(const struct options *options, const struct timeline *timeline,
        const struct request *request, struct error *err)
{
	bool dumped = options_text(options, "dump") != NULL;
	int job = request->job ? timeline_job_find(timeline, request->job, options_prefix(options)) : -1;
	size_t left_out;
	struct timeline_view view = {.out = stdout,
	        .colour = terminal_has_colour(stdout),
	        .width = paragraph_width(stdout),
	        .now_ms = request->cut.until_ms,
	        .job = job};

	if (request->job && job < 0)
		return error_set(err, STATUS_FATAL, "job_unknown",
		        "nothing is known of job %s of package %s: is its id right?", request->job,
		        request->package);
	if (view.now_ms == INT64_MAX) /* the end of a dump is its last record, not the present */
		view.now_ms = dumped ? timeline_at(timeline, timeline_count(timeline) - 1)->time_ms
		                     : request->now_ms;
	bool json = options_switch(options, "json");
	bool *chosen = choose(timeline, request, job, json, &view.shown_count, &left_out);

	view.shown = chosen;
	if (json)
		print_json(timeline, &view);
	else
		print_people(timeline, request, &view, left_out);
	free(chosen);
	return STATUS_OK;
}

static enum status tell(const struct options *options, struct error *err)
{
	struct timeline *timeline = timeline_new();
	struct request request;
	enum status status = read_request(options, &request, err);

	if (status == STATUS_OK)
		status = read_timeline(options, &request, timeline, err);
	if (status == STATUS_OK)
		status = show(options, timeline, &request, err);
	timeline_free(timeline);
	return status;
}

int run_timeline(int argc, char **argv)
{
	return question_run(&timeline_command, tell, argc, argv);
}
