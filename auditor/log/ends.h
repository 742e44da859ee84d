#ifndef AUDITOR_ENDS_H
#define AUDITOR_ENDS_H

#include "auditor/log/replay.h"

/* Asks Kafka, every few seconds and in a thread of its own, where the log ends: that tells how much is left
 * to be read, and whether Kafka answers at all. */
struct ends;

struct ends *ends_start(const struct options *options, int64_t timeout_ms);
void ends_stop(struct ends *ends); /* waits for its thread; NULL is fine */

/* When it last answered, by clock_monotonic_ms(); 0: never. */
int64_t ends_answered_ms(struct ends *ends);
/* Whether it did not answer when it was last asked, and why. */
bool ends_are_unknown(struct ends *ends, struct error *ret_why);
/* The lane's end as of then; -1: not known. */
int64_t ends_of(struct ends *ends, enum log_topic topic, int32_t partition);

#endif
