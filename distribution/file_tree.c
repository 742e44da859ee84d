#include "distribution/file_tree.h"

#include "base/memory.h"
#include "distribution/pool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { REMOVE_PATH_MAX = 4096, REMOVE_REFILLS_MAX = 100 };

static const struct meaning {
	int number;
	enum status status;
	const char *code, *advice;
} meanings[] = {
        {ENOSPC, STATUS_RETRY, "dp_full", "free space or inodes there"},
        {EDQUOT, STATUS_RETRY, "dp_full", "raise the quota or free space there"},
        {EACCES, STATUS_RETRY, "dp_refused", "let this process's user in"},
        {EPERM, STATUS_RETRY, "dp_refused", "let this process's user do it"},
        {EROFS, STATUS_RETRY, "dp_refused", "mount it writable"},
        {ELOOP, STATUS_RETRY, "dp_refused", "a symbolic link is in the way: remove it"},
        {EXDEV, STATUS_RETRY, "dp_refused",
                "a mount or a way out is below the base: make it one file system"},
        {ENOLCK, STATUS_RETRY, "dp_refused", "the file system must support locks"},
        {ENOTDIR, STATUS_RETRY, "dp_refused", "something else is in the way: remove it"},
        {EISDIR, STATUS_RETRY, "dp_refused", "something else is in the way: remove it"},
        {ENOTEMPTY, STATUS_RETRY, "dp_refused", "something else is in the way: remove it"},
        {EBUSY, STATUS_RETRY, "dp_refused", "something is mounted there: unmount it"},
        {ESTALE, STATUS_RETRY, "dp_unreachable", "is it still mounted"},
        {ENOTCONN, STATUS_RETRY, "dp_unreachable", "is it still mounted"},
        {EHOSTDOWN, STATUS_RETRY, "dp_unreachable", "is its server up"},
        {EHOSTUNREACH, STATUS_RETRY, "dp_unreachable", "is its server up"},
        {ETIMEDOUT, STATUS_RETRY, "dp_unreachable", "is its server up"},
        {ENODEV, STATUS_RETRY, "dp_unreachable", "is its device there"},
        {ENXIO, STATUS_RETRY, "dp_unreachable", "is its device there"},
        {ENAMETOOLONG, STATUS_REJECT, "dp_error", "its file system takes shorter names only"},
        {EILSEQ, STATUS_REJECT, "dp_error", "its file system does not take such names"},
        {EFBIG, STATUS_REJECT, "dp_error", "its file system takes smaller files only"},
        {ENOSYS, STATUS_RETRY, "dp_error", "Linux 5.6 or later is needed"},
        {0, STATUS_RETRY, "dp_error", "it is tried again"},
};

enum status tree_error(
        const struct tree *tree, int number, const char *doing, const char *path, struct error *err)
{
	const struct meaning *meaning = meanings;

	while (meaning->number && meaning->number != number)
		meaning++;
	errno = number;
	return error_set(err, meaning->status, meaning->code, "cannot %s %s%s: %m; %s", doing, tree->name,
	        path, meaning->advice);
}

enum status tree_open(const char *base, struct pool_work *work, struct tree *ret, struct error *err)
{
	struct tree tree = {.name = base, .work = work};

	tree.base = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (tree.base < 0 && (errno == ENOENT || errno == ENOTDIR))
		return error_set(err, STATUS_RETRY, "dp_unreachable",
		        "cannot open the folder %s: %m; make it, or mount what belongs there", base);
	if (tree.base < 0)
		return tree_error(&tree, errno, "open the folder", "", err);
	*ret = tree;
	return STATUS_OK;
}

void tree_close(struct tree *tree)
{
	close(tree->base);
}

enum status tree_go_on(const struct tree *tree, struct error *err)
{
	if (pool_go_on(tree->work))
		return STATUS_OK;
	return error_set(err, STATUS_RETRY, "canceled",
	        "canceled while working on %s; it is tried again if wanted", tree->name);
}

