/* holdpoint-producer update: makes a version current, behind its staging. */
#include "command/command.h"
#include "producer/ask.h"
#include "producer/commands.h"

static const struct option_spec update_options[] = {
        {.name = "to",
                .argument = "NAME[,…]",
                .many = true,
                .help = "distribution points, and group:NAME for all of a group (default: those of the "
                        "version)"},
        {.name = "gate",
                .argument = "each|all",
                .help = "each (the default): a distribution point is updated once the version is staged "
                        "there; "
                        "all: none before every one of them has it"},
        ASK_OPTIONS,
        {.name = NULL},
};

const struct command_spec update_command = {
        .name = "holdpoint-producer update",
        .usage = "[OPTION]… PACKAGE VERSION",
        .summary = "Makes a version current on distribution points. It may be sent at any moment, even "
                   "before the "
                   "create: it is held until the version is staged. With content it stages and updates in "
                   "one job.",
        .examples = "holdpoint-producer update HELLO 1.0 --wait\n"
                    "holdpoint-producer update HELLO 1.1 --to group:emea --gate all --deadline PT2H\n"
                    "holdpoint-producer update HELLO 1.2 --from ./hello-1.2 --to paris --wait --wait-timeout "
                    "60\n",
        .options = update_options,
        .kafka = true,
        .least_arguments = 2,
        .most_arguments = 2,
};

int run_update(int argc, char **argv)
{
	return ask_run(&update_command, JOB_UPDATE, argc, argv);
}
