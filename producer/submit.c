/* holdpoint-producer submit: sends jobs from a file or a pipe, one JSON object a line. */
#include "command/command.h"
#include "engine/client.h"
#include "producer/commands.h"

#include "base/clock.h"
#include "command/terminal.h"
#include "producer/lines.h"
#include "schemas/job.h"
#include "schemas/json.h"
#include "schemas/topics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { POLL_EVERY = 1000, REPORT_MAX = 20 };

static const struct option_spec submit_options[] = {
        {.name = "keep-going",
                .help = "skip bad lines and send the others (the exit code is 2 all the same)"},
        OPTION_JSON,
        OPTION_TIMEOUT,
        {.name = NULL},
};

static const struct command_spec submit_command = {
        .name = "holdpoint-producer submit",
        .usage = "[OPTION]… [FILE|-]",
        .summary = "Sends jobs, one JSON object a line, each checked first as a stager will check it. A file "
                   "with a "
                   "bad line is not sent at all; a pipe is sent up to the first bad line.",
        .examples = "holdpoint-producer submit jobs.jsonl\n"
                    "generate-jobs | holdpoint-producer submit --keep-going --json\n",
        .options = submit_options,
        .kafka = true,
        .most_arguments = 1,
};

struct submit {
	struct client *client;
	char *topic;
	struct lines *lines;
	struct meter meter;
	uint64_t size; /* of the input; 0: unknown */
	bool json, keep_going;
	int64_t timeout_ms;
	uint64_t queued, delivered, bad, undelivered;
	struct error delivery_err; /* the first */
};

static void on_delivered(void *context, const struct position *position, const struct error *err)
{
	struct submit *submit = context;

	if (position)
		submit->delivered++;
	else if (submit->undelivered++ == 0)
		submit->delivery_err = *err;
}

static void report_bad(struct submit *submit, const struct error *err)
{
	char words[ERROR_MESSAGE_MAX];
	struct buffer out;

	if (submit->bad++ >= REPORT_MAX && !submit->json)
		return;
	meter_end(&submit->meter);
	if (!submit->json) {
		fprintf(stderr, "line %ju: %s (%s)\n", (uintmax_t)lines_number(submit->lines),
		        printable(err->message, words, sizeof(words)), err->code);
		return;
	}
	buffer_init(&out, 8192);
	json_begin(&out, '{');
	json_put_text(&out, "type", "bad_line");
	json_put_uint(&out, "line", lines_number(submit->lines));
	json_put_text(&out, "code", err->code);
	json_put_text(&out, "message", err->message);
	json_end(&out, '}');
	puts(out.data);
	buffer_release(&out);
}

/* The package, which is the record's key, of a line that may be anything. */
static void peek_package(struct view line, char package_id[PACKAGE_ID_SIZE])
{
	struct json json;
	struct json_node root;
	struct error ignored;

	strcpy(package_id, "?");
	if (json_open(&json, line, JOB_VALUE_MAX, &root, &ignored) != STATUS_OK)
		return;
	struct view text = json_peek_text(&root, "package_id");

	if (text.data && text.len < PACKAGE_ID_SIZE) {
		memcpy(package_id, text.data, text.len);
		package_id[text.len] = '\0';
	}
	json_close(&json);
}

static enum status check_line(struct view line, const char *package_id, struct error *err)
{
	struct job_hint hint;
	struct job *job;
	enum status status = job_parse(view_text(package_id), line, &job, &hint, err);

	if (status == STATUS_OK)
		job_free(job);
	return status;
}

enum pass { PASS_CHECK, PASS_SEND, PASS_BOTH };

static enum status take_line(struct submit *submit, enum pass pass, struct view line, struct error *err)
{
	char package_id[PACKAGE_ID_SIZE];

	peek_package(line, package_id);
	if (pass != PASS_SEND) {
		struct error why;

		if (check_line(line, package_id, &why) != STATUS_OK) {
			report_bad(submit, &why);
			return STATUS_OK;
		}
	}
	if (pass == PASS_CHECK)
		return STATUS_OK;
	if (++submit->queued % POLL_EVERY == 0)
		client_poll(submit->client, 0);
	return client_produce(submit->client, submit->topic, view_text(package_id), line, NULL, 0,
	        submit->timeout_ms, on_delivered, submit, err);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct view trim(struct view line)
{
	while (line.len && is_blank(line.data[line.len - 1]))
		line.len--;
	while (line.len && is_blank(*line.data)) {
		line.data++;
		line.len--;
	}
	return line;
}

/* All lines; a bad one ends a pass that sends, unless told to keep going. */
static enum status run_pass(struct submit *submit, enum pass pass, struct error *err)
{
	bool go_on = submit->keep_going || pass == PASS_CHECK;
	enum status status = STATUS_OK;
	struct view line;
	struct error why;

