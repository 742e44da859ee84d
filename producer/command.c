/* What the subcommands share: errors to words and exit codes. */
#include "producer/command.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>

enum exit_code exit_code_of_error(const struct error *err)
{
	if (strcmp(err->code, "kafka_unreachable") == 0)
		return EXIT_UNREACHABLE;
	if (strcmp(err->code, "kafka_property") == 0)
		return EXIT_USAGE;
	if (strncmp(err->code, "kafka_", 6) == 0 || strncmp(err->code, "topic_", 6) == 0)
		return EXIT_FAILED;
	return err->status == STATUS_REJECT ? EXIT_USAGE : EXIT_FAILED;
}

enum exit_code exit_code_of_state(const char *state)
{
	static const struct {
		const char *state;
		enum exit_code code;
	} codes[] = {
	        {"completed", EXIT_DONE},
	        {"failed", EXIT_FAILED},
	        {"rejected", EXIT_REJECTED},
	        {"expired", EXIT_EXPIRED},
	        {"superseded", EXIT_SUPERSEDED},
	        {"canceled", EXIT_SUPERSEDED},
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		if (strcmp(state, codes[i].state) == 0)
			return codes[i].code;
	return EXIT_FAILED;
}

int command_fail(const struct error *err)
{
	char words[ERROR_MESSAGE_MAX];

	fprintf(stderr, "holdpoint-producer: %s (%s)\n", printable(err->message, words, sizeof(words)),
	        err->code);
	return exit_code_of_error(err);
}

struct options *command_options(const struct command_spec *command, int argc, char **argv, int *ret_exit)
{
	struct options *options = NULL;
	bool printed = false;
	struct error err;

	if (options_parse(command, argc, argv, &options, &printed, &err) != STATUS_OK) {
		fprintf(stderr, "%s: %s\nTry '%s --help'.\n", command->name, err.message, command->name);
		*ret_exit = EXIT_USAGE;
		return NULL;
	}
	*ret_exit = EXIT_DONE;
	return printed ? NULL : options;
}

char *topic_named(const struct options *options, const char *name)
{
	return memory_format("%s%s", options_prefix(options), name);
}

enum status option_timeout(const struct options *options, int64_t *ret_ms, struct error *err)
{
	int64_t seconds;

	if (options_number(options, "timeout", 1, 86400, &seconds, err) != STATUS_OK)
		return err->status;
	*ret_ms = seconds * 1000;
	return STATUS_OK;
}

const char *printable(const char *text, char *copy, size_t size)
{
	size_t len = 0;

	for (; text[len] && len + 1 < size; len++) {
		unsigned char c = (unsigned char)text[len];

		copy[len] = c < 0x20 || c == 0x7f ? '?' : text[len];
	}
	copy[len] = '\0';
	return copy;
}
