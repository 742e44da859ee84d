#ifndef DISTRIBUTION_FILE_TREE_H
#define DISTRIBUTION_FILE_TREE_H

#include "base/error.h"

#include <stdbool.h>
#include <sys/types.h>

/* Safe ways below a folder, for file_driver's threads. Everything blocks. A tree is one opening of the base
 * for one operation, or for those done in one go: nothing is opened through a symbolic link, past a mount or
 * out of it. Paths are relative to the base. */
struct pool_work;

struct tree {
	int base;
	const char *name;       /* of the base, for messages; ends with '/' */
	struct pool_work *work; /* asked between steps whether to go on */
	bool has_identity;      /* dp.json was found in it */
};

must_check enum status tree_open(
        const char *base, struct pool_work *work, struct tree *ret, struct error *err);
void tree_close(struct tree *tree);

/* errno as what it means for a distribution point. */
enum status tree_error(
        const struct tree *tree, int number, const char *doing, const char *path, struct error *err);

/* "canceled" once the work should end. */
must_check enum status tree_go_on(const struct tree *tree, struct error *err);

/* A new descriptor, or -1 and errno. Never waits for a FIFO's other end. */
int tree_open_at(const struct tree *tree, const char *path, int flags, mode_t mode);

/* The same for reading a file by its name in a folder that was opened so, and without leaving a trace of that
 * in its time of access where the system lets us: a read-back would else change each file, which costs
 * writing. */
int tree_open_to_check(int folder, const char *name);

/* A regular file for reading; *ret_fd is -1 where nothing is there. */
must_check enum status tree_open_file(
        const struct tree *tree, const char *path, int *ret_fd, off_t *ret_size, struct error *err);

/* The folder that path lies in, and path's last segment (within path). The second makes what is missing. */
must_check enum status tree_parent(
        const struct tree *tree, const char *path, int *ret_fd, const char **ret_name, struct error *err);
must_check enum status tree_make_parent(
        const struct tree *tree, const char *path, int *ret_fd, const char **ret_name, struct error *err);

/* The entries of all folders from path's up to the base are durable. */
must_check enum status tree_sync_above(const struct tree *tree, const char *path, struct error *err);

/* A file, link or whole folder; nothing there is fine. Holds one descriptor at a time, however deep. */
must_check enum status tree_remove(const struct tree *tree, const char *path, struct error *err);

#endif
