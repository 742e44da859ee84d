#ifndef SIM_SHRINK_H
#define SIM_SHRINK_H

#include "tests/sim/seed.h"

enum { INVARIANT_SIZE = 32 };

/* The word behind "invariant=" in what is said of a failure. */
void invariant_of(const char *words, char invariant[INVARIANT_SIZE]);

/* Makes the history of a seed that breaks an invariant smaller: fewer jobs, then without one kind of trouble
 * after the other, as long as the same invariant breaks. False: it breaks with none of these limits. */
bool shrink(uint64_t seed, const char *invariant, struct seed_limits *ret);

#endif
