#include "distribution/source_parcel.h"

#include "distribution/source_file.h"
#include "distribution/transput.h"

#include "base/clock.h"
#include "base/memory.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEEP_MS = 3000 };

struct source_parcel { /* who wants a parcel read */
	struct source_parcels *parcels;
	struct reading *reading; /* that it waits for; NULL: it is answered soon */
	struct parcel *parcel;   /* the asker's */
	bool ok;
	source_parcel_done *done;
	void *context;
	struct agenda_entry later;
	LIST_ENTRY(source_parcel) entry;
};

struct reading {               /* of a parcel, for all who want the same */
	struct pool_work work; /* first */
	struct source_parcels *parcels;
	struct parcel *parcel;           /* a reference: the first one's */
	uint64_t number;                 /* in their order */
	LIST_HEAD(, source_parcel) asks; /* none: all were canceled, and nobody joins it any more */
	LIST_ENTRY(reading) entry;
};

struct source_parcels {
	struct pool *pool;
	struct agenda *agenda;
	uint64_t readings; /* begun */
	LIST_HEAD(, reading) under_way;
	struct kept {
		struct parcel *parcel; /* a reference; NULL: none */
		uint64_t number;
	} kept[SOURCE_PARCELS_KEPT]; /* the oldest is replaced */
	size_t kept_next;
	struct agenda_entry forget;
};

/* ---- reading, on the pool */

