/* holdpoint-producer: the command line for those who ask: which subcommand runs. */
#include "producer/command.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} commands[] = {
        {"topics", run_topics, "create the topics that are missing and check the others"},
        {"create", run_create, "stage a version of a package on distribution points"},
        {"update", run_update, "make a version current, as soon as it is staged"},
        {"submit", run_submit, "send jobs from a file, one JSON object a line"},
        {"wait", run_wait, "follow a job that was sent before to its end"},
        {"manifest", run_manifest, "describe the files of a folder"},
};

static void print_help(FILE *to)
{
	fputs("Usage: holdpoint-producer COMMAND [OPTION]...\n\nCommands:\n", to);
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].summary);
	fputs("\n'holdpoint-producer COMMAND --help' shows its options and examples.\n\n"
	      "Exit codes: 0 done, 1 the job or check failed, 2 usage or bad input, 3 Kafka not reachable in "
	      "time,\n"
	      "4 rejected, 5 expired, 6 superseded or canceled, 7 --wait-timeout passed.\n",
	        to);
}

int main(int argc, char **argv)
{
	setlocale(LC_CTYPE, "");
	signal(SIGPIPE, SIG_IGN);
	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
		print_help(stdout);
		return EXIT_DONE;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("holdpoint-producer " HOLDPOINT_VERSION);
		return EXIT_DONE;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	fprintf(stderr, "holdpoint-producer: there is no command '%s'\n\n", argv[1]);
	print_help(stderr);
	return EXIT_USAGE;
}
