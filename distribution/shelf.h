#ifndef DISTRIBUTION_SHELF_H
#define DISTRIBUTION_SHELF_H

#include "distribution/manifest_work.h"

/* Manifests from URLs, read and parsed once for all that want the same at the time, and remembered a while:
 * a large version that goes to fifty distribution points is not to read its manifest fifty times. I/O thread
 * only. */
struct shelf;
struct manifest_ask;

struct shelf *shelf_new(struct room *room);
bool shelf_is_busy(const struct shelf *shelf); /* a fetch is under way, perhaps a canceled one */
void shelf_free(struct shelf *shelf);          /* not busy; NULL is fine */

/* As manifest_fetch(). */
struct manifest_ask *shelf_ask(struct shelf *shelf, const char *url, const char *digest,
        struct catalogue *catalogue, manifest_done *done, void *context);
void shelf_cancel(struct manifest_ask *ask); /* done comes soon, not from within */

/* Its sources failed: who asks next reads it anew, for the URLs in it, which its digest does not cover, may
 * have been mended. */
void shelf_doubt(struct shelf *shelf, const struct manifest *manifest);

#endif
