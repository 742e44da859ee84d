#ifndef DISTRIBUTION_PROBE_H
#define DISTRIBUTION_PROBE_H

#include "distribution/driver.h"

/* Tries out what a driver can do, in .holdpoint/tmp/probe-<random>/, and removes what it made. */
struct probe_result {
	enum status status; /* RETRY: could not be found out (see err), and not because it can't */
	struct error err;
	bool tried; /* false: nothing could be written, so nothing was learnt */
	bool move;  /* a folder is moved, and a second one not over it */
	bool copy;  /* a file is copied with its content */
};

struct probe;
struct probe *probe_start(
        struct driver *driver, void (*done)(const struct probe_result *result, void *context), void *context);
void probe_cancel(struct probe *probe); /* done still comes, soon */

#endif
