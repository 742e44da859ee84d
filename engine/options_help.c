#include "engine/options_help.h"

#include <stdio.h>
#include <string.h>

/* Help is for a terminal of 80 columns and more: two columns, the second wrapped. */
enum { WIDTH = 100, COLUMN = 34 };

const struct option_spec *options_common(void)
{
	static const struct option_spec common[] = {
	        {.name = "bootstrap",
	                .short_name = 'b',
	                .argument = "HOST:PORT[,…]",
	                .help = "Kafka's brokers, or some of them (default: localhost:9092)"},
	        {.name = "property",
	                .short_name = 'X',
	                .argument = "NAME=VALUE",
	                .many = true,
	                .help = "a property of librdkafka, such as security.protocol=ssl"},
	        {.name = "file",
	                .short_name = 'F',
	                .argument = "FILE",
	                .many = true,
	                .help = "lines NAME=VALUE: names that begin with holdpoint. are the long options "
	                        "here, "
	                        "all others are librdkafka's; the command line wins"},
	        {.name = "prefix",
	                .argument = "PREFIX",
	                .default_value = "holdpoint.",
	                .help = "what the names of topics, groups and transactional ids begin with"},
	        {.name = NULL}};

	return common;
}

/* Terminal columns of UTF-8 text. */
static int columns(const char *text, size_t len)
{
	int count = 0;

	for (size_t i = 0; i < len; i++)
		count += ((unsigned char)text[i] & 0xc0) != 0x80;
	return count;
}

/* Prints words from column at on, later lines indented. */
static void print_wrapped(const char *text, int at, int indent)
{
	while (*text) {
		size_t len = strcspn(text, " \n");
		int width = columns(text, len);
		if (at > indent && at + 1 + width > WIDTH) {
			printf("\n%*s", indent, "");
			at = indent;
		} else if (at > indent) {
			putchar(' ');
			at++;
		}
		printf("%.*s", (int)len, text);
		at += width;
		text += len;
		text += strspn(text, " \n");
	}
	putchar('\n');
}

static void print_option(const struct option_spec *spec)
{
	char left[256], help[1024];
	int width;

	if (spec->short_name)
		snprintf(left, sizeof(left), "  -%c, --%s%s%s", spec->short_name, spec->name,
		        spec->argument ? " " : "", spec->argument ? spec->argument : "");
	else
		snprintf(left, sizeof(left), "      --%s%s%s", spec->name, spec->argument ? " " : "",
		        spec->argument ? spec->argument : "");
	snprintf(help, sizeof(help), "%s%s%s%s%s%s", spec->help, spec->default_value ? " (default: " : "",
	        spec->default_value ? spec->default_value : "", spec->default_value ? ")" : "",
	        spec->required ? " (required)" : "", spec->many ? " (repeatable)" : "");
	width = columns(left, strlen(left));
	printf("%s", left);
	if (width + 2 > COLUMN)
		printf("\n%*s", COLUMN, "");
	else
		printf("%*s", COLUMN - width, "");
	print_wrapped(help, COLUMN, COLUMN);
}

static void print_options(const struct option_spec *specs)
{
	for (; specs && specs->name; specs++)
		print_option(specs);
}

/* Lines of a literal, indented. */
static void print_lines(const char *text, int indent)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		printf("%*s%.*s\n", len ? indent : 0, "", (int)len, text);
		text += len;
		text += *text == '\n';
	}
}

void options_print_help(const struct command_spec *command)
{
	static const struct option_spec last[] = {
	        {.name = "help", .short_name = 'h', .help = "print this and exit"},
	        {.name = "version", .help = "print the version and exit"}, {.name = NULL}};

	printf("Usage: %s %s\n\n", command->name, command->usage ? command->usage : "[OPTION]…");
	if (command->summary) {
		print_wrapped(command->summary, 0, 0);
		putchar('\n');
	}
	if (command->options && command->options->name) {
		printf("Options:\n");
		print_options(command->options);
		putchar('\n');
	}
	printf(command->kafka ? "Common options:\n" : "Further options:\n");
	if (command->kafka)
		print_options(options_common());
	print_options(last);
	if (command->examples) {
		printf("\nExamples:\n");
		print_lines(command->examples, 2);
	}
}

void options_print_version(const struct command_spec *command)
{
	printf("%.*s %s\n", (int)strcspn(command->name, " "), command->name, HOLDPOINT_VERSION);
}
