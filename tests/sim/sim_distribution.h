#ifndef SIM_DISTRIBUTION_H
#define SIM_DISTRIBUTION_H

#include "distribution/distribution.h"

/* distribution.h in memory, on points.h: what is submitted takes effect at some time before it is answered,
 * or later, or never, as its process lives, stalls or dies. */

/* The process whose distribution is opened next, and how to ask whether it still owns a partition. */
struct sim_owner {
	int process;
	bool (*is_owner)(void *context, int32_t partition);
	void (*wake)(void *context); /* something was delivered to its shards */
	/* What speaks against starting work of a partition now; NULL: nothing. fenced: the point itself
	 * refuses what is stale. */
	const char *(*objection)(void *context, int32_t partition, bool fenced);
	void *context;
};
void sim_distribution_for(const struct sim_owner *owner);
/* The process died: what it had sent may still arrive within a short time, nothing else of it does. */
void sim_distribution_crash(struct distribution *distribution);
struct distribution *sim_distribution_last(void); /* opened */
size_t sim_distribution_pending(const struct distribution *distribution);

void sim_distributions_begin(void);
void sim_distributions_end(void); /* frees the closed ones */

#endif
