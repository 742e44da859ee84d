/* Moves and reads the bytes of files: PUT, COPY, HASH, READ. */
#include "base/memory.h"
#include "distribution/file_work.h"
#include "distribution/layout.h"
#include "distribution/piece.h"
#include "distribution/transput.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_CHUNK = 8 << 20 };

enum status file_slurp(const struct tree *tree, const char *path, size_t size_max, char **ret_data,
        size_t *ret_len, struct error *err)
{
	off_t size = 0;
	int fd;
	enum status status = tree_open_file(tree, path, &fd, &size, err);

	if (status)
		return status;
	*ret_data = NULL;
	*ret_len = 0;
	if (fd < 0)
		return STATUS_OK;
	if ((uint64_t)size > size_max) {
		close(fd);
		return error_set(err, STATUS_REJECT, "dp_error",
		        "%s%s has %lld bytes, and at most %zu are expected there", tree->name, path,
		        (long long)size, size_max);
	}
	char *data = memory_alloc((size_t)size + 1);
	ssize_t got = read_all(fd, data, (size_t)size, 0);
	int number = got < 0 ? errno : got < size ? EIO : 0; /* shorter than it said */
	close(fd);
	if (number) {
		free(data);
		return tree_error(tree, number, "read", path, err);
	}
	*ret_data = data;
	*ret_len = (size_t)size;
	return STATUS_OK;
}

enum status file_read(struct file_work *work, const struct tree *tree, struct error *err)
{
	struct operation *own = work->own;
	enum status status =
	        file_slurp(tree, own->path, own->size_max, &own->result.data, &own->result.len, err);

	own->result.found = own->result.data != NULL;
	own->result.size = own->result.len;
	return status;
}

static enum status hash_from(struct file_work *work, const struct tree *tree, int fd,
        struct digest_stream *stream, struct piece piece, struct error *err)
{
	uint64_t size = 0;
	enum status status = STATUS_OK;

	while (!status) {
		ssize_t got = pread(fd, piece.bytes, piece.size, (off_t)size);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return tree_error(tree, errno, "read", work->own->path, err);
		if (got == 0)
			break;
		digest_add(stream, piece.bytes, (size_t)got);
		size += (uint64_t)got;
		atomic_store(&work->moved, size);
		status = tree_go_on(tree, err);
	}
	work->own->result.size = size;
	return status;
}

/* Pages are dropped before, so that what is hashed comes from the device and not from the memory it was
 * written through; and after, since nobody here reads them again. */
enum status file_hash(struct file_work *work, const struct tree *tree, struct error *err)
{
	off_t size;
	int fd;
	enum status status = tree_open_file(tree, work->own->path, &fd, &size, err);

	if (status || fd < 0)
		return status;
	work->own->result.found = true;
	if (work->own->size_max && (uint64_t)size > work->own->size_max) {
		work->own->result.size = (uint64_t)size;
		close(fd);
		return STATUS_OK;
	}
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	struct digest_stream *stream = digest_start();
	struct piece piece = piece_new((uint64_t)size);
	status = hash_from(work, tree, fd, stream, piece, err);
	if (status)
		digest_discard(stream);
	else
		digest_finish(stream, work->own->result.digest);
	free(piece.bytes);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	close(fd);
	return status;
}

/* Bytes on their way from one file to another. */
struct flow {
	struct file_work *work;
	const struct tree *tree;
	int in, out;
	uint64_t size, done;
};

/* After each piece: the device gets it now, and is waited for on the piece before, so that memory does not
 * fill with dirty pages and the fsync at the end is short. */
static enum status flow_advance(struct flow *flow, uint64_t len, struct error *err)
{
	off_t at = (off_t)flow->done, before = at > COPY_CHUNK ? at - COPY_CHUNK : 0;

	sync_file_range(flow->out, at, (off_t)len, SYNC_FILE_RANGE_WRITE);
	sync_file_range(flow->out, before, at - before,
	        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
	flow->done += len;
	atomic_store(&flow->work->moved, flow->done);
	return tree_go_on(flow->tree, err);
}

/* In the kernel, as far as it can: what stops it is found out by reading and writing from there. */
static enum status flow_in_kernel(struct flow *flow, struct error *err)
{
	enum status status = STATUS_OK;

	while (!status && flow->done < flow->size) {
		uint64_t left = flow->size - flow->done;
		loff_t from = (loff_t)flow->done, to = from;
		ssize_t moved = copy_file_range(
		        flow->in, &from, flow->out, &to, left < COPY_CHUNK ? left : COPY_CHUNK, 0);
		if (moved <= 0)
			return STATUS_OK;
		status = flow_advance(flow, (uint64_t)moved, err);
	}
	return status;
}

/* What PUT reads is the content's side, what COPY reads the distribution point's. */
static enum status source_error(const struct flow *flow, int number, struct error *err)
{
	const struct operation *own = flow->work->own;

