#ifndef DISTRIBUTION_FILE_DRIVER_H
#define DISTRIBUTION_FILE_DRIVER_H

#include "distribution/catalogue.h"
#include "distribution/driver.h"
#include "distribution/pool.h"

/* A distribution point that is a folder of a mounted file system (file:///…).
 *
 * - All that blocks runs on the pool, in a lane of this driver. An operation that hangs or was canceled is
 *   answered without its thread ("dp_timeout" or "canceled", ambiguous where it changes something).
 * - The base is opened anew for each operation, or for those that are done in one go (operation.next), so an
 *   unmounted or remounted base is noticed, and never held for long. Whatever changes something (but WRITE of
 *   dp.json itself) first demands dp.json: an unmounted base gets no byte.
 * - Below the base nothing is opened through a symbolic link, past a mount, or out of it (openat2).
 * - WRITE and POINT write in .holdpoint/tmp, fsync, rename into place, and fsync the folders above: what a
 *   crash leaves behind lies where uploads do and expires with them. PUT creates its file anew (never writes
 *   into one that is there) and fsyncs it; its folders' entries, and what MOVE did, are durable after SETTLE
 *   (syncfs).
 * - HASH drops the file from the page cache first, so that it reads what the device holds.
 * - Modes are 0644, 0755 and folders 0755, less the process's umask.
 *
 * POINT holds an OFD lock on .holdpoint/locks/<path>, which is never waited for: a stopped twin may hold it.
 * Its content says who holds it, for the error "locked". Under the lock: read, check(), rename the data into
 * place, then the link. In this order a crash in between leaves new data and an old link: an older fence is
 * refused by the data, and whoever looks next mends the link: where the data there is byte for byte the
 * operation's, it is left as it is and the link is made as wanted, whatever check() said. POINT_KEEP on other
 * data changes nothing. (The other order would let an older fence turn a newer link back.)
 *
 * can.point_lasts is true on local file systems. On network file systems a lock can be lost while its holder
 * is stopped, so there a stalled twin's late switch is made unlikely but not impossible.
 *
 * Error codes, RETRY: "dp_unreachable" (no base, or the system says that it is gone), "dp_not_initialised",
 * "dp_full" (space, inodes, quota), "dp_refused" (permission, read-only, a symbolic link, a mount or
 * something else in the way), "locked", "dp_timeout", "canceled", "dp_error"; REJECT: "source_size" (PUT: fd
 * ends before size bytes), "source_unreachable" (PUT: fd cannot be read), "dp_error" (too large to READ, or a
 * name or size that the file system does not take). */
must_check enum status file_driver_open(const struct catalogue_point *point, struct pool *pool,
        int64_t stall_timeout_ms, struct driver **ret, struct error *err);

/* Removes from .holdpoint/tmp what has not been touched for FILE_TMP_DAYS. The driver does it by itself, at
 * its first operation and then once a day. */
enum { FILE_TMP_DAYS = 7 };

#endif
