/* Small files that are replaced as a whole: WRITE, and POINT under its lock. */
#include "base/clock.h"
#include "base/digest.h"
#include "base/memory.h"
#include "base/timestamp.h"
#include "distribution/file_work.h"
#include "distribution/layout.h"
#include "distribution/transput.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { POINT_SIZE_MAX = 1 << 20, HOLDER_MAX = 256 };

/* A name in .holdpoint/tmp that nobody else uses; the caller's to free(). */
static char *temporary_name(void)
{
	char name[RANDOM_NAME_SIZE];

	random_name(name);
	return memory_format(LAYOUT_TMP "/@%s", name); /* '@' is at no package's beginning */
}

/* A new file with the data, on the device. Takes over fd. 0 or errno. */
static int fill_new(int fd, struct view data)
{
	int number = write_all(fd, data.data, data.len, 0);

	if (!number && fsync(fd))
		number = errno;
	if (close(fd) && !number)
		number = errno;
	return number;
}

/* Something made under a temporary name gets its place: either the old or the new is there at any time. */
static enum status put_in_place(struct file_work *work, const struct tree *tree, int temporary_folder,
        const char *temporary_name, const char *path, struct error *err)
{
	const char *name;
	int folder;
	enum status status = tree_make_parent(tree, path, &folder, &name, err);

	if (status)
		return status;
	int number = renameat(temporary_folder, temporary_name, folder, name) ? errno : 0;
	/* a file system across a network may have done it, and not said so */
	work->own->result.ambiguous |= !number || number == EIO || number == ETIMEDOUT || number == ESTALE;
	if (number)
		status = tree_error(tree, number, "replace", path, err);
	close(folder);
	return status;
}

static enum status replace_data(struct file_work *work, const struct tree *tree, struct error *err)
{
	char *temporary = temporary_name();
	const char *name;
	int folder;
	enum status status = tree_make_parent(tree, temporary, &folder, &name, err);

	if (!status) {
		int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
		int number = fd < 0 ? errno : fill_new(fd, work->own->data);
		if (number)
			status = tree_error(tree, number, "write", temporary, err);
		else
			status = put_in_place(work, tree, folder, name, work->own->path, err);
		if (status)
			unlinkat(folder, name, 0);
		close(folder);
	}
	free(temporary);
	return status;
}

enum status file_write(struct file_work *work, const struct tree *tree, struct error *err)
{
	enum status status = replace_data(work, tree, err);

	if (!status)
		status = tree_sync_above(tree, work->own->path, err);
	if (!status)
		work->own->result.ambiguous = false;
	return status;
}

static bool link_is(int folder, const char *name, const char *target)
{
	size_t len = strlen(target);
	char *there = memory_alloc(len + 1);
	bool is = readlinkat(folder, name, there, len + 1) == (ssize_t)len && memcmp(there, target, len) == 0;

	free(there);
	return is;
}

static enum status replace_link(struct file_work *work, const struct tree *tree, struct error *err)
{
	char *temporary = temporary_name();
	const char *name;
	int folder;
	enum status status = tree_make_parent(tree, temporary, &folder, &name, err);

	if (!status) {
		if (symlinkat(work->own->link_target, folder, name))
			status = tree_error(tree, errno, "make the link", temporary, err);
		else
			status = put_in_place(work, tree, folder, name, work->own->link, err);
		if (status)
			unlinkat(folder, name, 0);
		close(folder);
	}
	free(temporary);
	return status;
}

static enum status mend_link(struct file_work *work, const struct tree *tree, struct error *err)
{
	const char *name;
	int folder;

	if (!work->own->link)
		return STATUS_OK;
	enum status status = tree_make_parent(tree, work->own->link, &folder, &name, err);
	if (status)
		return status;
	bool is_right = link_is(folder, name, work->own->link_target);
	close(folder);
	return is_right ? STATUS_OK : replace_link(work, tree, err);
}

static enum status held_elsewhere(int fd, const struct tree *tree, const char *path, struct error *err)
{
	char holder[HOLDER_MAX] = "an unknown process";
	ssize_t len = pread(fd, holder, sizeof(holder) - 1, 0);

