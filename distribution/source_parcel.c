#include "distribution/source_parcel.h"

#include "distribution/source_file.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct source_parcel {
	struct pool_work work; /* first */
	struct pool *pool;
	struct parcel *parcel; /* a reference */
	source_parcel_done *done;
	void *context;
};

/* All of the file, where it has the size that it should have; the caller's to free(). */
static char *read_whole(int fd, uint64_t size)
{
	struct stat stat;

	if (fstat(fd, &stat) || !S_ISREG(stat.st_mode) || (uint64_t)stat.st_size != size)
		return NULL;
	char *data = memory_resize(NULL, size + 1);
	size_t have = 0;
	while (have < size) {
		ssize_t got = pread(fd, data + have, size - have, (off_t)have);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		have += (size_t)got;
	}
	if (have == size)
		return data;
	free(data);
	return NULL;
}

/* What is hashed is what will be written: the bytes in memory. */
static void read_file(int folder, struct parcel_file *file)
{
	char digest[DIGEST_SIZE];
	int fd = source_file_open_below(folder, file->source);
	char *data = fd < 0 ? NULL : read_whole(fd, file->size);

	if (fd >= 0)
		close(fd);
	if (!data)
		return;
	digest_of((struct view){data, file->size}, digest);
	if (strcmp(digest, file->digest) == 0)
		file->data = data;
	else
		free(data);
}

static void run(struct pool_work *work)
{
	struct parcel *parcel = ((struct source_parcel *)work)->parcel;
	int folder = open(parcel->source_folder, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (folder < 0)
		return;
	for (size_t i = 0; i < parcel->count && pool_go_on(work); i++)
		if (parcel->files[i].source)
			read_file(folder, &parcel->files[i]);
	close(folder);
}

static void on_done(struct pool_work *work)
{
	struct source_parcel *reading = (struct source_parcel *)work;

	reading->done(reading->context, work->end == POOL_RAN);
}

static void release(struct pool_work *work)
{
	struct source_parcel *reading = (struct source_parcel *)work;

	parcel_unref(reading->parcel);
	free(reading);
}

struct source_parcel *source_parcel_read(struct pool *pool, struct pool_lane *lane, struct parcel *parcel,
        source_parcel_done *done, void *context)
{
	struct source_parcel *reading = memory_alloc(sizeof(*reading));

	reading->pool = pool;
	reading->parcel = parcel_ref(parcel);
	reading->done = done;
	reading->context = context;
	reading->work.run = run;
	reading->work.done = on_done;
	reading->work.release = release;
	reading->work.lane = lane;
	pool_submit(pool, &reading->work);
	return reading;
}

void source_parcel_cancel(struct source_parcel *reading)
{
	pool_cancel(reading->pool, &reading->work);
}
