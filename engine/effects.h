#ifndef ENGINE_EFFECTS_H
#define ENGINE_EFFECTS_H

#include "base/bytes.h"

#include <stdbool.h>

/* Work in the world that a state calls for. A machine lists all of it, whenever asked, from its state alone;
 * what is under way already is no second start, what is under way and no longer listed is cancelled. So a
 * restart derives it all again, and nothing is stored of it.
 *
 * tag: names one attempt of one piece of work within its key, so that a repeated attempt has another tag.
 * lane: work of one lane shares a bound on how much is under way per shard; what waits is started first come
 * first served. Lanes keep one slow place from delaying others. early: may start before the commit of the
 * batch that called for it, because its intent is in the log already; it does where the effector says that
 * the lane refuses stale fences by itself. */
struct effects;

void effects_want(struct effects *effects, struct view tag, struct view lane, bool early);

#endif
