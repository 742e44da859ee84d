#ifndef DISTRIBUTION_STEP_H
#define DISTRIBUTION_STEP_H

#include "distribution/ahead.h"
#include "distribution/room.h"

#include <stdbool.h>

/* One operation of a longer work, tried again a few times where it broke and may work now: a reset, a
 * time-out, an odd answer. What asks for patience (a full disk, a refusal, Retry-After) is not. */
struct step {
	/* the owner's, there before it runs */
	void *context;
	const void *flow;    /* of its operations */
	struct ahead *ahead; /* where its result may be already; NULL */
	bool once;           /* not tried again */

	struct operation operation; /* with the last try's result; its data is the taker's to free */

	/* the step's */
	struct site *site;
	void (*took)(struct step *step);
	bool under_way, canceled;
	unsigned tries, timeouts;
	struct agenda_entry later;
};

enum { STEP_TRIES = 3, STEP_TIMEOUTS = 2 };

/* took() comes exactly once, from within only where the result was there already: run it last. flow, done and
 * context of the operation are the step's. */
void step_run(
        struct step *step, struct site *site, struct operation operation, void (*took)(struct step *step));
void step_cancel(struct step *step); /* a wish; nothing under way is fine */

#endif
