/* Headers of records, options files, and how far an input was read. */
#include "fuzz.h"

#include "engine/envelope.h"
#include "engine/options.h"
#include "engine/progress.h"
#include "engine/trace.h"
#include "engine/worker.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A traceparent, and a record that carries it as what follows from it, as a dead letter and sent on. */
void fuzz_headers(struct view input)
{
	struct view header = {0}, key = {0}, id = {0};
	struct outbox *outbox = outbox_new();

	fuzz_piece(&input, &header);
	fuzz_piece(&input, &key);
	fuzz_piece(&input, &id);
	struct view trace = traceparent_of(header);
	struct record record = {
	        .position = {1, 7}, .origin = {1, 7}, .key = key, .value = input, .traceparent = trace};

	fuzz_require(!trace.data ||
	             (trace.data == header.data && trace.len >= 55 && trace.len <= TRACEPARENT_MAX));
	outbox_about(outbox, key, trace);
	outbox_record_is(outbox, &record);
	envelope_record(outbox, 0, input, trace,
	        &(struct envelope){id, view_text("holdpoint.staged.v1"), view_text("stager"), key, 0});
	outbox_reroute(outbox, 3);
	outbox_dead_letter(outbox, "invalid_json", "words");
	for (size_t i = 0; i < outbox_count(outbox); i++) {
		const struct outbox_message *message = outbox_message(outbox, i);

		fuzz_require(view_equal(message->key, key) && view_equal(message->value, input));
		fuzz_require(message->header_count > 0 || message->kind == OUTBOX_RECORD);
	}
	outbox_record_is(outbox, NULL);
	outbox_free(outbox);
}

/* ---- -F */

static const struct option_spec own[] = {
        {.name = "spool", .argument = "DIR", .help = "a folder"},
        {.name = "many", .argument = "NAME", .many = true, .help = "names"},
        {.name = "size", .argument = "BYTES", .default_value = "1M", .help = "a number"},
        {.name = "quiet", .help = "a switch"},
        {0},
};
static const struct command_spec command = {
        .name = "fuzz", .usage = "", .summary = "", .options = own, .kafka = true, .most_arguments = 1};

static void read_options(const struct options *options)
{
	const char *name, *value;
	struct error err;
	int64_t size = 0;

	for (size_t i = 0; i < options_property_count(options); i++) {
		options_property(options, i, &name, &value);
		fuzz_note(view_text(name));
		fuzz_note(view_text(value));
		fuzz_require(name[0] && value);
	}
	for (size_t i = 0; i < options_count(options, "many"); i++)
		fuzz_require(options_nth(options, "many", i));
	if (options_number(options, "size", 0, 1 << 20, &size, &err) == STATUS_OK)
		fuzz_require(size >= 0 && size <= 1 << 20);
	options_switch(options, "quiet");
	options_prefix(options);
}

void fuzz_options(struct view input)
{
	static int file = -1;
	char path[40], *argv[] = {"fuzz", "-F", path, NULL};
	struct options *options = NULL;
	struct error err;
	bool printed;

	if (file < 0)
		file = memfd_create("options", MFD_CLOEXEC);
	if (file < 0 || ftruncate(file, 0) || pwrite(file, input.data, input.len, 0) != (ssize_t)input.len)
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	enum status status = options_parse(&command, 3, argv, &options, &printed, &err);
	if (status == STATUS_OK ||
	        !strstr(err.message, strerror(ENOMEM))) /* said, and the user may try again */
		fuzz_note_status(status, &err);
	else
		fuzz_outcome = FUZZ_NO_MEMORY;
	if (status != STATUS_OK)
		return;
	fuzz_require(!printed);
	read_options(options);
	options_free(options);
}

/* ---- @position */

void fuzz_position(struct view input)
{
	struct progress progress, again;
	char text[PROGRESS_TEXT_SIZE];
	struct error err;

	progress_init(&progress);
	progress_init(&again);
	if (progress_parse(input, &progress, &err) != STATUS_OK)
		return;
	progress_format(&progress, text);
	fuzz_require(progress_parse(view_text(text), &again, &err) == STATUS_OK);
	fuzz_require(progress.next == again.next && progress.last == again.last);
	fuzz_require(strcmp(progress.fingerprint, again.fingerprint) == 0);
}
