#ifndef SIM_GROUP_H
#define SIM_GROUP_H

#include "tests/sim/world.h"

/* The consumer groups of the two roles: who should try which partition. Rebalances wait for the members, or
 * do not; what is told arrives late; members that are stalled too long are dropped and come again. */
void groups_begin(void);
void groups_end(void);                       /* messages that are under way then are never delivered */
void group_comes(int process);               /* a new member */
void group_loses(int process, bool planned); /* else it is noticed when its session ends */
void group_joins(int process);               /* it has given up its partitions, and is ready for others */
bool group_confirms(int process, int32_t partition); /* a commit of this member would be taken */

/* Called by the group. */
void worker_assigned(int process, const bool given[PARTITIONS]);
void worker_revoked(int process);

#endif
