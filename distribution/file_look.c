/* What lies in a folder, and where a link leads: LIST, LINK. */
#include "distribution/file_work.h"

#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINK_MAX_LEN = 4096 };

static enum status too_many(const struct file_work *work, struct error *err)
{
	return error_set(err, STATUS_REJECT, "dp_error", "%s%s has more than %zu bytes of names", work->base,
	        work->own->path, work->own->size_max);
}

static enum status read_names(
        struct file_work *work, const struct tree *tree, DIR *dir, struct buffer *names, struct error *err)
{
	struct dirent *entry;

	while ((errno = 0, entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		buffer_add(names, entry->d_name, strlen(entry->d_name) + 1);
		if (names->full)
			return too_many(work, err);
		if (tree_go_on(tree, err))
			return err->status;
	}
	return errno ? tree_error(tree, errno, "list", work->own->path, err) : STATUS_OK;
}

enum status file_list(struct file_work *work, const struct tree *tree, struct error *err)
{
	const char *path = *work->own->path ? work->own->path : ".";
	int fd = tree_open_at(tree, path, O_RDONLY | O_DIRECTORY, 0);
	struct buffer names;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return STATUS_OK;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		enum status status = tree_error(tree, errno, "list", path, err);
		if (fd >= 0)
			close(fd);
		return status;
	}
	buffer_init(&names, work->own->size_max);
	enum status status = read_names(work, tree, dir, &names, err);
	closedir(dir);
	if (status == STATUS_OK) {
		work->own->result.found = true;
		work->own->result.data = memory_copy(names.data ? names.data : "", names.len);
		work->own->result.len = names.len;
	}
	buffer_release(&names);
	return status;
}

enum status file_link(struct file_work *work, const struct tree *tree, struct error *err)
{
	char target[LINK_MAX_LEN];
	const char *name;
	int folder;
	enum status status = tree_parent(tree, work->own->path, &folder, &name, err);

	if (status || folder < 0)
		return status;
	ssize_t len = readlinkat(folder, name, target, sizeof(target));
	int number = len < 0 ? errno : 0;
	close(folder);
	if (number == ENOENT)
		return STATUS_OK;
	if (number && number != EINVAL)
		return tree_error(tree, number, "read the link", work->own->path, err);
	work->own->result.found = true;
	if (!number) {
		work->own->result.data = memory_copy(target, (size_t)len);
		work->own->result.len = (size_t)len;
	}
	return STATUS_OK;
}
