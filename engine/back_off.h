#ifndef ENGINE_BACK_OFF_H
#define ENGINE_BACK_OFF_H

#include "base/bytes.h"

#include <stdint.h>

/* How long to wait after so many failures in a row (1 …): first_ms, doubled with each further one up to
 * most_ms, less up to a half by a hash of what is tried: things that failed together do not come back
 * together, and a replay gives the same. */
int64_t back_off_ms(uint32_t failures, int64_t first_ms, int64_t most_ms, struct view what);

#endif
