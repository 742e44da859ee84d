#ifndef DISTRIBUTION_HTTP_DRIVER_H
#define DISTRIBUTION_HTTP_DRIVER_H

#include "distribution/agenda.h"
#include "distribution/catalogue.h"
#include "distribution/driver.h"
#include "distribution/pool.h"
#include "distribution/pump.h"

/* A distribution point behind HTTP: any server that takes PUT, GET, HEAD and DELETE; MKCOL, COPY and MOVE
 * (WebDAV) where it has them. What it has is tried out, not asked: at the first READ of dp.json that finds
 * one, in .holdpoint/tmp/probe-<random>/ (see probe.h); until then, and where the trial could not be made,
 * driver.can is false throughout. A later READ of dp.json tries again.
 *
 * can.move says that MOVE of a folder refuses to overwrite when asked to. There is no can.point: no server is
 * known to refuse an older fence by itself, and nginx ignores If-Match.
 *
 * Parent folders are made (MKCOL) only after a 404 or 409, since most servers make them for a PUT.
 *
 * Error codes, RETRY: "dp_unreachable" (no connection, or it broke), "dp_timeout", "dp_refused" (401, 403,
 * 405; an unreadable credentials_file), "dp_full" (507), "dp_redirects", "dp_error" (all other answers),
 * "canceled"; REJECT: "dp_error" (MOVE or COPY that the server does not have; READ of more than size_max),
 * "source_size" (PUT: fd does not have size bytes).
 *
 * The point must live as long as the driver. */
must_check enum status http_driver_open(const struct catalogue_point *point, struct pump *pump,
        struct pool *pool, struct agenda *agenda, struct driver **ret, struct error *err);

#endif
