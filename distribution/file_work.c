/* An operation's way on a pool thread, and the kinds that only touch names: STAT, MOVE, REMOVE, SETTLE. */
#include "distribution/file_work.h"

#include "base/memory.h"
#include "distribution/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum {
	CHANGE_FACTOR = 3, /* fsync takes long where others write a lot */
	SETTLE_FACTOR = 30,
};

static void copy(struct operation *own, const struct operation *operation)
{
	*own = *operation;
	own->path = memory_text(operation->path);
	own->from = memory_text(operation->from);
	own->link = memory_text(operation->link);
	own->link_target = memory_text(operation->link_target);
	own->parcel = parcel_ref(operation->parcel);
	own->fd = operation->kind == OPERATION_PUT ? fcntl(operation->fd, F_DUPFD_CLOEXEC, 0) : -1;
	own->data.data = memory_copy(operation->data.data ? operation->data.data : "", operation->data.len);
	memset(&own->result, 0, sizeof(own->result));
}

static int64_t patience_for(const struct file_work *work, enum operation_kind kind)
{
	return work->stall_ms * (kind == OPERATION_SETTLE           ? SETTLE_FACTOR
	                                : operation_is_change(kind) ? CHANGE_FACTOR
	                                                            : 1);
}

struct file_work *file_work_new(const char *base, int64_t stall_ms, struct operation *operation)
{
	size_t count = 0;

	for (const struct operation *each = operation; each; each = each->next)
		count++;
	struct file_work *work = memory_alloc(sizeof(*work) + count * sizeof(work->copies[0]));
	work->operation = operation;
	work->base = memory_text(base);
	work->stall_ms = stall_ms;
	work->own = work->copies;
	for (const struct operation *each = operation; each; each = each->next)
		copy(&work->copies[work->count++], each);
	work->pool.patience_ms = patience_for(work, operation->kind);
	return work;
}

static void release_copy(struct operation *own)
{
	if (own->fd >= 0)
		close(own->fd);
	free((char *)own->path);
	free((char *)own->from);
	free((char *)own->link);
	free((char *)own->link_target);
	free((char *)own->data.data);
	free(own->result.data);
	parcel_unref(own->parcel);
}

void file_work_free(struct file_work *work)
{
	for (size_t i = 0; i < work->count; i++)
		release_copy(&work->copies[i]);
	free(work->base);
	free(work);
}

static enum status file_stat(struct file_work *work, const struct tree *tree, struct error *err)
{
	struct stat stat;
	int fd = tree_open_at(tree, work->own->path, O_PATH, 0), number = fd < 0 ? errno : 0;

	if (fd >= 0) {
		number = fstat(fd, &stat) ? errno : 0;
		close(fd);
	}
	if (number == ENOENT || number == ENOTDIR)
		return STATUS_OK;
	if (number)
		return tree_error(tree, number, "look at", work->own->path, err);
	work->own->result.found = true;
	work->own->result.size = S_ISREG(stat.st_mode) ? (uint64_t)stat.st_size : 0;
	return STATUS_OK;
}

static enum status file_remove(struct file_work *work, const struct tree *tree, struct error *err)
{
	return tree_remove(tree, work->own->path, err);
}

static enum status file_settle(struct file_work *work, const struct tree *tree, struct error *err)
{
	return syncfs(tree->base) ? tree_error(tree, errno, "settle", work->own->path, err) : STATUS_OK;
}

/* The two ends of a move. */
struct ends {
	int from, to;
	const char *from_name, *to_name;
};

/* For file systems without RENAME_NOREPLACE: link refuses an existing file, rename a folder that is not empty
 * (and an empty one is nothing). */
static int rename_without_flag(const struct ends *ends)
{
	if (linkat(ends->from, ends->from_name, ends->to, ends->to_name, 0) == 0)
		return unlinkat(ends->from, ends->from_name, 0);
	if (errno != EPERM)
		return -1;
	return renameat(ends->from, ends->from_name, ends->to, ends->to_name);
}

static int rename_ends(const struct ends *ends, bool replace)
{
	unsigned flag = replace ? 0 : RENAME_NOREPLACE;
	int failed = renameat2(ends->from, ends->from_name, ends->to, ends->to_name, flag);

	if (failed && !replace && (errno == EINVAL || errno == ENOSYS))
		return rename_without_flag(ends);
	if (failed && replace &&
	        (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR || errno == EISDIR))
		return renameat2(ends->from, ends->from_name, ends->to, ends->to_name, RENAME_EXCHANGE);
	return failed;
}

static enum status move_ends(
        struct file_work *work, const struct tree *tree, const struct ends *ends, struct error *err)
{
	struct operation *own = work->own;
	struct stat stat;

