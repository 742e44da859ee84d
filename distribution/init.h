#ifndef DISTRIBUTION_INIT_H
#define DISTRIBUTION_INIT_H

#include "distribution/room.h"

/* Writes dp.json once: read, decide, write, read back. */
struct init;

struct init_wanted {
	const char *name; /* strings live until done */
	bool replace;
	const char *replaced; /* NULL: only the one there */
	/* dp_id "" where none is known; exactly once, not from within, and then it is freed */
	void (*done)(void *context, const char *dp_id, const struct error *err);
	void *context;
};

void init_start(struct room *room, const struct init_wanted *wanted);

#endif
