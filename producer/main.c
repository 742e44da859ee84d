/* holdpoint-producer: the command line for those who ask: which subcommand runs. */
#include "command/command.h"
#include "producer/commands.h"

static const struct command commands[] = {
        {"topics", run_topics, "create the topics that are missing and check the others"},
        {"create", run_create, "stage a version of a package on distribution points"},
        {"update", run_update, "make a version current, as soon as it is staged"},
        {"submit", run_submit, "send jobs from a file, one JSON object a line"},
        {"wait", run_wait, "follow a job that was sent before to its end"},
        {"manifest", run_manifest, "describe the files of a folder"},
        {0},
};

static const char exit_codes[] =
        "Exit codes: 0 done, 1 the job or check failed, 2 usage or bad input, 3 Kafka not reachable in "
        "time,\n"
        "4 rejected, 5 expired, 6 superseded or canceled, 7 --wait-timeout passed.\n";

int main(int argc, char **argv)
{
	return command_main("holdpoint-producer", commands, exit_codes, argc, argv);
}
