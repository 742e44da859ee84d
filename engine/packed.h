#ifndef ENGINE_PACKED_H
#define ENGINE_PACKED_H

#include "engine/worker.h"

/* A state as its rows' bytes, one behind the other: a fraction of what it takes unpacked. What is at rest,
 * and that is most of what a shard keeps, lies like this until its next event. */
struct packed;

/* Packs states, one after the other, in room of its own. */
struct packer {
	struct row_writer writer; /* first */
	struct buffer rows;       /* of the state that is being packed */
};

void packer_init(struct packer *packer);
void packer_release(struct packer *packer);

/* NULL where the machine does not want the state put away now, or never does, or it is too large. The state
 * stays. */
struct packed *packed_of(struct packer *packer, const struct machine *machine, const void *state);
void *packed_open(const struct machine *machine, void *shell, struct view key, const struct packed *packed);

#endif
