#ifndef SIM_WORKER_H
#define SIM_WORKER_H

#include "engine/worker.h"

#include <stdbool.h>

/* What worker.c and a consumer group would do: processes that start, stall, die and come again, and a group
 * that tells them which partitions to try, now and then wrongly or late. */

/* strike: what happens to a process in the middle of a call. refused: whether there is a reason for a shard
 * not to go on; its process must be restarted then. */
void workers_begin(const struct options *stager_options, const struct options *updater_options,
        void (*strike)(void *process), bool (*refused)(bool updater, int32_t partition),
        void (*restart)(int process));
void worker_strike(int process); /* at once, before anything else goes on */
void workers_end(void);          /* frees all; they must have stopped */

void worker_start(int process);
void worker_crash(int process);       /* at once; nothing more of it reaches the world */
void worker_stop(int process);        /* as planned: drains, leaves the group */
bool worker_is_up(int process);       /* started, and neither crashed nor stopping */
void worker_was_stalled(int process); /* for longer than its session */
void group_rebalance(bool updaters);  /* somebody joined, or left, or nothing at all */
bool workers_are_gone(void);          /* all have closed what they had opened */
bool workers_are_settled(void);       /* every partition has its owner, and nobody else thinks so */

#endif
