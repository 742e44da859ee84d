#include "engine/options.h"

#include "base/memory.h"
#include "engine/options_help.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Options of a command: one list of (name, value, source) in the order in which they were met. */

enum source { FROM_FILE, FROM_COMMAND_LINE };

struct value {
	char *name, *text;
	enum source source;
	int file; /* number of the file it came from */
};

struct values {
	struct value *all;
	size_t count;
};

struct options {
	const struct command_spec *command;
	struct values options, properties;
	char **arguments;
	size_t argument_count;
};

enum { OPTIONS_MAX = 64, FILE_LINE_MAX = 16384 };
enum { OPTION_HELP = 1000, OPTION_VERSION, OPTION_FIRST };

static void values_add(
        struct values *values, const char *name, const char *text, enum source source, int file)
{
	values->all = memory_resize(values->all, (values->count + 1) * sizeof(*values->all));
	values->all[values->count++] = (struct value){memory_text(name), memory_text(text), source, file};
}

static void values_free(struct values *values)
{
	for (size_t i = 0; i < values->count; i++) {
		free(values->all[i].name);
		free(values->all[i].text);
	}
	free(values->all);
}

void options_free(struct options *options)
{
	if (!options)
		return;
	values_free(&options->options);
	values_free(&options->properties);
	free(options->arguments);
	free(options);
}

/* The spec of an option by its long name: the command's own, then the common ones. */
static const struct option_spec *spec_of(const struct command_spec *command, const char *name)
{
	for (const struct option_spec *spec = command->options; spec && spec->name; spec++)
		if (strcmp(spec->name, name) == 0)
			return spec;
	for (const struct option_spec *spec = options_common(); command->kafka && spec->name; spec++)
		if (strcmp(spec->name, name) == 0)
			return spec;
	return NULL;
}

/* ---- files */

static char *trim(char *text)
{
	size_t len;

	text += strspn(text, " \t\r\n");
	len = strlen(text);
	while (len && strchr(" \t\r\n", text[len - 1]))
		text[--len] = '\0';
	return text;
}