	if (fstatat(ends->from, ends->from_name, &stat, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? STATUS_OK : tree_error(tree, errno, "look at", own->from, err);
	own->result.found = true;
	int number = rename_ends(ends, own->replace) ? errno : 0;
	own->result.exists = !own->replace && (number == EEXIST || number == ENOTEMPTY);
	own->result.ambiguous = !number || number == EIO || number == ETIMEDOUT || number == ESTALE;
	if (number && !own->result.exists)
		return tree_error(tree, number, "move to", own->path, err);
	return STATUS_OK;
}

/* Durable after SETTLE, which makes many moves and all that they moved durable at once. */
static enum status file_move(struct file_work *work, const struct tree *tree, struct error *err)
{
	struct operation *own = work->own;
	struct ends ends;
	enum status status = tree_parent(tree, own->from, &ends.from, &ends.from_name, err);

	if (status || ends.from < 0)
		return status;
	status = tree_make_parent(tree, own->path, &ends.to, &ends.to_name, err);
	if (!status) {
		status = move_ends(work, tree, &ends, err);
		close(ends.to);
	}
	close(ends.from);
	if (status || !own->result.found || own->result.exists)
		return status;
	if (own->replace) /* what was exchanged for it; else nothing is there */
		status = tree_remove(tree, own->from, err);
	own->result.ambiguous = status != STATUS_OK;
	return status;
}

static enum status (*const kinds[])(struct file_work *work, const struct tree *tree, struct error *err) = {
        [OPERATION_READ] = file_read,
        [OPERATION_WRITE] = file_write,
        [OPERATION_PUT] = file_put,
        [OPERATION_HASH] = file_hash,
        [OPERATION_STAT] = file_stat,
        [OPERATION_COPY] = file_copy,
        [OPERATION_MOVE] = file_move,
        [OPERATION_REMOVE] = file_remove,
        [OPERATION_SETTLE] = file_settle,
        [OPERATION_POINT] = file_point,
        [OPERATION_PUT_PARCEL] = file_put_parcel,
        [OPERATION_CHECK_PARCEL] = file_check_parcel,
        [OPERATION_LIST] = file_list,
        [OPERATION_LINK] = file_link,
};

/* An unmounted base is often an empty folder: whatever would change it must find dp.json, unless it makes it.
 */
static enum status demand_identity(const struct operation *own, struct tree *tree, struct error *err)
{
	if (tree->has_identity || !operation_is_change(own->kind) ||
	        (own->kind == OPERATION_WRITE && strcmp(own->path, LAYOUT_DP_JSON) == 0))
		return STATUS_OK;
	int fd = tree_open_at(tree, LAYOUT_DP_JSON, O_PATH, 0);
	if (fd >= 0) {
		close(fd);
		tree->has_identity = true;
		return STATUS_OK;
	}
	if (errno != ENOENT)
		return tree_error(tree, errno, "find", LAYOUT_DP_JSON, err);
	return error_set(err, STATUS_RETRY, "dp_not_initialised",
	        "%s has no " LAYOUT_DP_JSON ": mount what belongs there, or initialise it with dp init",
	        tree->name);
}

/* Where a lock lives in this kernel and dies only with its holder. */
static bool is_local(int fd)
{
	static const unsigned long remote[] = {NFS_SUPER_MAGIC, CIFS_SUPER_MAGIC, SMB2_SUPER_MAGIC,
	        SMB_SUPER_MAGIC, CEPH_SUPER_MAGIC, FUSE_SUPER_MAGIC, AFS_SUPER_MAGIC, V9FS_MAGIC,
	        CODA_SUPER_MAGIC, OCFS2_SUPER_MAGIC, 0x01161970 /* GFS2 */, 0x0bd00bd0 /* Lustre */,
	        0x47504653 /* GPFS */};
	struct statfs about;

	if (fstatfs(fd, &about))
		return false;
	for (size_t i = 0; i < sizeof(remote) / sizeof(remote[0]); i++)
		if (((unsigned long)about.f_type & 0xffffffff) == remote[i])
			return false;
	return true;
}

static void run_one(struct file_work *work, struct tree *tree)
{
	struct operation *own = work->own;
	struct error *err = &own->result.err;
	enum status status = demand_identity(own, tree, err);

	if (!status)
		status = kinds[own->kind](work, tree, err);
	own->result.status = status;
}

/* True, and the next one is under way, where there is one, it is still wanted and the last one says so. */
static bool go_to_next(struct file_work *work)
{
	struct operation *own = work->own;
	bool ended_well = own->result.status == STATUS_OK && (!own->goes_on || own->goes_on(own));
	size_t next = work->at + 1;

	if (next == work->count || !ended_well || !pool_go_on(&work->pool))
		return false;
	work->own = &work->copies[next];
	work->own->result.reached = true;
	work->pool.patience_ms = patience_for(work, work->own->kind);
	work->at = next;
	return true;
}

void file_work_run(struct pool_work *pool_work)
{
	struct file_work *work = (struct file_work *)pool_work;
	struct operation *first = work->own;
	struct tree tree;

	first->result.status = tree_open(work->base, pool_work, &tree, &first->result.err);
	if (first->result.status != STATUS_OK)
		return;
	work->base_is_local = is_local(tree.base);
	do
		run_one(work, &tree);
	while (go_to_next(work));
	tree_close(&tree);
}
