#ifndef DISTRIBUTION_STEP_H
#define DISTRIBUTION_STEP_H

#include "distribution/agenda.h"
#include "distribution/ahead.h"
#include "distribution/driver.h"

#include <stdbool.h>

/* One operation of a longer work, tried again a few times where it broke and may work now: a reset, a
 * time-out, an odd answer. What asks for patience (a full disk, a refusal, Retry-After) is not. */
struct step {
	struct operation operation; /* fill kind and what it needs; done and context are the step's */
	struct driver *driver;
	struct agenda *agenda;
	void (*took)(struct step *step); /* the last try's result is in operation.result; its data is the
	                                    receiver's to free */
	void *context;
	bool once;           /* not tried again */
	struct ahead *ahead; /* where its result may be already; NULL */

	/* the step's */
	bool under_way, canceled;
	unsigned tries, timeouts;
	struct agenda_entry later;
};

enum { STEP_TRIES = 3, STEP_TIMEOUTS = 2 };

/* took() comes exactly once, from within only where the result was there already: start it last. */
void step_start(struct step *step);
void step_cancel(struct step *step); /* a wish; nothing under way is fine */

#endif
