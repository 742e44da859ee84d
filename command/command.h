#ifndef COMMAND_COMMAND_H
#define COMMAND_COMMAND_H

#include "base/error.h"
#include "engine/options.h"

#include <stddef.h>

/* What the command lines of all programs share: subcommands, errors to words and exit codes, and what people
 * see (terminal.h, grid.h). */
enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1, /* the job, or a check, failed */
	EXIT_USAGE = 2,  /* usage or bad input */
	EXIT_UNREACHABLE = 3,
	EXIT_REJECTED = 4,
	EXIT_EXPIRED = 5,
	EXIT_SUPERSEDED = 6, /* or canceled */
	EXIT_WAIT_TIMEOUT = 7,
};

/* A subcommand is a function run(argc, argv) with argv[0] its name; it returns the exit code. */
struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
};

/* The main function of a program of subcommands (name NULL ends the list). exit_codes: words for its --help.
 */
int command_main(
        const char *program, const struct command *commands, const char *exit_codes, int argc, char **argv);

enum exit_code exit_code_of_error(const struct error *err);

/* Says what went wrong, with the code that scripts may look for, and returns its exit code. */
int command_fail(const struct error *err);

/* Parses argv; where there is nothing to run (--help, bad usage) *ret_exit is the exit code and the answer
 * NULL. */
struct options *command_options(const struct command_spec *command, int argc, char **argv, int *ret_exit);

char *topic_named(
        const struct options *options, const char *name); /* with the prefix; the caller's to free() */

/* How long Kafka may take to answer: --timeout, in seconds. */
#define OPTION_TIMEOUT                                                                                       \
	{                                                                                                    \
		.name = "timeout", .argument = "SECONDS", .default_value = "30",                             \
		.help = "how long Kafka may take to answer before this is given up"                          \
	}
#define OPTION_JSON                                                                                          \
	{                                                                                                    \
		.name = "json", .help = "write JSON, one object a line, for programs"                        \
	}
/* Has a Kafka that is silent for two seconds told on stderr, too. */
must_check enum status option_timeout(const struct options *options, int64_t *ret_ms, struct error *err);

/* Makes names and words of outside fit for a terminal: control characters (C0, DEL, C1) become '?'. */
const char *printable(const char *text, char *copy, size_t size);

#endif
