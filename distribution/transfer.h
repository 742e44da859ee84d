#ifndef DISTRIBUTION_TRANSFER_H
#define DISTRIBUTION_TRANSFER_H

#include "distribution/room.h"

/* Stages one version on one distribution point; see transfer.c for how. */
struct staging;

struct staging *staging_new(const struct transfer_spec *spec); /* from any thread */

/* Calls spec.done once, not from within, and then ended, which may free it. site NULL: "dp_unknown". */
void staging_start(struct staging *staging, struct room *room, struct site *site,
        void (*ended)(struct staging *staging, void *context), void *context);
void staging_cancel(struct staging *staging);
void staging_free(struct staging *staging);

#endif