/* All of the file, where it has the size that it should have; the caller's to free(). */
static char *read_whole(int fd, uint64_t size)
{
	struct stat stat;

	if (fstat(fd, &stat) || !S_ISREG(stat.st_mode) || (uint64_t)stat.st_size != size)
		return NULL;
	char *data = memory_resize(NULL, size + 1);
	if (read_all(fd, data, size, 0) == (ssize_t)size)
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
	struct parcel *parcel = ((struct reading *)work)->parcel;
	int folder = open(parcel->source_folder, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (folder < 0)
		return;
	for (size_t i = 0; i < parcel->count && pool_go_on(work); i++)
		if (parcel->files[i].source)
			read_file(folder, &parcel->files[i]);
	close(folder);
}

/* ---- the same files again */

static bool has_same_sources(const struct parcel *a, const struct parcel *b)
{
	if (a->count != b->count || !text_equal(a->source_folder, b->source_folder))
		return false;
	for (size_t i = 0; i < a->count; i++) {
		const struct parcel_file *one = &a->files[i], *other = &b->files[i];
		if (one->size != other->size || strcmp(one->digest, other->digest) != 0 ||
		        !text_equal(one->source, other->source))
			return false;
	}
	return true;
}

static void lend(struct parcel *from, struct parcel *to)
{
	if (from == to)
		return;
	to->lender = parcel_ref(from);
	for (size_t i = 0; i < to->count; i++)
		to->files[i].data = from->files[i].data;
}

static void forget_all(struct source_parcels *parcels)
{
	for (size_t i = 0; i < SOURCE_PARCELS_KEPT; i++) {
		parcel_unref(parcels->kept[i].parcel);
		parcels->kept[i].parcel = NULL;
	}
}

static void forget_later(struct agenda_entry *entry)
{
	forget_all((struct source_parcels *)((char *)entry - offsetof(struct source_parcels, forget)));
}

/* One that lacks a file is not kept: it may be there when it is asked for again. */
static void keep(struct source_parcels *parcels, const struct reading *reading)
{
	struct kept *place = &parcels->kept[parcels->kept_next];
	struct parcel *parcel = reading->parcel;

	for (size_t i = 0; i < parcel->count; i++)
		if (parcel->files[i].source && !parcel->files[i].data)
			return;
	parcel_unref(place->parcel);
	*place = (struct kept){.parcel = parcel_ref(parcel), .number = reading->number};
	parcels->kept_next = (parcels->kept_next + 1) % SOURCE_PARCELS_KEPT;
	agenda_remove(parcels->agenda, &parcels->forget);
	agenda_add(parcels->agenda, &parcels->forget, clock_monotonic_ms() + KEEP_MS, forget_later);
}

static struct parcel *find_kept(struct source_parcels *parcels, const struct parcel *wanted, uint64_t since)
{
	for (size_t i = 0; i < SOURCE_PARCELS_KEPT; i++) {
		struct kept *kept = &parcels->kept[i];
		if (kept->parcel && kept->number > since && has_same_sources(kept->parcel, wanted))
			return kept->parcel;
	}
	return NULL;
}

static struct reading *find_reading(
        struct source_parcels *parcels, const struct parcel *wanted, uint64_t since)
{
	struct reading *reading;

	LIST_FOREACH(reading, &parcels->under_way, entry)
		if (reading->number > since && has_same_sources(reading->parcel, wanted))
			break;
	return reading;
}

/* ---- answering */

static void answer(struct source_parcel *ask)
{
	ask->done(ask->context, ask->ok);
	free(ask);
}

static void answer_later(struct agenda_entry *entry)
{
	answer((struct source_parcel *)((char *)entry - offsetof(struct source_parcel, later)));
}

static void on_done(struct pool_work *work)
{
	struct reading *reading = (struct reading *)work;
	struct source_parcel *ask;
	bool ok = work->end == POOL_RAN;

	if (!LIST_EMPTY(&reading->asks))
		LIST_REMOVE(reading, entry);
	if (ok)
		keep(reading->parcels, reading);
	LIST_FOREACH(ask, &reading->asks, entry) {
		ask->reading = NULL;
		ask->ok = ok;
		if (ok)
			lend(reading->parcel, ask->parcel);
	}
	while ((ask = LIST_FIRST(&reading->asks))) {
		LIST_REMOVE(ask, entry);
		answer(ask);
	}
}

static void release(struct pool_work *work)
{
	struct reading *reading = (struct reading *)work;

	parcel_unref(reading->parcel);
	free(reading);
}

/* ---- asking */

static struct reading *start_reading(
        struct source_parcels *parcels, struct pool_lane *lane, struct parcel *parcel)
{
	struct reading *reading = memory_alloc(sizeof(*reading));

	reading->parcels = parcels;
	reading->parcel = parcel_ref(parcel);
	reading->number = ++parcels->readings;
	LIST_INIT(&reading->asks);
	LIST_INSERT_HEAD(&parcels->under_way, reading, entry);
	reading->work.run = run;
	reading->work.done = on_done;
	reading->work.release = release;
	reading->work.lane = lane;
	pool_submit(parcels->pool, &reading->work);
	return reading;
}

struct source_parcel *source_parcel_read(struct source_parcels *parcels, struct pool_lane *lane,
        struct parcel *parcel, uint64_t since, source_parcel_done *done, void *context)
{
	struct source_parcel *ask = memory_alloc(sizeof(*ask));
	struct parcel *kept = find_kept(parcels, parcel, since);

	*ask = (struct source_parcel){
	        .parcels = parcels, .parcel = parcel, .ok = true, .done = done, .context = context};
	if (kept) {
		lend(kept, parcel);
		agenda_add(parcels->agenda, &ask->later, 0, answer_later);
		return ask;
	}
	ask->reading = find_reading(parcels, parcel, since);
	if (!ask->reading)
		ask->reading = start_reading(parcels, lane, parcel);
	LIST_INSERT_HEAD(&ask->reading->asks, ask, entry);
	return ask;
}

void source_parcel_cancel(struct source_parcel *ask)
{
	struct reading *reading = ask->reading;

	if (!reading)
		return;
	LIST_REMOVE(ask, entry);
	ask->reading = NULL;
	ask->ok = false;
	agenda_add(ask->parcels->agenda, &ask->later, 0, answer_later);
	if (!LIST_EMPTY(&reading->asks))
		return;
	LIST_REMOVE(reading, entry);
	pool_cancel(reading->parcels->pool, &reading->work);
}

struct source_parcels *source_parcels_new(struct pool *pool, struct agenda *agenda)
{
	struct source_parcels *parcels = memory_alloc(sizeof(*parcels));

	parcels->pool = pool;
	parcels->agenda = agenda;
	LIST_INIT(&parcels->under_way);
	return parcels;
}

uint64_t source_parcels_now(const struct source_parcels *parcels)
{
	return parcels->readings;
}

void source_parcels_free(struct source_parcels *parcels)
{
	if (!parcels)
		return;
	assert(LIST_EMPTY(&parcels->under_way));
	forget_all(parcels);
	agenda_remove(parcels->agenda, &parcels->forget);
	free(parcels);
}