	if (own->kind == OPERATION_COPY)
		return tree_error(flow->tree, number ? number : EIO, "copy", own->from, err);
	errno = number;
	if (number)
		return error_set(err, STATUS_REJECT, "source_unreachable",
		        "cannot read the source of %s: %m; see to it and send the job again", own->path);
	return error_set(err, STATUS_REJECT, "source_size",
	        "the source of %s ends before its %llu bytes; correct the manifest or the source", own->path,
	        (unsigned long long)flow->size);
}

static enum status flow_by_hand(struct flow *flow, struct piece piece, struct error *err)
{
	enum status status = STATUS_OK;

	while (!status && flow->done < flow->size) {
		uint64_t left = flow->size - flow->done;
		ssize_t got = pread(
		        flow->in, piece.bytes, left < piece.size ? left : piece.size, (off_t)flow->done);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return source_error(flow, got < 0 ? errno : 0, err);
		int number = write_all(flow->out, piece.bytes, (size_t)got, (off_t)flow->done);
		if (number)
			return tree_error(flow->tree, number, "write", flow->work->own->path, err);
		status = flow_advance(flow, (uint64_t)got, err);
	}
	return status;
}

/* A reflink shares blocks, not the file: later writes to either are not seen by the other. */
static bool flow_by_reflink(struct flow *flow)
{
	if (flow->size == 0 || ioctl(flow->out, FICLONE, flow->in))
		return false;
	flow->done = flow->size;
	atomic_store(&flow->work->moved, flow->size);
	return true;
}

static enum status flow_all(struct flow *flow, struct error *err)
{
	struct stat in, out;

	if (fstat(flow->in, &in))
		return source_error(flow, errno, err);
	if (S_ISREG(in.st_mode) && (uint64_t)in.st_size < flow->size)
		return source_error(flow, 0, err);
	if ((uint64_t)in.st_size != flow->size || !flow_by_reflink(flow)) {
		enum status status = flow_in_kernel(flow, err);
		if (!status && flow->done < flow->size) {
			struct piece piece = piece_new(flow->size);
			status = flow_by_hand(flow, piece, err);
			free(piece.bytes);
		}
		if (status)
			return status;
	}
	if (fsync(flow->out) || fstat(flow->out, &out))
		return tree_error(flow->tree, errno, "fsync", flow->work->own->path, err);
	if ((uint64_t)out.st_size != flow->size) /* reflinked while the source changed */
		return source_error(flow, 0, err);
	return STATUS_OK;
}

void file_touch_upload(const struct tree *tree, const char *path)
{
	static const char tmp[] = LAYOUT_TMP "/";
	const size_t len = sizeof(tmp) - 1;
	const char *slash = strncmp(path, tmp, len) == 0 ? strchr(path + len, '/') : NULL;

	if (!slash)
		return;
	char *upload = memory_copy(path, (size_t)(slash - path));
	int fd = tree_open_at(tree, upload, O_RDONLY | O_DIRECTORY, 0);
	if (fd >= 0) {
		futimens(fd, NULL);
		close(fd);
	}
	free(upload);
}

/* Fills a new file at path from fd. One that is there is unlinked first and never written into: it may be
 * open, or have other links. A torso is not left behind. */
static enum status fill(
        struct file_work *work, const struct tree *tree, int fd, uint64_t size, struct error *err)
{
	struct flow flow = {.work = work, .tree = tree, .in = fd, .size = size};
	const char *name;
	int folder;
	enum status status = tree_make_parent(tree, work->own->path, &folder, &name, err);

	if (status)
		return status;
	file_touch_upload(tree, work->own->path);
	if (unlinkat(folder, name, 0) && errno != ENOENT) {
		status = tree_error(tree, errno, "replace", work->own->path, err);
	} else if ((flow.out = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	                    work->own->executable ? 0755 : 0644)) < 0) {
		status = tree_error(tree, errno, "make", work->own->path, err);
	} else {
		status = flow_all(&flow, err);
		if (close(flow.out) && !status)
			status = tree_error(tree, errno, "write", work->own->path, err);
		if (status)
			unlinkat(folder, name, 0);
	}
	close(folder);
	return status;
}

enum status file_put(struct file_work *work, const struct tree *tree, struct error *err)
{
	if (work->own->fd < 0)
		return error_set(err, STATUS_RETRY, "dp_error",
		        "too many open files for putting %s; raise LimitNOFILE", work->own->path);
	enum status status = fill(work, tree, work->own->fd, work->own->size, err);
	if (!status)
		work->own->result.size = work->own->size;
	return status;
}

/* By reflink or else by copying, not by hard link, though a sealed file is never changed: with a link, one
 * damaged block, or one program that writes in place, would spoil all versions that share the file. */
enum status file_copy(struct file_work *work, const struct tree *tree, struct error *err)
{
	off_t size;
	int fd;
	enum status status = tree_open_file(tree, work->own->from, &fd, &size, err);

	if (status || fd < 0)
		return status;
	work->own->result.found = true;
	work->own->result.size = (uint64_t)size;
	status = fill(work, tree, fd, (uint64_t)size, err);
	close(fd);
	return status;
}
