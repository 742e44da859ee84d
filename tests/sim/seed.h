#ifndef SIM_SEED_H
#define SIM_SEED_H

#include "engine/options.h"
#include "tests/sim/world.h"

/* One seed's history: what is sent, what goes wrong, how it heals, and whether all came out right. */
struct seed_result {
	enum verdict_kind verdict;
	char words[600]; /* step=… invariant=… and what happened; "" where all is good */
	uint64_t hash, steps;
};

void seed_prepare(void); /* once per program */
void seed_run(uint64_t seed, bool trace, struct seed_result *ret);

#endif
