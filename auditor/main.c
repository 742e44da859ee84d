/* holdpoint-auditor: what the log proves, and what it tells: which subcommand runs. */
#include "auditor/ask/commands.h"
#include "auditor/history/export_command.h"
#include "auditor/letters/dlq.h"
#include "auditor/serve/serve.h"
#include "auditor/timeline/timeline_command.h"
#include "auditor/verify/verify_command.h"
#include "command/command.h"

static const struct command commands[] = {
        {"verify", run_verify, "prove from the log that every promise was kept"},
        {"timeline", run_timeline, "the life of a package or a job, in order"},
        {"state", run_state, "what is staged and current where, now or at any moment"},
        {"jobs", run_jobs, "the jobs that are open, or others"},
        {"held", run_held, "what waits for what, and since when"},
        {"failed", run_failed, "what failed, where and why"},
        {"dlq", run_dlq, "the dead letters: list, show, redrive"},
        {"serve", run_serve, "a live page, JSON and metrics"},
        {"export", run_export, "the history into an SQLite database"},
        {0},
};

static const char exit_codes[] = "Exit codes: 0 done (verify: clean), 1 violations or failure, 2 usage or "
                                 "bad input, 3 Kafka not reachable in "
                                 "time.\n";

int main(int argc, char **argv)
{
	return command_main("holdpoint-auditor", commands, exit_codes, argc, argv);
}
