/* holdpoint-auditor dlq: the dead letters: which of its subcommands runs. */
#include "auditor/letters/dlq.h"
#include "command/command.h"

static const struct command commands[] = {
        {"list", run_dlq_list, "the dead letters, and why each is one"},
        {"show", run_dlq_show, "one dead letter: its headers and its bytes"},
        {"redrive", run_dlq_redrive, "publish dead letters to jobs again, as they were"},
        {0},
};

static const char exit_codes[] =
        "Exit codes: 0 done, 1 refused or failed, 2 usage or bad input, 3 Kafka not reachable in time.\n";

int run_dlq(int argc, char **argv)
{
	return command_main("holdpoint-auditor dlq", commands, exit_codes, argc, argv);
}
