#include "distribution/source_file.h"

#include "distribution/piece.h"
#include "distribution/url.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PATIENCE_MS = 60000 };

struct source_file {
	struct pool_work work; /* first */
	struct pool *pool;
	char *folder, *path; /* decoded; path relative to the folder */
	char *digest;        /* NULL: not hashed */
	uint64_t size;
	struct file_identity known, opened;
	source_file_done *done;
	void *context;

	/* the thread's, until it is answered */
	struct file_identity seen;
	struct error err;
	int fd;
};

static enum status error_of(const struct source_file *file, int number, struct error *err)
{
	errno = number;
	switch (number) {
	case ENOENT:
	case ENOTDIR:
		return error_set(err, STATUS_REJECT, "source_missing", "there is no file %s%s", file->folder,
		        file->path);
	case ELOOP:
	case EXDEV:
		return error_set(err, STATUS_REJECT, "source_refused",
		        "a symbolic link is in the way to %s%s: sources are read through none", file->folder,
		        file->path);
	case EACCES:
	case EPERM:
		return error_set(err, STATUS_REJECT, "source_refused",
		        "cannot read %s%s: %m; let this process's user in", file->folder, file->path);
	default:
		return error_set(err, STATUS_RETRY, "source_unreachable", "cannot read %s%s: %m",
		        file->folder, file->path);
	}
}

int source_file_open_below(int folder, const char *path)
{
	struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
	        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};

	return (int)syscall(SYS_openat2, folder, path, &how, sizeof(how));
}

static enum status open_beneath(struct source_file *file, struct error *err)
{
	int folder = open(file->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (folder < 0)
		return error_set(err, STATUS_RETRY, "source_unreachable",
		        "cannot open the source folder %s: %m", file->folder);
	file->fd = source_file_open_below(folder, file->path);
	int why = errno;
	close(folder);
	return file->fd < 0 ? error_of(file, why, err) : STATUS_OK;
}

static enum status look(struct source_file *file, struct error *err)
{
	struct stat stat;

	if (fstat(file->fd, &stat) != 0)
		return error_of(file, errno, err);
	if (!S_ISREG(stat.st_mode))
		return error_set(err, STATUS_REJECT, "source_missing", "%s%s is not a regular file",
		        file->folder, file->path);
	if (file->size != UINT64_MAX && (uint64_t)stat.st_size != file->size)
		return error_set(err, STATUS_REJECT, "source_size",
		        "%s%s has %lld bytes, not the %llu that the manifest says", file->folder, file->path,
		        (long long)stat.st_size, (unsigned long long)file->size);
	file->seen.device = stat.st_dev;
	file->seen.inode = stat.st_ino;
	file->seen.size = stat.st_size;
	file->seen.modified = stat.st_mtim;
	file->seen.changed = stat.st_ctim;
	return STATUS_OK;
}

static enum status hash_pieces(struct source_file *file, struct digest_stream *stream, struct error *err)
{
	struct piece piece = piece_new(file->size);
	enum status status = STATUS_OK;
	off_t at = 0;

	while (status == STATUS_OK) {
		ssize_t got = pread(file->fd, piece.bytes, piece.size, at);
		if (got <= 0) {
			if (got < 0)
				status = error_of(file, errno, err);
			break;
		}
		digest_add(stream, piece.bytes, (size_t)got);
		at += got;
		if (!pool_go_on(&file->work))
			status = error_set(err, STATUS_RETRY, "canceled", "reading %s%s was canceled",
			        file->folder, file->path);
	}
	free(piece.bytes);
	return status;
}

static bool is_same(const struct file_identity *a, const struct file_identity *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->modified.tv_sec == b->modified.tv_sec && a->modified.tv_nsec == b->modified.tv_nsec &&
	       a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

static enum status verify(struct source_file *file, struct error *err)
{
	char digest[DIGEST_SIZE];

	if (!file->digest || (file->known.inode && is_same(&file->known, &file->seen)))
		return STATUS_OK;
	struct digest_stream *stream = digest_start();
	if (hash_pieces(file, stream, err) != STATUS_OK) {
		digest_discard(stream);
		return err->status;
	}
	digest_finish(stream, digest);
	if (strcmp(digest, file->digest) != 0)
		return error_set(err, STATUS_REJECT, "source_digest",
		        "%s%s has the digest %s, not %s as the manifest says", file->folder, file->path,
		        digest, file->digest);
	return STATUS_OK;
}

/* Who read it before it was hashed may have read other bytes than were hashed. */
static enum status look_again(struct source_file *file, struct error *err)
{
	if (!file->opened.inode)
		return STATUS_OK;
	if (look(file, err) != STATUS_OK)
		return err->status;
	if (!is_same(&file->opened, &file->seen))
		return error_set(err, STATUS_RETRY, "source_changed",
		        "%s%s was changed while it was read; it is read again", file->folder, file->path);
	return STATUS_OK;
}

static void run(struct pool_work *work)
{
	struct source_file *file = (struct source_file *)work;

	if (file->err.status == STATUS_OK && (file->fd >= 0 || open_beneath(file, &file->err) == STATUS_OK) &&
	        look(file, &file->err) == STATUS_OK && verify(file, &file->err) == STATUS_OK)
		(void)!look_again(file, &file->err);
}

static void on_done(struct pool_work *work)
{
	struct source_file *file = (struct source_file *)work;
	struct error err = {0};
	int fd = -1;

	if (work->end == POOL_RAN && file->err.status == STATUS_OK) {
		fd = file->fd;
		file->fd = -1;
	} else if (work->end == POOL_RAN) {
		err = file->err;
	} else {
		error_set(&err, STATUS_RETRY, work->end == POOL_LOST ? "source_unreachable" : "canceled",
		        "reading %s%s %s", file->folder, file->path,
		        work->end == POOL_LOST ? "hangs: is its file system reachable" : "was canceled");
	}
	file->done(file->context, fd, &file->seen, &err);
}

static void release(struct pool_work *work)
{
	struct source_file *file = (struct source_file *)work;

	if (file->fd >= 0)
		close(file->fd);
	free(file->folder);
	free(file->path);
	free(file->digest);
	free(file);
}

struct source_file *source_file_open(
        struct pool *pool, const struct source_file_wanted *wanted, source_file_done *done, void *context)
{
	struct source_file *file = memory_alloc(sizeof(*file));
	char *whole = url_file_path(wanted->url);

	file->folder = url_file_path(wanted->prefix);
	file->path = memory_text(whole + strlen(file->folder));
	free(whole);
	file->pool = pool;
	file->digest = memory_text(wanted->digest);
	file->size = wanted->size;
	file->known = wanted->known;
	file->opened = wanted->opened;
	file->done = done;
	file->context = context;
	file->fd = -1;
	if (wanted->fd >= 0 && (file->fd = fcntl(wanted->fd, F_DUPFD_CLOEXEC, 0)) < 0)
		error_of(file, errno, &file->err);
	file->work.run = run;
	file->work.done = on_done;
	file->work.release = release;
	file->work.patience_ms = PATIENCE_MS;
	file->work.lane = wanted->lane;
	pool_submit(pool, &file->work);
	return file;
}

void source_file_cancel(struct source_file *file)
{
	pool_cancel(file->pool, &file->work);
}
