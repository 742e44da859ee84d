#ifndef SIM_PAIR_H
#define SIM_PAIR_H

#include "engine/worker.h"

/* The pair assertion: a worker_spec around the real one that, after each apply, rebuilds the state from the
 * rows written so far and compares it with the one that wrote them. A forgotten row is found at once, and not
 * at the next restart. */
const struct worker_spec *pair_spec(bool updater);
void pair_begin(void);

#endif
