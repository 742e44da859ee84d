#ifndef ENGINE_ANCHOR_H
#define ENGINE_ANCHOR_H

#include "engine/kafka.h"
#include "engine/progress.h"

/* The row in which it is kept, as @position is: a restart must not take for granted what was read just before
 * it. */
#define ANCHOR_ROW "@anchor"

/* Whether the input is still the log that was read before. One that is deleted, made anew and grown past our
 * position while nothing was fetched reads on as if nothing had happened, and its first records are never
 * seen. So a record that was applied some time ago is read again now and then: it must be what it was. */
struct anchor {
	struct progress progress; /* when it was last sure */
	int64_t sure_ms;          /* monotonic, the same moment */
	bool changed;             /* since its row was written */
};

/* written: as its row says; without a record where there is none. */
void anchor_begin(struct anchor *anchor, const struct progress *written, const struct progress *progress);

/* Asks, if it has not been sure for some time: for longer where what was read waits for the answer, and else
 * only if anything was applied since. From then on it is sure of progress. OK, LOST, or REFUSED where it is
 * another log. */
must_check enum outcome anchor_check(struct anchor *anchor, const struct progress *progress, bool is_awaited,
        struct kafka *kafka, struct error *err);

#endif
