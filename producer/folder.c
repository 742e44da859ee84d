/* A folder as a manifest. */
#include "producer/folder.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_SIZE = 256 * 1024, URL_MAX = 8192 };

struct listing {
	struct manifest_file *files;
	size_t count, capacity;
	uint64_t bytes, done;
	void (*progress)(uint64_t done, uint64_t total, void *context);
	void *context;
};

static void listing_clear(struct listing *listing)
{
	for (size_t i = 0; i < listing->count; i++) {
		free(listing->files[i].path);
		free(listing->files[i].url);
	}
	free(listing->files);
	*listing = (struct listing){0};
}

static enum status refuse(const FTSENT *entry, struct error *err)
{
	switch (entry->fts_info) {
	case FTS_SL:
	case FTS_SLNONE:
		return error_set(err, STATUS_REJECT, "not_a_file",
		        "%s is a symbolic link: a package holds regular files only; replace it by what it "
		        "points "
		        "to, or leave it out",
		        entry->fts_path);
	case FTS_DNR:
	case FTS_ERR:
	case FTS_NS:
		return error_set(err, STATUS_REJECT, "unreadable", "cannot read %s: %s", entry->fts_path,
		        strerror(entry->fts_errno));
	default:
		return error_set(err, STATUS_REJECT, "not_a_file",
		        "%s is neither a file nor a folder: a package holds regular files only; leave it out",
		        entry->fts_path);
	}
}

static enum status add_file(struct listing *listing, const FTSENT *entry, const char *path, struct error *err)
{
	if (listing->count == MANIFEST_FILES_MAX)
		return error_set(err, STATUS_REJECT, "too_many_files",
		        "more than %d files: split the package, or pack its files", MANIFEST_FILES_MAX);
	if (listing->count == listing->capacity) {
		listing->capacity = listing->capacity ? listing->capacity * 2 : 64;
		listing->files = memory_resize(listing->files, listing->capacity * sizeof(*listing->files));
	}
	struct manifest_file *file = &listing->files[listing->count++];

	*file = (struct manifest_file){.path = memory_text(path),
	        .size = (uint64_t)entry->fts_statp->st_size,
	        .executable = entry->fts_statp->st_mode & S_IXUSR};
	listing->bytes += file->size;
	return STATUS_OK;
}

static enum status visit(struct listing *listing, const FTSENT *entry, size_t root_len, struct error *err)
{
	switch (entry->fts_info) {
	case FTS_D:
	case FTS_DP:
	case FTS_DOT:
		return STATUS_OK;
	case FTS_F:
		return add_file(listing, entry, entry->fts_path + root_len + 1, err);
	default:
		return refuse(entry, err);
	}
}

static enum status list(struct listing *listing, char *root, struct error *err)
{
	char *roots[] = {root, NULL};
	FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	enum status status = STATUS_OK;
	FTSENT *entry;

	if (!tree)
		return error_set(
		        err, STATUS_REJECT, "unreadable", "cannot read %s: %s", root, strerror(errno));
	while (status == STATUS_OK && (entry = fts_read(tree)) != NULL)
		status = visit(listing, entry, strlen(root), err);
	fts_close(tree);
	return status;
}

/* Digests what was opened, as long as it was when listed. */
static enum status digest_fd(struct listing *listing, struct manifest_file *file, int fd, struct error *err)
{
	struct digest_stream *stream = digest_start();
	char *chunk = memory_alloc(READ_SIZE);
	uint64_t size = 0;
	ssize_t got;

	while ((got = read(fd, chunk, READ_SIZE)) > 0) {
		digest_add(stream, chunk, (size_t)got);
		size += (uint64_t)got;
		listing->done += (uint64_t)got;
		if (listing->progress)
			listing->progress(listing->done, listing->bytes, listing->context);
	}
	digest_finish(stream, file->digest);
	free(chunk);
	if (got < 0)
		return error_set(
		        err, STATUS_REJECT, "unreadable", "cannot read %s: %s", file->path, strerror(errno));
	if (size != file->size)
		return error_set(err, STATUS_REJECT, "file_changed",
		        "%s changed while it was read: try again when nobody writes to it", file->path);
	return STATUS_OK;
}

static enum status digest_file(
        struct listing *listing, struct manifest_file *file, const char *root, struct error *err)
{
	char *path = memory_format("%s/%s", root, file->path);
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	enum status status;

	if (fd < 0)
		status = error_set(
		        err, STATUS_REJECT, "unreadable", "cannot open %s: %s", path, strerror(errno));
	else
		status = digest_fd(listing, file, fd, err);
	if (fd >= 0)
		close(fd);
	free(path);
	return status;
}

void url_add_path(struct buffer *out, const char *path)
{
	for (; *path; path++) {
		unsigned char c = (unsigned char)*path;
		bool bare = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		            strchr("-._~/", c);

		buffer_add_format(out, bare ? "%c" : "%%%02X", c);
	}
}

static char *url_of(const char *root, const char *url_prefix, const char *path)
{
	struct buffer url;
	char *text;

	buffer_init(&url, URL_MAX);
	if (url_prefix) {
		buffer_add_text(&url, url_prefix);
		if (!*url_prefix || url_prefix[strlen(url_prefix) - 1] != '/')
			buffer_add_text(&url, "/");
	} else {
		buffer_add_text(&url, "file://");
		url_add_path(&url, root);
		buffer_add_text(&url, "/");
	}
	url_add_path(&url, path);
	text = memory_text(url.data);
	buffer_release(&url);
	return text;
}

static enum status fill(struct listing *listing, const char *root, const char *url_prefix, struct error *err)
{
	enum status status = STATUS_OK;

	if (!listing->count)
		return error_set(err, STATUS_REJECT, "empty_folder",
		        "%s holds no file: a version has at least one", root);
	for (size_t i = 0; status == STATUS_OK && i < listing->count; i++) {
		struct manifest_file *file = &listing->files[i];

		file->url = url_of(root, url_prefix, file->path);
		status = digest_file(listing, file, root, err);
	}
	return status;
}

enum status folder_manifest(const char *folder, const char *url_prefix,
        void (*progress)(uint64_t done, uint64_t total, void *context), void *context, struct manifest **ret,
        struct error *err)
{
	struct listing listing = {.progress = progress, .context = context};
	char *root = realpath(folder, NULL);
	struct stat info;

	if (!root || stat(root, &info) < 0 || !S_ISDIR(info.st_mode)) {
		free(root);
		return error_set(err, STATUS_REJECT, "not_a_folder",
		        "%s is not a folder that can be read: %s", folder,
		        root ? "it is something else" : strerror(errno));
	}
	enum status status = list(&listing, root, err);

	if (status == STATUS_OK)
		status = fill(&listing, root, url_prefix, err);
	free(root);
	if (status != STATUS_OK) {
		listing_clear(&listing);
		return status;
	}
	return manifest_new(listing.files, listing.count, NULL, ret, err);
}
