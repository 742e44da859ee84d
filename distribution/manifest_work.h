#ifndef DISTRIBUTION_MANIFEST_WORK_H
#define DISTRIBUTION_MANIFEST_WORK_H

#include "distribution/room.h"

#include "schemas/manifest.h"

#include <stddef.h>

/* Manifests may have a million files: they are read and parsed on the pool, not in the I/O thread, but for
 * small sealed ones, which are not worth the way. */
struct manifest_work;

/* manifest is a reference of the receiver's, or NULL and err says why not. Comes exactly once, not from
 * within. */
typedef void manifest_done(void *context, struct manifest *manifest, const struct error *err);

/* Parses a sealed manifest; takes data (malloc'ed). digest: what it must have; NULL: any. REJECT
 * "manifest_invalid", "manifest_digest". */
struct manifest_work *manifest_parse_sealed(
        struct room *room, char *data, size_t len, const char *digest, manifest_done *done, void *context);

/* Reads one from a URL below the catalogue's sources; its digest is that of its canonical form. Further
 * codes: those of source.h. */
struct manifest_work *manifest_fetch(struct room *room, const char *url, const char *digest,
        struct catalogue *catalogue, manifest_done *done, void *context);

void manifest_work_cancel(struct manifest_work *work);

#endif
