#ifndef DISTRIBUTION_WATCH_H
#define DISTRIBUTION_WATCH_H

#include "distribution/room.h"

/* Reads every dp.json of the current catalogue now and every interval_ms, and tells what it sees for the
 * first time or changed. */
struct watch;

struct watch *watch_start(struct room *room, int64_t interval_ms,
        void (*seen)(const struct identity_seen *seen, void *context), void *context);
void watch_again(struct watch *watch);         /* now: the catalogue changed */
void watch_stop(struct watch *watch);          /* reads nothing more, and gives up what it reads */
bool watch_is_busy(const struct watch *watch); /* a read is under way */
void watch_free(struct watch *watch);          /* not busy; NULL is fine */

#endif
