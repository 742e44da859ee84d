#ifndef DISTRIBUTION_THROTTLE_H
#define DISTRIBUTION_THROTTLE_H

#include "distribution/agenda.h"
#include "distribution/driver.h"

#include <stddef.h>

/* A driver around a driver: at most `connections` operations are under way, the rest wait; first come, first
 * served within a flow (operation->flow), and the flows take turns, so that a package of a million files does
 * not starve one of three. Takes over inner: closed with it. can is inner's, kept up to date.
 *
 * Bytes per second are not its business: the HTTP driver paces them; file distribution points are not paced.
 */
struct driver *throttle_open(struct driver *inner, size_t connections, struct agenda *agenda);

#endif
