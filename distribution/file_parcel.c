/* Many small files in one go: PUT_PARCEL, CHECK_PARCEL. What goes wrong with one file is not told: it is just
 * not in the set, and whoever wants to know tries it alone. */
#include "base/memory.h"
#include "distribution/file_work.h"
#include "distribution/transput.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Files of a version come sorted, most in the folder of the one before: it stays open. */
struct walk {
	const struct tree *tree;
	char *folder; /* the path of fd */
	size_t len;
	int fd; /* -1: none */
};

static void walk_leave(struct walk *walk)
{
	if (walk->fd >= 0)
		close(walk->fd);
	free(walk->folder);
	walk->folder = NULL;
	walk->fd = -1;
}

/* The file's name within the folder that is open then; NULL: that cannot be opened. */
static const char *walk_to(struct walk *walk, const char *path, bool make)
{
	const char *slash = strrchr(path, '/'), *name;
	size_t len = slash ? (size_t)(slash - path) : 0;
	struct error why;

	if (walk->fd >= 0 && walk->len == len && strncmp(walk->folder, path, len) == 0)
		return slash ? slash + 1 : path;
	walk_leave(walk);
	if ((make ? tree_make_parent : tree_parent)(walk->tree, path, &walk->fd, &name, &why) ||
	        walk->fd < 0) {
		walk->fd = -1;
		return NULL;
	}
	walk->folder = memory_copy(path, len);
	walk->len = len;
	return name;
}

/* ---- putting */

static int make_new(int folder, const char *name, bool executable)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(folder, name, flags, executable ? 0755 : 0644);

	if (fd >= 0 || errno != EEXIST || unlinkat(folder, name, 0))
		return fd;
	return openat(folder, name, flags, executable ? 0755 : 0644);
}

static bool copy_data(int in, int out, uint64_t size)
{
	char data[16 << 10];
	uint64_t at = 0;

	if (size && ioctl(out, FICLONE, in) == 0)
		return true;
	while (at < size) {
		uint64_t left = size - at;
		ssize_t got = read_all(in, data, left < sizeof(data) ? left : sizeof(data), (off_t)at);
		if (got <= 0 || write_all(out, data, (size_t)got, (off_t)at))
			return false;
		at += (uint64_t)got;
	}
	return true;
}

static bool copy_from(const struct tree *tree, const struct parcel_file *file, int out)
{
	struct error why;
	off_t size;
	int in;

	if (tree_open_file(tree, file->from, &in, &size, &why) || in < 0)
		return false;
	bool copied = (uint64_t)size == file->size && copy_data(in, out, file->size);
	close(in);
	return copied;
}

static bool put_file(struct walk *walk, const struct parcel_file *file, bool lasting)
{
	const char *name = file->from || file->data ? walk_to(walk, file->path, true) : NULL;
	int fd = name ? make_new(walk->fd, name, file->executable) : -1;

	if (fd < 0)
		return false;
	bool put =
	        file->from ? copy_from(walk->tree, file, fd) : write_all(fd, file->data, file->size, 0) == 0;
	put = put && (!lasting || fsync(fd) == 0);
	put = close(fd) == 0 && put;
	if (!put)
		unlinkat(walk->fd, name, 0); /* no torso is left behind */
	return put;
}

enum status file_put_parcel(struct file_work *work, const struct tree *tree, struct error *err)
{
	const struct parcel *parcel = work->own->parcel;
	struct walk walk = {.tree = tree, .fd = -1};
	enum status status = STATUS_OK;

	file_touch_upload(tree, work->own->path);
	for (size_t i = 0; i < parcel->count && !status; i++) {
		if (put_file(&walk, &parcel->files[i], work->own->lasting))
			work->own->result.right |= (parcel_set)1 << i;
		status = tree_go_on(tree, err);
	}
	walk_leave(&walk);
	return status;
}

/* ---- checking */

/* Opened so that it will be read from the device, and that is asked for at once. -1: not as it should be. */
static int open_to_check(struct walk *walk, const struct parcel_file *file, bool full)
{
	const char *name = walk_to(walk, file->path, false);
	int fd = name ? tree_open_to_check(walk->fd, name) : -1;
	struct stat stat;

	if (fd < 0)
		return -1;
	if (fstat(fd, &stat) || !S_ISREG(stat.st_mode) || (uint64_t)stat.st_size != file->size) {
		close(fd);
		return -1;
	}
	if (full) {
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED);
	}
	return fd;
}

static bool reads_back(int fd, const struct parcel_file *file, char *data)
{
	char digest[DIGEST_SIZE];
	ssize_t got = read_all(fd, data, file->size, 0);

	if (got < 0 || (uint64_t)got != file->size)
		return false;
	digest_of((struct view){data, file->size}, digest);
	return strcmp(digest, file->digest) == 0;
}

enum { AHEAD = 32 }; /* files that are open, and being read by the device, at a time */

static void check_some(struct file_work *work, struct walk *walk, size_t first, char *data)
{
	const struct parcel *parcel = work->own->parcel;
	size_t count = parcel->count - first < AHEAD ? parcel->count - first : AHEAD;
	int fds[AHEAD];

	for (size_t i = 0; i < count; i++)
		fds[i] = open_to_check(walk, &parcel->files[first + i], work->own->full);
	for (size_t i = 0; i < count; i++) {
		if (fds[i] < 0)
			continue;
		if (!work->own->full || reads_back(fds[i], &parcel->files[first + i], data))
			work->own->result.right |= (parcel_set)1 << (first + i);
		close(fds[i]);
	}
}

/* Pages are dropped before, as in HASH. They have to be clean for that: what was written must be settled. */
enum status file_check_parcel(struct file_work *work, const struct tree *tree, struct error *err)
{
	struct walk walk = {.tree = tree, .fd = -1};
	char *data = memory_resize(NULL, PARCEL_FILE_BYTES_MAX);
	enum status status = STATUS_OK;

	for (size_t i = 0; i < work->own->parcel->count && !status; i += AHEAD) {
		check_some(work, &walk, i, data);
		status = tree_go_on(tree, err);
	}
	walk_leave(&walk);
	free(data);
	return status;
}
