#ifndef TESTS_UPDATER_WORLD_H
#define TESTS_UPDATER_WORLD_H

#include "updater/switch.h"

/* One package's switch with a clock, a changelog in memory, and a transcript of all that it says. After every
 * event the state is rebuilt from its rows and must be equal. */
enum { WORLD_PACKAGE_PARTITION = 3 };

struct world {
	struct switch_out out;
	struct switch_state *state;
	struct switch_rules rules;
	int64_t now_ms, offset;
	struct world_row {
		char *name, *value;
		size_t len;
	} * rows;
	size_t row_count;
	struct buffer said;
	bool refuses_older;
	/* what a property looks at; NULL: nothing */
	void (*heard)(const struct switch_fact *fact, void *context);
	void *context;
};

void world_init(struct world *world);
void world_release(struct world *world);

/* Runs steps, one per line:
 *   at MS                                        the clock
 *   staged VERSION DP DISK                       its id is VERSION/DP/DISK, its digest follows from VERSION
 *   release VERSION DP DISK JOB POSITION TARGETS DEADLINE    cites that staged event
 *   withheld VERSION DP JOB POSITION TARGETS REASON
 *   answer DP wanted | newer | other | unknown CODE | ambiguous CODE    to the attempt wanted there now
 *   start DP      … and later  finish DP wanted | …                     for what was wanted at the start
 *   tick, catalogue, restart (a new state from the rows)
 *   tasks         says what is wanted             wake           says when
 */
void world_run(struct world *world, const char *steps);

void world_apply(struct world *world, struct switch_event *event);
void world_restart(struct world *world);

#endif