	if (len > 0)
		holder[len] = '\0';
	for (char *c = holder; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = ' ';
	return error_set(err, STATUS_RETRY, "locked",
	        "%s%s is locked by %s: it is tried again; if that process is stopped, let it go on or end it",
	        tree->name, path, holder);
}

static void name_holder(int fd)
{
	char holder[HOLDER_MAX], host[128] = "", time[TIMESTAMP_SIZE];

	gethostname(host, sizeof(host) - 1);
	timestamp_format(clock_wall_ms(), time);
	int len = snprintf(holder, sizeof(holder), "pid %d@%s since %s", (int)getpid(), host, time);
	if (pwrite(fd, holder, (size_t)len, 0) == len && ftruncate(fd, len))
		return; /* only words for others: the lock is what counts */
}

/* Locks, never waiting. The file is never removed: two could else lock two files of one name; and one that
 * somebody did remove is no lock. */
static enum status lock(struct file_work *work, const struct tree *tree, int *ret_fd, struct error *err)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char *path = memory_format(LAYOUT_LOCKS "/%s", work->own->path);
	enum status status = STATUS_OK;
	const char *name;
	struct stat stat;
	int folder, fd;

	if ((status = tree_make_parent(tree, path, &folder, &name, err)))
		goto out;
	close(folder);
	if ((fd = tree_open_at(tree, path, O_RDWR | O_CREAT, 0644)) < 0) {
		status = tree_error(tree, errno, "open the lock", path, err);
		goto out;
	}
	if (fcntl(fd, F_OFD_SETLK, &whole))
		status = errno == EAGAIN || errno == EACCES ? held_elsewhere(fd, tree, work->own->path, err)
		                                            : tree_error(tree, errno, "lock", path, err);
	else if (fstat(fd, &stat) || stat.st_nlink == 0)
		status = tree_error(tree, ESTALE, "lock", path, err);
	if (status) {
		close(fd);
		goto out;
	}
	name_holder(fd);
	*ret_fd = fd;
out:
	free(path);
	return status;
}

enum { GATE_OPEN, GATE_INSIDE, GATE_SHUT };

void file_work_shut(struct file_work *work)
{
	int open = GATE_OPEN;

	while (!atomic_compare_exchange_weak(&work->gate, &open, GATE_SHUT) && open != GATE_SHUT) {
		open = GATE_OPEN;
		usleep(100); /* check() only compares */
	}
}

static enum status ask(
        struct file_work *work, const struct tree *tree, enum point_verdict *ret, struct error *err)
{
	struct view current = {work->own->result.data, work->own->result.len};
	int open = GATE_OPEN;

	if (!atomic_compare_exchange_strong(&work->gate, &open, GATE_INSIDE))
		return error_set(err, STATUS_RETRY, "canceled", "canceled before switching %s%s", tree->name,
		        work->own->path);
	*ret = work->own->check ? work->own->check(current, work->own->check_context) : POINT_REPLACE;
	atomic_store(&work->gate, GATE_OPEN);
	return STATUS_OK;
}

static enum status point_locked(struct file_work *work, const struct tree *tree, struct error *err)
{
	struct operation *own = work->own;
	enum point_verdict verdict = POINT_KEEP;
	enum status status =
	        file_slurp(tree, own->path, POINT_SIZE_MAX, &own->result.data, &own->result.len, err);

	own->result.found = own->result.data != NULL;
	if (status || (status = ask(work, tree, &verdict, err)))
		return status;
	bool is_there =
	        own->result.found && view_equal((struct view){own->result.data, own->result.len}, own->data);
	own->result.kept = verdict == POINT_KEEP;
	if (own->result.kept && !is_there)
		return STATUS_OK;
	if (!is_there)
		status = replace_data(work, tree, err);
	if (!status)
		status = mend_link(work, tree, err);
	if (!status)
		status = tree_sync_above(tree, own->path, err);
	if (!status)
		own->result.ambiguous = false;
	return status;
}

enum status file_point(struct file_work *work, const struct tree *tree, struct error *err)
{
	int fd;
	enum status status = lock(work, tree, &fd, err);

	if (status)
		return status;
	status = point_locked(work, tree, err);
	close(fd); /* unlocks */
	return status;
}