static enum status read_own(struct options *options, const char *path, int line, int file, const char *name,
        const char *value, struct error *err)
{
	const struct option_spec *spec = spec_of(options->command, name);

	if (!spec || strcmp(name, "file") == 0 || strcmp(name, "property") == 0)
		return error_set(err, STATUS_REJECT, "unknown_option",
		        "%s line %d: %s has no option 'holdpoint.%s' (see --help)", path, line,
		        options->command->name, name);
	if (!spec->argument && strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
		return error_set(err, STATUS_REJECT, "invalid_option",
		        "%s line %d: holdpoint.%s is 'true' or 'false', not '%s'", path, line, name, value);
	values_add(&options->options, name, value, FROM_FILE, file);
	return STATUS_OK;
}

static enum status read_line(
        struct options *options, const char *path, int line, int file, char *text, struct error *err)
{
	static const char own[] = "holdpoint.";
	char *name = trim(text), *equals = strchr(name, '=');

	if (*name == '\0' || *name == '#')
		return STATUS_OK;
	if (!equals || equals == name)
		return error_set(err, STATUS_REJECT, "invalid_option",
		        "%s line %d: expected name=value, not '%s'", path, line, name);
	*equals = '\0';
	name = trim(name);
	if (strncmp(name, own, sizeof(own) - 1) == 0)
		return read_own(options, path, line, file, name + sizeof(own) - 1, trim(equals + 1), err);
	values_add(&options->properties, name, trim(equals + 1), FROM_FILE, file);
	return STATUS_OK;
}

static enum status read_file(struct options *options, const char *path, int file, struct error *err)
{
	char text[FILE_LINE_MAX];
	enum status status = STATUS_OK;
	FILE *in = fopen(path, "re");

	if (!in)
		return error_set(err, STATUS_REJECT, "file_unreadable", "cannot read the options file %s: %s",
		        path, strerror(errno));
	for (int line = 1; status == STATUS_OK && fgets(text, sizeof(text), in); line++) {
		if (strlen(text) == sizeof(text) - 1 && !strchr(text, '\n'))
			status = error_set(err, STATUS_REJECT, "invalid_option",
			        "%s line %d is longer than %d bytes", path, line, FILE_LINE_MAX - 2);
		else
			status = read_line(options, path, line, file, text, err);
	}
	if (status == STATUS_OK && ferror(in))
		status = error_set(err, STATUS_REJECT, "file_unreadable",
		        "cannot read the options file %s: %s", path, strerror(errno));
	fclose(in);
	return status;
}

static enum status read_files(struct options *options, struct error *err)
{
	enum status status = STATUS_OK;

	/* files add values while this runs, none of which names a further file */
	for (size_t i = 0, count = options->options.count; i < count && status == STATUS_OK; i++)
		if (strcmp(options->options.all[i].name, "file") == 0)
			status = read_file(options, options->options.all[i].text, (int)i + 1, err);
	return status;
}

/* ---- the command line */

struct parser {
	struct option longs[OPTIONS_MAX + 1];
	char shorts[2 * OPTIONS_MAX + 2];
	const struct option_spec *specs[OPTIONS_MAX];
	size_t count;
};

static void parser_add(struct parser *parser, const struct option_spec *specs)
{
	for (; specs && specs->name; specs++) {
		size_t n = parser->count, at = strlen(parser->shorts);
		if (n + 2 >= OPTIONS_MAX)
			abort(); /* our own tables */
		parser->specs[n] = specs;
		parser->longs[n] = (struct option){specs->name,
		        specs->argument ? required_argument : no_argument, NULL, OPTION_FIRST + (int)n};
		if (specs->short_name)
			snprintf(parser->shorts + at, sizeof(parser->shorts) - at, "%c%s", specs->short_name,
			        specs->argument ? ":" : "");
		parser->count++;
	}
}

static void parser_init(struct parser *parser, const struct command_spec *command)
{
	memset(parser, 0, sizeof(*parser));
	strcpy(parser->shorts, ":h");
	parser_add(parser, command->options);
	parser_add(parser, command->kafka ? options_common() : NULL);
	parser->longs[parser->count] = (struct option){"help", no_argument, NULL, OPTION_HELP};
	parser->longs[parser->count + 1] = (struct option){"version", no_argument, NULL, OPTION_VERSION};
}

static const struct option_spec *parser_find(const struct parser *parser, int option)
{
	if (option >= OPTION_FIRST)
		return parser->specs[option - OPTION_FIRST];
	for (size_t i = 0; i < parser->count; i++)
		if (parser->specs[i]->short_name == option)
			return parser->specs[i];
	return NULL;
}

static enum status take_property(struct options *options, const char *text, struct error *err)
{
	const char *equals = strchr(text, '=');
	char *name;

	if (!equals || equals == text)
		return error_set(err, STATUS_REJECT, "invalid_option", "-X takes name=value, not '%s'", text);
	name = memory_copy(text, (size_t)(equals - text));
	values_add(&options->properties, name, equals + 1, FROM_COMMAND_LINE, 0);
	free(name);
	return STATUS_OK;
}

static enum status take_option(
        struct options *options, const struct parser *parser, int option, char **argv, struct error *err)
{
	const struct option_spec *spec;
	const char *given = argv[optind - 1];

	if (option == '?' && optopt && optopt < OPTION_HELP && given[1] != '-')
		return error_set(err, STATUS_REJECT, "unknown_option", "there is no option '-%c'", optopt);
	if (option == '?')
		return error_set(err, STATUS_REJECT, "unknown_option",
		        "there is no option '%s', or not in this form", given);
	if (option == ':')
		return error_set(err, STATUS_REJECT, "invalid_option", "%s needs a value", given);
	spec = parser_find(parser, option);
	if (strcmp(spec->name, "property") == 0)
		return take_property(options, optarg, err);
	values_add(&options->options, spec->name, spec->argument ? optarg : "true", FROM_COMMAND_LINE, 0);
	return STATUS_OK;
}

static enum status check_required(const struct options *options, struct error *err)
{
	const struct command_spec *command = options->command;
	size_t count = options->argument_count;

	if (count < command->least_arguments)
		return error_set(err, STATUS_REJECT, "arguments", "an argument is missing: usage: %s %s",
		        command->name, command->usage);
	if (count > command->most_arguments)
		return error_set(err, STATUS_REJECT, "arguments", "unexpected argument '%s': usage: %s %s",
		        options->arguments[command->most_arguments], command->name, command->usage);
	for (const struct option_spec *spec = command->options; spec && spec->name; spec++)
		if (spec->required && !options_text(options, spec->name))
			return error_set(err, STATUS_REJECT, "option_missing", "--%s %s is required",
			        spec->name, spec->argument);
	return STATUS_OK;
}

static enum status parse_command_line(
        struct options *options, int argc, char **argv, bool *ret_printed, struct error *err)
{
	enum status status = STATUS_OK;
	struct parser parser;
	int option;

	parser_init(&parser, options->command);
	optind = 0;
	while (status == STATUS_OK &&
	        (option = getopt_long(argc, argv, parser.shorts, parser.longs, NULL)) != -1) {
		if (option == 'h' || option == OPTION_HELP || option == OPTION_VERSION) {
			if (option == OPTION_VERSION)
				options_print_version(options->command);
			else
				options_print_help(options->command);
			*ret_printed = true;
			return STATUS_OK;
		}
		status = take_option(options, &parser, option, argv, err);
	}
	for (; status == STATUS_OK && optind < argc; optind++) {
		options->arguments = memory_resize(
		        options->arguments, (options->argument_count + 1) * sizeof(*options->arguments));
		options->arguments[options->argument_count++] = argv[optind];
	}
	return status;
}

enum status options_parse(const struct command_spec *command, int argc, char **argv,
        struct options **ret_options, bool *ret_printed, struct error *err)
{
	struct options *options = memory_alloc(sizeof(*options));
	bool printed = false;
	enum status status;

	options->command = command;
	status = parse_command_line(options, argc, argv, &printed, err);
	if (status == STATUS_OK && !printed)
		status = read_files(options, err);
	if (status == STATUS_OK && !printed)
		status = check_required(options, err);
	if (status != STATUS_OK || printed) {
		options_free(options);
		options = NULL;
	}
	if (status == STATUS_OK) {
		*ret_options = options;
		*ret_printed = printed;
	}
	return status;
}

/* ---- reading them */

/* The source whose values count: the command line, else the last file that names it. */
static bool counts(const struct options *options, const struct value *value)
{
	for (size_t i = 0; i < options->options.count; i++) {
		const struct value *other = &options->options.all[i];
		if (strcmp(other->name, value->name) == 0 &&
		        (other->source > value->source ||
		                (other->source == value->source && other->file > value->file)))
			return false;
	}
	return true;
}

const char *options_text(const struct options *options, const char *name)
{
	const struct option_spec *spec = spec_of(options->command, name);
	const char *found = NULL;

	for (size_t i = 0; i < options->options.count; i++) {
		const struct value *value = &options->options.all[i];
		if (strcmp(value->name, name) == 0 && counts(options, value))
			found = value->text;
	}
	return found ? found : spec ? spec->default_value : NULL;
}

bool options_switch(const struct options *options, const char *name)
{
	const char *text = options_text(options, name);

	return text && strcmp(text, "true") == 0;
}

enum status options_number(const struct options *options, const char *name, int64_t least, int64_t most,
        int64_t *ret, struct error *err)
{
	const char *text = options_text(options, name);
	char *end = NULL;
	int64_t number, shift = 0;

	errno = 0;
	number = text ? strtoll(text, &end, 10) : 0;
	if (end && *end && end != text) {
		const char *suffix = strchr("KMG", *end);
		shift = suffix ? 10 * (suffix - "KMG" + 1) : 0;
		end += suffix ? 1 : 0;
	}
	if (!text || end == text || *end || errno ||
	        __builtin_mul_overflow(number, INT64_C(1) << shift, &number) || number < least ||
	        number > most)
		return error_set(err, STATUS_REJECT, "invalid_option",
		        "--%s takes a number from %lld to %lld (K, M and G are 1024-fold), not '%s'", name,
		        (long long)least, (long long)most, text ? text : "");
	*ret = number;
	return STATUS_OK;
}

size_t options_count(const struct options *options, const char *name)
{
	size_t count = 0;

	for (size_t i = 0; i < options->options.count; i++)
		if (strcmp(options->options.all[i].name, name) == 0 &&
		        counts(options, &options->options.all[i]))
			count++;
	return count;
}

const char *options_nth(const struct options *options, const char *name, size_t n)
{
	for (size_t i = 0; i < options->options.count; i++)
		if (strcmp(options->options.all[i].name, name) == 0 &&
		        counts(options, &options->options.all[i]) && n-- == 0)
			return options->options.all[i].text;
	return NULL;
}

size_t options_argument_count(const struct options *options)
{
	return options->argument_count;
}

const char *options_argument(const struct options *options, size_t n)
{
	return n < options->argument_count ? options->arguments[n] : NULL;
}

const char *options_bootstrap(const struct options *options)
{
	return options_text(options, "bootstrap");
}

const char *options_prefix(const struct options *options)
{
	return options_text(options, "prefix");
}

size_t options_property_count(const struct options *options)
{
	return options->properties.count;
}

/* Those of files first, so that the command line is set last and wins. */
void options_property(const struct options *options, size_t n, const char **ret_name, const char **ret_value)
{
	for (int source = FROM_FILE; source <= FROM_COMMAND_LINE; source++) {
		for (size_t i = 0; i < options->properties.count; i++) {
			const struct value *property = &options->properties.all[i];
			if ((int)property->source == source && n-- == 0) {
				*ret_name = property->name;
				*ret_value = property->text;
				return;
			}
		}
	}
	abort();
}
