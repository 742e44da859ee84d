/* holdpoint-auditor dlq show: one dead letter, whole. */
#include "auditor/letters/dlq.h"
#include "auditor/letters/letters.h"
#include "auditor/reading/question.h"
#include "command/moment.h"
#include "schemas/json.h"

#include <stdlib.h>

enum { TEXT_MAX = 16 << 20 }; /* four characters for each byte of the largest record, with room */

static const struct option_spec show_options[] = {
        {.name = "raw", .help = "write the record's value alone, byte for byte"},
        OPTION_JSON,
        OPTION_TIMEOUT,
        REPLAY_OPTIONS,
        {.name = NULL},
};

static const struct command_spec show_command = {
        .name = "holdpoint-auditor dlq show",
        .usage = "[OPTION]… PARTITION/OFFSET",
        .summary = "Shows one dead letter: where it came from and why it is one, its headers, and its bytes, "
                   "what is not printable as \\n, \\t, \\xNN.",
        .examples = "holdpoint-auditor dlq show dlq/3@17 -b localhost:9092\n"
                    "holdpoint-auditor dlq show 3/17 -b localhost:9092 --raw >job.json\n",
        .options = show_options,
        .kafka = true,
        .least_arguments = 1,
        .most_arguments = 1,
};

static void print_escaped(const char *name, struct view bytes)
{
	struct buffer text;

	buffer_init(&text, TEXT_MAX);
	bytes_escape(bytes, &text);
	printf("%s%s", name, text.data);
	buffer_release(&text);
}

static void print_line(const char *name, struct view bytes)
{
	print_escaped(name, bytes);
	putchar('\n');
}

static void print_people(const struct reading *reading, const char *prefix)
{
	const struct fact *fact = &reading->fact;
	struct view name, value;
	char origin[ORIGIN_SIZE];

	printf("%s, %s\n", place_text(LOG_DLQ, reading->record.position), moment_text(fact->log_time_ms));
	print_line("from    ", view_text(letter_origin(fact, prefix, origin)));
	print_line("key     ", fact->key.data ? fact->key : view_text("(none)"));
	print_line("reason  ", fact->reason);
	print_line("why     ", fact->detail);
	puts("\nheaders");
	for (size_t i = 0; replay_header_at(reading->replay, i, &name, &value); i++) {
		print_escaped("  ", name);
		print_line(": ", value);
	}
	if (!reading->record.value.data) {
		puts("\nno value (a tombstone)");
		return;
	}
	printf("\nvalue, %zu bytes\n", reading->record.value.len);
	print_line("", reading->record.value);
}

static void put_headers(const struct reading *reading, struct buffer *out)
{
	struct view name, value;

	json_key(out, "headers");
	json_begin(out, '[');
	for (size_t i = 0; replay_header_at(reading->replay, i, &name, &value); i++) {
		json_begin(out, '[');
		json_add_view(out, name);
		json_add_view(out, value);
		json_end(out, ']');
	}
	json_end(out, ']');
}

static void put_view(struct buffer *out, const char *name, struct view value)
{
	if (!value.data)
		return;
	json_key(out, name);
	json_add_view(out, value);
}

static void print_json(const struct reading *reading)
{
	const struct fact *fact = &reading->fact;
	struct buffer line;

	buffer_init(&line, TEXT_MAX);
	json_begin(&line, '{');
	place_put(&line, "place", LOG_DLQ, reading->record.position);
	json_put_time(&line, "time", fact->log_time_ms);
	put_view(&line, "package", fact->key);
	put_view(&line, "reason", fact->reason);
	put_view(&line, "detail", fact->detail);
	json_put_uint(&line, "size", reading->record.value.len);
	put_headers(reading, &line);
	put_view(&line, "value", reading->record.value);
	json_end(&line, '}');
	puts(line.data);
	buffer_release(&line);
}

static enum status find_letter(struct reading *reading, const struct place *place, struct error *err)
{
	bool found;
	enum status status;

	while ((status = reading_next(reading, &found, err)) == STATUS_OK && found)
		if (position_equal(reading->record.position, place->position))
			return STATUS_OK;
	if (status != STATUS_OK)
		return status;
	return error_set(err, STATUS_FATAL, "letter_unknown",
	        "there is no dead letter at %s: holdpoint-auditor dlq list shows those that there are",
	        place_text(place->topic, place->position));
}

static enum status show_letter(const struct options *options, struct error *err)
{
	struct place place = {.topic = LOG_DLQ};
	struct reading reading;
	enum status status = place_parse(options_argument(options, 0), options_prefix(options), &place, err);

	if (status == STATUS_OK && place.topic != LOG_DLQ)
		return error_set(err, STATUS_REJECT, "usage",
		        "%s is no place of dead letters: they are in dlq", options_argument(options, 0));
	if (status != STATUS_OK || letters_open(options, &place, &reading, err) != STATUS_OK)
		return err->status;
	status = find_letter(&reading, &place, err);
	if (status == STATUS_OK && options_switch(options, "raw"))
		fwrite(reading.record.value.data, 1, reading.record.value.len, stdout);
	else if (status == STATUS_OK && options_switch(options, "json"))
		print_json(&reading);
	else if (status == STATUS_OK)
		print_people(&reading, options_prefix(options));
	reading_close(&reading);
	return status;
}

int run_dlq_show(int argc, char **argv)
{
	return question_run(&show_command, show_letter, argc, argv);
}
