/* Uploads that nobody goes on with: what lies in .holdpoint/tmp untouched for FILE_TMP_DAYS. Each upload's
 * topmost folder is touched by every PUT into it. */
#include "base/memory.h"
#include "distribution/file_driver.h"
#include "distribution/file_work.h"
#include "distribution/layout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the file system itself calls now: its clock stamps the uploads, and may not be this machine's. */
static bool file_system_now(int folder, time_t *ret_now)
{
	static const char name[] = "@clock";
	struct stat stat;
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
	bool known = fd >= 0 && futimens(fd, NULL) == 0 && fstat(fd, &stat) == 0;

	if (fd >= 0)
		close(fd);
	if (known)
		*ret_now = stat.st_mtime;
	return known;
}

static void expire_entry(const struct tree *tree, int folder, const char *name, time_t before)
{
	struct stat stat;

	if (fstatat(folder, name, &stat, AT_SYMLINK_NOFOLLOW) || stat.st_mtime >= before)
		return;
	char *path = memory_format(LAYOUT_TMP "/%s", name);
	struct error err;
	if (tree_remove(tree, path, &err)) { /* what cannot be removed today is tried tomorrow */
	}
	free(path);
}

static void expire_all(const struct tree *tree)
{
	int folder = tree_open_at(tree, LAYOUT_TMP, O_RDONLY | O_DIRECTORY, 0);
	DIR *dir = folder < 0 ? NULL : fdopendir(folder);
	struct dirent *entry;
	time_t now;

	if (!dir) {
		if (folder >= 0)
			close(folder);
		return;
	}
	bool known = file_system_now(folder, &now);
	while (known && (entry = readdir(dir)) && pool_go_on(tree->work))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			expire_entry(tree, folder, entry->d_name, now - FILE_TMP_DAYS * 24 * 3600);
	closedir(dir);
}

void file_work_expire(struct pool_work *pool_work)
{
	struct file_work *work = (struct file_work *)pool_work;
	struct error ignored;
	struct tree tree;

	if (tree_open(work->base, pool_work, &tree, &ignored))
		return;
	expire_all(&tree);
	tree_close(&tree);
}
