/* holdpoint-producer create: stages a version of a package. */
#include "command/command.h"
#include "producer/ask.h"
#include "producer/commands.h"

static const struct option_spec create_options[] = {
        {.name = "to",
                .argument = "NAME[,…]",
                .many = true,
                .required = true,
                .help = "distribution points, and group:NAME for all of a group"},
        ASK_OPTIONS,
        {.name = NULL},
};

const struct command_spec create_command = {
        .name = "holdpoint-producer create",
        .usage = "[OPTION]… --to NAME[,…] PACKAGE VERSION",
        .summary = "Stages a version of a package: copies its content to distribution points and verifies it "
                   "there. "
                   "Nothing becomes current by it.",
        .examples =
                "holdpoint-producer create HELLO 1.0 --from ./hello-1.0 --to paris,group:apac --wait\n"
                "holdpoint-producer create HELLO 1.0 --manifest hello-1.0.json --to paris --job-id "
                "create-hello-1.0\n"
                "holdpoint-producer create HELLO 1.0 --manifest-url https://artifacts.example/hello/1.0.json "
                "--manifest-digest sha256:… --to group:all\n",
        .options = create_options,
        .kafka = true,
        .least_arguments = 2,
        .most_arguments = 2,
};

int run_create(int argc, char **argv)
{
	return ask_run(&create_command, JOB_CREATE, argc, argv);
}
