#ifndef SIM_LOST_LOG_H
#define SIM_LOST_LOG_H

#include <stdbool.h>
#include <stdint.h>

/* In a few seeds the jobs of one partition are no longer the log that they were: deleted and made anew, cut
 * short, or deleted before they were read. Whoever owns that partition must say so and not go on; what it did
 * from what it read before it noticed still moves no pointer back, and to nothing but what lies there. */

void lost_log_begin(bool wanted); /* strikes once something of a partition was answered */
void lost_log_end(void);          /* it strikes no more */
bool lost_log_is_wanted(void);

/* A shard refuses to go on; false: for no reason. */
bool lost_log_explains(bool updater, int32_t partition);

/* From quiet_ms on those that were refused have said nothing. */
void lost_log_judge(int64_t quiet_ms);

#endif
