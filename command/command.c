#include "command/command.h"

#include "base/memory.h"
#include "engine/client.h"
#include "engine/no_core.h"

#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static void print_help(const char *program, const struct command *commands, const char *exit_codes, FILE *to)
{
	fprintf(to, "Usage: %s COMMAND [OPTION]…\n\nCommands:\n", program);
	for (const struct command *command = commands; command->name; command++)
		fprintf(to, "  %-10s %s\n", command->name, command->summary);
	fprintf(to, "\n'%s COMMAND --help' shows its options and examples.\n\n%s", program, exit_codes);
}

static bool is_one_of(const char *text, const char *a, const char *b, const char *c)
{
	return strcmp(text, a) == 0 || strcmp(text, b) == 0 || strcmp(text, c) == 0;
}

int command_main(
        const char *program, const struct command *commands, const char *exit_codes, int argc, char **argv)
{
	setlocale(LC_CTYPE, "");
	signal(SIGPIPE, SIG_IGN);
	leave_no_core();
	if (argc < 2) {
		print_help(program, commands, exit_codes, stderr);
		return EXIT_USAGE;
	}
	if (is_one_of(argv[1], "--help", "-h", "help")) {
		print_help(program, commands, exit_codes, stdout);
		return EXIT_DONE;
	}
	if (is_one_of(argv[1], "--version", "-V", "version")) {
		printf("%s " HOLDPOINT_VERSION "\n", program);
		return EXIT_DONE;
	}
	for (const struct command *command = commands; command->name; command++)
		if (strcmp(argv[1], command->name) == 0)
			return command->run(argc - 1, argv + 1);
	fprintf(stderr, "%s: there is no command '%s'\n\n", program, argv[1]);
	print_help(program, commands, exit_codes, stderr);
	return EXIT_USAGE;
}

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

int command_fail(const struct error *err)
{
	char words[ERROR_MESSAGE_MAX];

	fprintf(stderr, "%s: %s (%s)\n", program_invocation_short_name,
	        printable(err->message, words, sizeof(words)), err->code);
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

static void tell_silence(const char *brokers, int64_t left_ms)
{
	char words[ERROR_MESSAGE_MAX];

	fprintf(stderr, "%s: no answer yet from Kafka at %s; trying for %lld s more (--timeout)\n",
	        program_invocation_short_name, printable(brokers, words, sizeof(words)),
	        (long long)(left_ms + 999) / 1000);
}

enum status option_timeout(const struct options *options, int64_t *ret_ms, struct error *err)
{
	int64_t seconds;

	if (options_number(options, "timeout", 1, 86400, &seconds, err) != STATUS_OK)
		return err->status;
	*ret_ms = seconds * 1000;
	client_on_silence(tell_silence);
	return STATUS_OK;
}

const char *printable(const char *text, char *copy, size_t size)
{
	size_t len = 0;

	for (; text[len] && len + 1 < size; len++) {
		unsigned char c = (unsigned char)text[len];
		bool control = c < 0x20 || c == 0x7f;

		/* C1: two bytes in UTF-8, and the second alone is a terminal's too */
		if (c == 0xc2 && ((unsigned char)text[len + 1] & 0xe0) == 0x80 && len + 2 < size) {
			copy[len++] = '?';
			control = true;
		}
		copy[len] = control ? '?' : text[len];
	}
	copy[len] = '\0';
	return copy;
}
