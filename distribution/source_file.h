#ifndef DISTRIBUTION_SOURCE_FILE_H
#define DISTRIBUTION_SOURCE_FILE_H

#include "distribution/pool.h"

#include "base/digest.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* Content that lies in a file below a source prefix (file:///…): opened on the pool, beneath the prefix's
 * folder and through no symbolic link, and hashed before it is used. */

/* What a verified file looked like: one that still does is not hashed again. */
struct file_identity {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec modified, changed;
};

struct source_file;
struct source_file_wanted {
	const char *prefix, *url;    /* in normal form, url below prefix */
	const char *digest;          /* NULL: any content, not hashed */
	uint64_t size;               /* UINT64_MAX: any */
	struct file_identity known;  /* inode 0: none */
	struct file_identity opened; /* as which somebody reads it already: it must still be so at the end;
	                                inode 0: nobody does */
	int fd; /* ≥ 0: it is open already, by an earlier call: nothing but the hashing is left */
	struct pool_lane *lane; /* NULL: none; of one file system, so that one that hangs stops no other */
};

/* fd is the caller's on STATUS_OK, else -1. REJECT: "source_missing", "source_refused", "source_size",
 * "source_digest"; RETRY: "source_unreachable", "source_changed" (since it was opened), "canceled".
 * Everything wanted is copied; done comes from pool_step(), exactly once. */
typedef void source_file_done(
        void *context, int fd, const struct file_identity *identity, const struct error *err);
struct source_file *source_file_open(
        struct pool *pool, const struct source_file_wanted *wanted, source_file_done *done, void *context);
void source_file_cancel(struct source_file *file);

/* Opens path below the folder, through no symbolic link; -1 and errno. Blocks. */
int source_file_open_below(int folder, const char *path);

#endif