static int open_below(int folder, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
	        .flags = (__u64)flags | O_CLOEXEC,
	        .mode = mode,
	        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};
	long fd;

	if (!(flags & O_PATH))
		how.flags |= O_NOCTTY | O_NONBLOCK;
	do {
		fd = syscall(SYS_openat2, folder, path, &how, sizeof(how));
	} while (fd < 0 && errno == EINTR);
	return (int)fd;
}

int tree_open_at(const struct tree *tree, const char *path, int flags, mode_t mode)
{
	return open_below(tree->base, path, flags, mode);
}

int tree_open_to_check(int folder, const char *name)
{
	int fd = open_below(folder, name, O_RDONLY | O_NOATIME, 0);

	return fd < 0 && errno == EPERM ? open_below(folder, name, O_RDONLY, 0) : fd; /* not our file */
}

enum status tree_open_file(
        const struct tree *tree, const char *path, int *ret_fd, off_t *ret_size, struct error *err)
{
	struct stat stat;
	int fd = tree_open_at(tree, path, O_RDONLY, 0);

	if (fd < 0 && errno != ENOENT && errno != ENOTDIR)
		return tree_error(tree, errno, "open", path, err);
	if (fd < 0) {
		*ret_fd = -1;
		return STATUS_OK;
	}
	int number = fstat(fd, &stat)        ? errno
	             : S_ISDIR(stat.st_mode) ? EISDIR
	             : S_ISREG(stat.st_mode) ? 0
	                                     : EPERM;
	if (number) {
		close(fd);
		return tree_error(tree, number, "read", path, err);
	}
	*ret_fd = fd;
	*ret_size = stat.st_size;
	return STATUS_OK;
}

static const char *last_segment(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The folder of path as a path of its own: "." where path has none. The caller's to free(). */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? memory_copy(path, (size_t)(slash - path)) : memory_text(".");
}

enum status tree_parent(
        const struct tree *tree, const char *path, int *ret_fd, const char **ret_name, struct error *err)
{
	char *folder = folder_of(path);
	int fd = tree_open_at(tree, folder, O_RDONLY | O_DIRECTORY, 0), number = errno;

	free(folder);
	if (fd < 0 && number != ENOENT && number != ENOTDIR)
		return tree_error(tree, number, "open the folder of", path, err);
	*ret_fd = fd;
	*ret_name = last_segment(path);
	return STATUS_OK;
}

/* Makes the folder and all above it; the base must be there. 0 or errno. */
static int make_folder(const struct tree *tree, const char *folder)
{
	char *above = folder_of(folder);
	int fd = tree_open_at(tree, above, O_RDONLY | O_DIRECTORY, 0), number = fd < 0 ? errno : 0;

	if (number == ENOENT && strcmp(above, ".") != 0 && (number = make_folder(tree, above)) == 0) {
		fd = tree_open_at(tree, above, O_RDONLY | O_DIRECTORY, 0);
		number = fd < 0 ? errno : 0;
	}
	free(above);
	if (number)
		return number;
	number = mkdirat(fd, last_segment(folder), 0755) && errno != EEXIST ? errno : 0;
	close(fd);
	return number;
}

enum status tree_make_parent(
        const struct tree *tree, const char *path, int *ret_fd, const char **ret_name, struct error *err)
{
	enum status status = tree_parent(tree, path, ret_fd, ret_name, err);

	if (status || *ret_fd >= 0)
		return status;
	char *folder = folder_of(path);
	int number = make_folder(tree, folder);
	int fd = number ? -1 : tree_open_at(tree, folder, O_RDONLY | O_DIRECTORY, 0);
	if (!number && fd < 0)
		number = errno;
	free(folder);
	if (number)
		return tree_error(tree, number, "make the folder of", path, err);
	*ret_fd = fd;
	return STATUS_OK;
}

enum status tree_sync_above(const struct tree *tree, const char *path, struct error *err)
{
	char *folder = folder_of(path);
	int number = 0;

