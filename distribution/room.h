#ifndef DISTRIBUTION_ROOM_H
#define DISTRIBUTION_ROOM_H

#include "distribution/agenda.h"
#include "distribution/catalogue.h"
#include "distribution/distribution.h"
#include "distribution/driver.h"
#include "distribution/pool.h"
#include "distribution/pump.h"
#include "distribution/source.h"

#include "base/map.h"

/* What all works of the I/O thread have in common. */
struct room {
	struct pump *pump;
	struct pool *pool;
	struct agenda *agenda;
	struct sources *sources;
	struct source_parcels *parcels;
	struct shelf *shelf;
	struct distribution_options options; /* defaults filled in */
	struct catalogue *catalogue;         /* the current one */
	struct map *sites; /* name → the site that is as in the current catalogue, once used */
};

/* A distribution point as a catalogue describes it, with its driver: shared by all works on it, counted. It
 * outlives a reload that changes it, for those that use it. */
struct site {
	struct room *room;
	struct catalogue *catalogue; /* a reference: the one it was opened from */
	const struct catalogue_point *point;
	struct driver *driver;
	size_t users;
};

/* The distribution point of that name in the current catalogue, opened where it was not; NULL: there is none.
 * It is the room's: use it to keep it. */
struct site *room_site(struct room *room, const char *name);
void room_reload(struct room *room, struct catalogue *catalogue); /* takes over the catalogue */
void room_drop_sites(struct room *room);

struct site *site_use(struct site *site);
void site_release(struct site *site); /* the last one closes its driver: never from within done() of it */

#endif
