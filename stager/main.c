/* holdpoint-stager: copies versions to distribution points, verifies them, and keeps the gate. */
#include "schemas/topics.h"
#include "stager/gate_sink.h"
#include "stager/stager.h"

#include <string.h>

int main(int argc, char **argv)
{
	const struct worker_spec spec = {
	        .role = "stager",
	        .input = TOPIC_JOBS,
	        .changelog = TOPIC_STAGER_STATE,
	        .outputs = {[OUTPUT_STAGED] = TOPIC_STAGED, [OUTPUT_STATUS] = TOPIC_STATUS},
	        .dead_letters = TOPIC_DLQ,
	        .tell = TOPIC_PROGRESS,
	        .options = stager_options,
	        .summary =
	                "Stages the versions that jobs ask for on their distribution points, verifies what\n"
	                "lies there, and lets updates through only behind that. `holdpoint-stager dp init`\n"
	                "prepares distribution points.",
	        .waiting = "held_jobs",
	        .waiting_help = "Update jobs that wait at the gate.",
	        .machine = stager_machine,
	        .effector = stager_effector,
	        .open = stager_open,
	        .close = stager_close,
	        .reload = stager_reload,
	        .metrics = stager_metrics,
	};

	if (argc > 1 && strcmp(argv[1], "dp") == 0)
		return dp_main(argc - 1, argv + 1);
	return worker_main(&spec, argc, argv);
}