	meter_start(&submit->meter, pass == PASS_CHECK ? "checking" : "sending", NULL);
	while (status == STATUS_OK && (go_on || !submit->bad)) {
		enum line_kind kind = lines_next(submit->lines, &line);

		if (kind == LINE_NONE)
			break;
		if (kind == LINE_FAILED) {
			status = error_set(err, STATUS_REJECT, "unreadable", "cannot read the jobs: %s",
			        strerror(errno));
			break;
		}
		if (kind == LINE_TOO_LONG) {
			error_set(&why, STATUS_REJECT, "too_large", "longer than %d bytes", JOB_VALUE_MAX);
			report_bad(submit, &why);
			continue;
		}
		line = trim(line);
		if (line.len)
			status = take_line(submit, pass, line, err);
		meter_show(&submit->meter, lines_bytes(submit->lines), submit->size);
	}
	meter_end(&submit->meter);
	return status;
}

/* A file is checked as a whole before anything of it is sent; a pipe cannot be. */
static enum status run_passes(struct submit *submit, FILE *in, struct error *err)
{
	struct stat info;
	bool is_file = fstat(fileno(in), &info) == 0 && S_ISREG(info.st_mode) && ftello(in) == 0;
	enum status status;

	if (is_file)
		submit->size = (uint64_t)info.st_size;
	if (!is_file || submit->keep_going)
		return run_pass(submit, PASS_BOTH, err);
	status = run_pass(submit, PASS_CHECK, err);
	if (status != STATUS_OK || submit->bad)
		return status;
	rewind(in);
	lines_rewind(submit->lines);
	return run_pass(submit, PASS_SEND, err);
}

static void print_summary(const struct submit *submit, int64_t elapsed_ms)
{
	double seconds = elapsed_ms > 0 ? (double)elapsed_ms / 1000 : 0.001;
	double rate = (double)submit->delivered / seconds;
	struct buffer out;

	if (!submit->json) {
		printf("%ju jobs sent in %.1f s (%.0f/s)", (uintmax_t)submit->delivered, seconds, rate);
		if (submit->bad)
			printf(", %ju bad line%s%s", (uintmax_t)submit->bad, submit->bad == 1 ? "" : "s",
			        submit->delivered ? "" : ": nothing was sent");
		if (submit->queued > submit->delivered)
			printf(", %ju not known to be sent", (uintmax_t)(submit->queued - submit->delivered));
		puts("");
		return;
	}
	buffer_init(&out, 1024);
	json_begin(&out, '{');
	json_put_text(&out, "type", "summary");
	json_put_uint(&out, "sent", submit->delivered);
	json_put_uint(&out, "not_sent", submit->queued - submit->delivered);
	json_put_uint(&out, "bad_lines", submit->bad);
	json_put_int(&out, "milliseconds", elapsed_ms);
	json_put_uint(&out, "per_second", (uint64_t)rate);
	json_end(&out, '}');
	puts(out.data);
	buffer_release(&out);
}

static int submit_all(struct submit *submit, FILE *in)
{
	int64_t started = clock_monotonic_ms();
	struct error err;
	int32_t partitions;
	/* a topic that is missing, or a Kafka that is, shows before anything is sent */
	enum status status =
	        client_partitions(submit->client, submit->topic, submit->timeout_ms, &partitions, &err);

	if (status != STATUS_OK)
		return command_fail(&err);
	status = run_passes(submit, in, &err);
	int code = status == STATUS_OK ? EXIT_DONE : command_fail(&err);

	if (submit->queued && client_flush(submit->client, submit->timeout_ms, &err) != STATUS_OK &&
	        code == EXIT_DONE)
		code = command_fail(&err);
	if (submit->undelivered && code == EXIT_DONE)
		code = command_fail(&submit->delivery_err);
	print_summary(submit, clock_monotonic_ms() - started);
	return code == EXIT_DONE && submit->bad ? EXIT_USAGE : code;
}

static int submit_from(const struct options *options, FILE *in)
{
	struct submit submit = {
	        .json = options_switch(options, "json"), .keep_going = options_switch(options, "keep-going")};
	struct error err;
	int code;

	if (option_timeout(options, &submit.timeout_ms, &err) != STATUS_OK ||
	        client_open(options, &submit.client, &err) != STATUS_OK)
		return command_fail(&err);
	submit.topic = topic_named(options, TOPIC_JOBS);
	submit.lines = lines_new(in, JOB_VALUE_MAX);
	code = submit_all(&submit, in);
	client_close(submit.client);
	lines_free(submit.lines);
	free(submit.topic);
	return code;
}

int run_submit(int argc, char **argv)
{
	int code;
	struct options *options = command_options(&submit_command, argc, argv, &code);
	FILE *in = stdin;
	struct error err;

	if (!options)
		return code;
	const char *path = options_argument_count(options) ? options_argument(options, 0) : "-";

	if (strcmp(path, "-") != 0)
		in = fopen(path, "re");
	if (in) {
		code = submit_from(options, in);
	} else {
		error_set(&err, STATUS_REJECT, "unreadable", "cannot open %s: %s", path, strerror(errno));
		code = command_fail(&err);
	}
	if (in && in != stdin)
		fclose(in);
	options_free(options);
	return code;
}
