#ifndef STAGER_GATE_LIVE_H
#define STAGER_GATE_LIVE_H

#include "stager/gate_roll.h"

#include <stdbool.h>

struct gate_state;

/* The live jobs of a package, and what is asked of them at every event, kept so that nobody walks them for
 * it.
 *
 * No row has it: all of it follows from the jobs' rows, and is so again after a restore. After every event
 *
 *   roll          has each live job once, sorted by the offset that it was applied at
 *   newest        no live job was applied at a later offset
 *   updates       of them are updates
 *   held_targets  is how many targets these have in all
 *   until_ms      is the first deadline; where until_stale is set, a job has left that may have had it, and
 * the first deadline is this or later
 *
 * which the tests count anew behind each event of each of their histories. So a live job comes, goes and gets
 * its targets by these functions alone, and its type and deadline never change. */
struct gate_live {
	struct gate_roll roll;
	int64_t newest;
	size_t updates, held_targets;
	int64_t until_ms;
	bool until_stale;
};

void gate_live_add(struct gate_live *live, struct gate_job *job);
void gate_live_remove(struct gate_live *live, struct gate_job *job); /* which is the caller's then */
void gate_live_set_targets(
        struct gate_live *live, struct gate_job *job, const char *const *names, size_t count);

size_t gate_live_from(
        const struct gate_live *live, int64_t offset); /* place of the first applied there or later */
int64_t gate_live_until(const struct gate_live *live); /* the first deadline; INT64_MAX: none */
int64_t gate_live_note_until(struct gate_live *live);  /* the same, and no longer stale */

#endif
