#ifndef ENGINE_PACKED_H
#define ENGINE_PACKED_H

#include "engine/worker.h"

/* A state as its rows' bytes, one behind the other: a fraction of what it takes unpacked. What is at rest,
 * and that is most of what a shard keeps, lies like this until its next event. */
struct packed;

/* NULL where the machine does not want the state put away now, or never does. scratch is cleared; the state
 * stays. */
struct packed *packed_of(const struct machine *machine, const void *state, struct buffer *scratch);
void *packed_open(const struct machine *machine, void *shell, struct view key, const struct packed *packed);

#endif
