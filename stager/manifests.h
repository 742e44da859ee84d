#ifndef STAGER_MANIFESTS_H
#define STAGER_MANIFESTS_H

#include "base/position.h"
#include "schemas/manifest.h"

/* Recent manifests, parsed once and shared by all distribution points that a version goes to. Bounded: the
 * least recently used go first, and are read from the jobs log again when needed. Named by the record that
 * they came in, not by digest: a later job may give the same content other URLs. For any thread. */
struct manifests;

struct manifests *manifests_new(size_t bytes_max);
void manifests_free(struct manifests *manifests); /* NULL is fine */

/* Takes a reference of its own. One that would fill more than a quarter of the room is not kept. */
void manifests_put(struct manifests *manifests, struct position position, struct manifest *manifest);
/* A reference for the caller; NULL where it is not here. */
struct manifest *manifests_get(struct manifests *manifests, struct position position);

size_t manifests_count(struct manifests *manifests);

#endif
