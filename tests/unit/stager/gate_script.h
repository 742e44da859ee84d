#ifndef TESTS_UNIT_STAGER_GATE_SCRIPT_H
#define TESTS_UNIT_STAGER_GATE_SCRIPT_H

#include "base/map.h"
#include "stager/gate_state.h"

/* Scripts for the gate: what comes in, as words, and what it says to that, as words.
 *
 *   create ID VERSION DP[,DP…]   of content "A"; update ID VERSION [DP,…]; both ID VERSION [DP,…] (an update
 *                                with content). Options behind: all, content=X, payload=X, deadline=MS
 *                                (from now), never, at=MS, refused, url
 *   staged VERSION DP [DP_ID]    the current attempt's transfer is done
 *   fails VERSION DP point|content|final|nobody [CODE [RETRY_AFTER_MS]]
 *   stale VERSION DP             the attempt before the current one ends staged
 *   lost DP NEW_ID OLD_ID        confirmed: what OLD_ID held is lost
 *   wait MS                      time passes, then a tick
 *   skip MS                      time passes unnoticed
 *
 * Facts are joined with "; ":
 *   accepted ID [DP,…] · held ID STAGED/TARGETS [MISSING,…] · completed|failed|… ID [REASON] [DP:OUTCOME,…]
 *   rejected ID REASON · duplicate ID
 *   staged VERSION DP · release ID VERSION DP · withheld ID VERSION DP REASON
 *   dp VERSION DP STATE [ERROR]
 *
 * After every event the state is built again from the rows written so far, and must be equal. */
struct gate_world {
	struct gate_limits limits;
	struct gate_state *state;
	struct map *rows; /* name → struct view *, as last written */
	int64_t now_ms, offset;
	size_t held_elsewhere; /* by other packages of the shard */
	bool restarts;         /* goes on with the state that the rows gave */
	struct buffer said;
	void (*watch)(const struct gate_fact *fact, void *context); /* NULL */
	void *watch_context;
};

void gate_world_init(struct gate_world *world);
void gate_world_release(struct gate_world *world);
void gate_world_apply(struct gate_world *world, const struct gate_event *event);
/* Returns what was said, valid until the next step. */
const char *gate_world_step(struct gate_world *world, const char *line);
char *gate_world_effects(const struct gate_world *world); /* "1.0/paris/1 …"; to be freed */

struct gate_step {
	const char *comes, *says;
};
/* Runs the steps (until comes is NULL) twice, with and without a restart after each; fails the test where
 * something else is said. */
void gate_script_run(const char *name, const struct gate_step *steps);

#endif
