#ifndef DISTRIBUTION_FILE_WORK_H
#define DISTRIBUTION_FILE_WORK_H

#include "distribution/driver.h"
#include "distribution/file_tree.h"
#include "distribution/pool.h"

#include <stdatomic.h>

/* An operation on a pool thread, and those that are wanted next, as far as each goes on to the next: one
 * opening of the base for all. The work owns all that it touches: where its thread hangs, the operation is
 * answered and its submitter gone while the work lives on. Only check() belongs to the submitter: it is
 * called inside the gate, which file_work_shut() closes for good. */
struct file_driver;

struct file_work {
	struct pool_work pool; /* first */
	struct file_driver *driver;
	struct operation *operation; /* the submitter's first; the I/O thread's to touch only */
	char *base;
	int64_t stall_ms;   /* a reading operation's patience */
	bool base_is_local; /* learnt with the base open */
	atomic_ullong moved;
	atomic_int gate;
	struct operation *own; /* the one under way: the pool thread's */
	atomic_size_t at;      /* its number: those before have their results */
	size_t count;
	struct operation copies[]; /* with copies of what they point to; the results are the work's */
};

struct file_work *file_work_new(const char *base, int64_t stall_ms, struct operation *operation);
void file_work_free(struct file_work *work);
void file_work_run(struct pool_work *work);
void file_work_expire(struct pool_work *work); /* instead of run: removes old uploads */
void file_work_shut(struct file_work *work);   /* check() is not running, and never will be again */

/* The kinds; each fills own->result but for its status and err. */
must_check enum status file_read(struct file_work *work, const struct tree *tree, struct error *err);
must_check enum status file_hash(struct file_work *work, const struct tree *tree, struct error *err);
must_check enum status file_put(struct file_work *work, const struct tree *tree, struct error *err);
must_check enum status file_copy(struct file_work *work, const struct tree *tree, struct error *err);
must_check enum status file_write(struct file_work *work, const struct tree *tree, struct error *err);
must_check enum status file_point(struct file_work *work, const struct tree *tree, struct error *err);
must_check enum status file_list(struct file_work *work, const struct tree *tree, struct error *err);
must_check enum status file_put_parcel(struct file_work *work, const struct tree *tree, struct error *err);
must_check enum status file_check_parcel(struct file_work *work, const struct tree *tree, struct error *err);
must_check enum status file_link(struct file_work *work, const struct tree *tree, struct error *err);

/* Uploads are expired by the time of their topmost folder in .holdpoint/tmp: the one of path is in use. */
void file_touch_upload(const struct tree *tree, const char *path);

/* All of a regular file of at most size_max bytes; *ret_data NULL: nothing there. */
must_check enum status file_slurp(const struct tree *tree, const char *path, size_t size_max, char **ret_data,
        size_t *ret_len, struct error *err);

#endif
