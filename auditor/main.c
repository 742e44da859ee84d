/* holdpoint-auditor: what the log proves, and what it tells: which subcommand runs. */
#include "auditor/commands.h"
#include "command/command.h"

static const struct command commands[] = {
        {0},
};

static const char exit_codes[] = "Exit codes: 0 done (verify: clean), 1 violations or failure, 2 usage or "
                                 "bad input, 3 Kafka not reachable in "
                                 "time.\n";

int main(int argc, char **argv)
{
	return command_main("holdpoint-auditor", commands, exit_codes, argc, argv);
}
