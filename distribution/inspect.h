#ifndef DISTRIBUTION_INSPECT_H
#define DISTRIBUTION_INSPECT_H

#include "distribution/room.h"

/* Looks at what lies on one distribution point, by operations that only read. */
struct inspection;

struct inspection *inspection_new(const struct inspect_spec *spec); /* from any thread */

/* Calls spec.done once, not from within, and then ended, which may free it. site NULL: "dp_unknown". */
void inspection_start(struct inspection *inspection, struct room *room, struct site *site,
        void (*ended)(struct inspection *inspection, void *context), void *context);
void inspection_cancel(struct inspection *inspection);
void inspection_free(struct inspection *inspection);

#endif
