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

/* What a history is to do without: for making one smaller. */
struct seed_limits {
	uint64_t without; /* bits: kinds of trouble, by number */
	int most_jobs;    /* 0: as many as the seed wants */
};
const char *seed_trouble_name(int number); /* NULL behind the last */
void seed_limit(const struct seed_limits *limits);

void seed_prepare(void); /* once per program */
void seed_run(uint64_t seed, bool trace, struct seed_result *ret);

#endif