	while (!number) {
		int fd = tree_open_at(tree, folder, O_RDONLY | O_DIRECTORY, 0);
		/* EINVAL: a file system whose folders need no fsync */
		number = fd < 0 ? errno : fsync(fd) && errno != EINVAL ? errno : 0;
		if (fd >= 0)
			close(fd);
		if (strcmp(folder, ".") == 0)
			break;
		char *above = folder_of(folder);
		free(folder);
		folder = above;
	}
	free(folder);
	return number ? tree_error(tree, number, "fsync a folder above", path, err) : STATUS_OK;
}

/* Unlinks what is in the folder up to its first folder, whose name is put into *ret_inner; NULL: none left.
 * Takes over fd. 0 or errno. */
static int empty_folder(const struct tree *tree, int fd, char **ret_inner, struct error *err)
{
	DIR *dir = fdopendir(fd);
	struct dirent *entry;
	int number = 0;

	*ret_inner = NULL;
	if (!dir) {
		number = errno;
		close(fd);
		return number;
	}
	while (!number && !*ret_inner && (errno = 0, entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (tree_go_on(tree, err))
			number = ECANCELED;
		else if (unlinkat(fd, entry->d_name, 0) == 0 || errno == ENOENT)
			continue;
		else if (errno == EISDIR)
			*ret_inner = memory_text(entry->d_name);
		else
			number = errno;
	}
	if (!number && !*ret_inner)
		number = errno;
	closedir(dir);
	return number;
}

/* A removal under way: at is the folder it stands in, below root or root itself. */
struct removal {
	const char *root;
	char *at;
	unsigned refills; /* something came into an emptied folder */
};

static int remove_folder(const struct tree *tree, const char *path)
{
	char *above = folder_of(path);
	int fd = tree_open_at(tree, above, O_RDONLY | O_DIRECTORY, 0);
	int number = fd < 0 || unlinkat(fd, last_segment(path), AT_REMOVEDIR) ? errno : 0;

	free(above);
	if (fd >= 0)
		close(fd);
	return number == ENOENT ? 0 : number;
}

/* Goes down into a folder, or up after removing an emptied one. 0 or errno; at is NULL when root is gone. */
static int remove_step(const struct tree *tree, struct removal *removal, struct error *err)
{
	int fd = tree_open_at(tree, removal->at, O_RDONLY | O_DIRECTORY, 0);
	char *inner = NULL, *next = NULL;
	int number = fd < 0 ? errno : empty_folder(tree, fd, &inner, err);

	if (number && number != ENOENT)
		return number;
	if (inner) {
		next = memory_format("%s/%s", removal->at, inner);
		free(inner);
		number = strlen(next) > REMOVE_PATH_MAX ? ENAMETOOLONG : 0;
	} else {
		number = remove_folder(tree, removal->at);
		if (number == ENOTEMPTY && ++removal->refills < REMOVE_REFILLS_MAX)
			return 0;
		if (strcmp(removal->at, removal->root) != 0)
			next = folder_of(removal->at);
	}
	free(removal->at);
	removal->at = next;
	return number;
}

static int remove_tree(const struct tree *tree, const char *path, struct error *err)
{
	struct removal removal = {.root = path, .at = memory_text(path)};
	int number = 0;

	while (removal.at && !number)
		number = remove_step(tree, &removal, err);
	free(removal.at);
	return number;
}

enum status tree_remove(const struct tree *tree, const char *path, struct error *err)
{
	const char *name;
	int fd;
	enum status status = tree_parent(tree, path, &fd, &name, err);

	if (status || fd < 0)
		return status;
	int number = unlinkat(fd, name, 0) && errno != ENOENT ? errno : 0;
	close(fd);
	if (number == EISDIR)
		number = remove_tree(tree, path, err);
	if (number == ECANCELED)
		return STATUS_RETRY; /* err says so already */
	return number ? tree_error(tree, number, "remove", path, err) : STATUS_OK;
}
