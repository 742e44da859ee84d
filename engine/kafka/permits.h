#ifndef ENGINE_KAFKA_PERMITS_H
#define ENGINE_KAFKA_PERMITS_H

#include <stdint.h>

/* How many transactions a process has under way at a time: small ones delay each other on a broker, and what
 * waits here gathers into a larger one. First come, first served. A permit that is held for longer than
 * lend_ms no longer counts, so that a commit that hangs on a dead broker holds up no other shard. */
struct permits;

struct permits *permits_new(int limit, int64_t lend_ms);
void permits_free(struct permits *permits);
/* Waits for one, at most lend_ms per waiter before us. Returns what to give back, which is never 0. */
uint64_t permits_take(struct permits *permits);
void permits_give(struct permits *permits, uint64_t permit);

#endif
