#ifndef DISTRIBUTION_POINTER_H
#define DISTRIBUTION_POINTER_H

#include "distribution/room.h"

/* Makes a staged version current on one distribution point, or looks at what is; see pointer.c for how. */
struct switching;

struct switching *switching_new(const struct pointer_spec *spec); /* from any thread */

/* Calls spec.done once, not from within, and then ended, which may free it. site NULL: "dp_unknown". */
void switching_start(struct switching *switching, struct room *room, struct site *site,
        void (*ended)(struct switching *switching, void *context), void *context);
void switching_cancel(struct switching *switching);
void switching_free(struct switching *switching);

#endif
