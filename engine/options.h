#ifndef ENGINE_OPTIONS_H
#define ENGINE_OPTIONS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Options of a command, from the command line and from -F files, with the same names: `--spool DIR` is
 * `holdpoint.spool=DIR` in a file; names there without "holdpoint." are librdkafka's, as with -X. The command
 * line wins over files, a later file over an earlier. Parsing and --help are glibc's getopt_long. */
struct option_spec {
	const char *name;          /* "distribution-points" */
	char short_name;           /* 0: none */
	const char *argument;      /* "FILE"; NULL: a switch */
	const char *default_value; /* NULL: none */
	const char *help;
	bool many; /* may be given more than once */
	bool required;
};

struct options;

/* What a command is, for its --help. Ends of arrays: name NULL, text NULL. */
struct command_spec {
	const char *name;                  /* "program" or "program command" */
	const char *usage;                 /* "[OPTION]… PKG VERSION" */
	const char *summary;               /* a paragraph */
	const char *examples;              /* lines, each a command that works as written */
	const struct option_spec *options; /* own ones */
	bool kafka;                        /* takes the common ones: -b -X -F --prefix */
	size_t least_arguments, most_arguments;
};

/* STATUS_REJECT: the message says which option. --help and --version print to stdout and set *ret_printed,
 * with *ret_options NULL. On success the options are the caller's. */
must_check enum status options_parse(const struct command_spec *command, int argc, char **argv,
        struct options **ret_options, bool *ret_printed, struct error *err);
void options_free(struct options *options);

const char *options_text(
        const struct options *options, const char *name); /* NULL where absent and no default */
bool options_switch(const struct options *options, const char *name);
must_check enum status options_number(const struct options *options, const char *name, int64_t least,
        int64_t most, int64_t *ret, struct error *err); /* takes K, M, G suffixes (1024) */
size_t options_count(const struct options *options, const char *name);
const char *options_nth(const struct options *options, const char *name, size_t n);
size_t options_argument_count(const struct options *options);
const char *options_argument(const struct options *options, size_t n);

const char *options_bootstrap(const struct options *options); /* NULL where none was given */
const char *options_prefix(const struct options *options);    /* "holdpoint." */
/* librdkafka properties in the order in which they are to be set. */
size_t options_property_count(const struct options *options);
void options_property(const struct options *options, size_t n, const char **ret_name, const char **ret_value);

#endif
