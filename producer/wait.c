/* holdpoint-producer wait: follows a job that was sent before to its end. */
#include "command/command.h"
#include "producer/commands.h"

#include "producer/follow.h"

#include <stdio.h>

static const struct option_spec wait_options[] = {
        {.name = "package", .argument = "PKG", .required = true, .help = "the package that the job is about"},
        {.name = "wait-timeout",
                .argument = "TIME",
                .help = "seconds, or a duration such as PT5M, after which to stop waiting (exit code 7)"},
        OPTION_JSON,
        OPTION_TIMEOUT,
        {.name = NULL},
};

static const struct command_spec wait_command = {
        .name = "holdpoint-producer wait",
        .usage = "[OPTION]… --package PKG JOB_ID",
        .summary = "Follows a job to its end: the last one accepted under this id. One that has ended "
                   "already is "
                   "told at once.",
        .examples = "holdpoint-producer wait -b localhost:9092 --package HELLO first-update\n"
                    "holdpoint-producer wait -b localhost:9092 --package HELLO @3-1742 --wait-timeout PT5M "
                    "--json\n",
        .options = wait_options,
        .kafka = true,
        .least_arguments = 1,
        .most_arguments = 1,
};

static enum status follow_job(
        const struct options *options, struct client *client, int *ret_code, struct error *err)
{
	const char *package_id = options_text(options, "package"), *job_id = options_argument(options, 0);
	int64_t timeout_ms, wait_ms;
	struct follow *follow;
	struct watch watch;

	if (option_timeout(options, &timeout_ms, err) != STATUS_OK ||
	        option_wait_timeout(options, &wait_ms, err) != STATUS_OK ||
	        follow_open(client, options, package_id, true, timeout_ms, &follow, err) != STATUS_OK)
		return err->status;
	watch_init(&watch, package_id, NULL, job_id, (struct position){-1, -1});
	*ret_code = follow_run(follow, &watch, options_switch(options, "json"), wait_ms);
	watch_release(&watch);
	follow_close(follow);
	return STATUS_OK;
}

int run_wait(int argc, char **argv)
{
	int code;
	struct options *options = command_options(&wait_command, argc, argv, &code);
	struct client *client;
	struct error err;

	if (!options)
		return code;
	if (client_open(options, &client, &err) != STATUS_OK) {
		code = command_fail(&err);
	} else {
		if (follow_job(options, client, &code, &err) != STATUS_OK)
			code = command_fail(&err);
		client_close(client);
	}
	options_free(options);
	return code;
}
