#include "distribution/shelf.h"

#include "distribution/source.h"

#include "base/map.h"
#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum {
	REMEMBERED_MAX = 16,
	REMEMBERED_FILES_MAX = 100000, /* of all that are remembered; about 30 MB */
};

struct fetch { /* lives until its work is done, also when nobody waits for it any more */
	struct shelf *shelf;
	struct manifest_work *work;
	char *key; /* NULL: not to be joined any more */
	char *url;
	STAILQ_HEAD(, manifest_ask) asks;
};

struct manifest_ask {
	struct shelf *shelf;
	struct fetch *fetch; /* NULL: it is about to be answered */
	manifest_done *done;
	void *context;
	struct manifest *manifest;
	struct error err;
	struct agenda_entry later;
	STAILQ_ENTRY(manifest_ask) next;
};

struct remembered { /* by its URL too: with equal digests, each URL says for itself where the files are read
	             */
	char *url;
	struct manifest *manifest;
};

struct shelf {
	struct room *room;
	struct map *fetches; /* by key */
	size_t fetching;
	struct remembered remembered[REMEMBERED_MAX]; /* newest first */
	size_t count;
};

struct shelf *shelf_new(struct room *room)
{
	struct shelf *shelf = memory_alloc(sizeof(*shelf));

	shelf->room = room;
	shelf->fetches = map_new();
	return shelf;
}

static void forget_from(struct shelf *shelf, size_t keep)
{
	while (shelf->count > keep) {
		struct remembered *last = &shelf->remembered[--shelf->count];
		manifest_unref(last->manifest);
		free(last->url);
	}
}

bool shelf_is_busy(const struct shelf *shelf)
{
	return shelf->fetching > 0;
}

void shelf_free(struct shelf *shelf)
{
	if (!shelf)
		return;
	assert(!shelf->fetching);
	forget_from(shelf, 0);
	map_free(shelf->fetches, NULL);
	free(shelf);
}

/* ---- remembering */

static void remember(struct shelf *shelf, const char *url, struct manifest *manifest)
{
	size_t files = manifest->count, keep = 0;

	if (files > REMEMBERED_FILES_MAX)
		return;
	while (keep < shelf->count && keep < REMEMBERED_MAX - 1 &&
	        files + shelf->remembered[keep].manifest->count <= REMEMBERED_FILES_MAX)
		files += shelf->remembered[keep++].manifest->count;
	forget_from(shelf, keep);
	memmove(shelf->remembered + 1, shelf->remembered, keep * sizeof(shelf->remembered[0]));
	shelf->remembered[0] = (struct remembered){memory_text(url), manifest_ref(manifest)};
	shelf->count = keep + 1;
}

/* Only for whom the catalogue still lets read it. */
static struct manifest *recall(
        struct shelf *shelf, const char *url, const char *digest, struct catalogue *catalogue)
{
	const struct catalogue_source *source;
	struct error why;
	char *normal;

	for (size_t i = 0; i < shelf->count; i++) {
		const struct remembered *remembered = &shelf->remembered[i];
		if (strcmp(remembered->manifest->digest, digest) != 0 || strcmp(remembered->url, url) != 0)
			continue;
		if (source_allowed(catalogue, url, &source, &normal, &why) != STATUS_OK)
			return NULL;
		free(normal);
		return manifest_ref(remembered->manifest);
	}
	return NULL;
}

void shelf_doubt(struct shelf *shelf, const struct manifest *manifest)
{
	for (size_t i = 0; i < shelf->count; i++) {
		if (shelf->remembered[i].manifest != manifest)
			continue;
		struct remembered doubted = shelf->remembered[i];
		shelf->count--;
		memmove(shelf->remembered + i, shelf->remembered + i + 1,
		        (shelf->count - i) * sizeof(shelf->remembered[0]));
		manifest_unref(doubted.manifest);
		free(doubted.url);
		return;
	}
}

/* ---- asking */

static void answer(struct manifest_ask *ask)
{
	ask->done(ask->context, ask->manifest, &ask->err);
	free(ask);
}

static void answer_later(struct agenda_entry *entry)
{
	answer((struct manifest_ask *)((char *)entry - offsetof(struct manifest_ask, later)));
}

static void leave_line(struct fetch *fetch)
{
	if (fetch->key)
		map_remove(fetch->shelf->fetches, view_text(fetch->key));
	free(fetch->key);
	fetch->key = NULL;
}

static void fetched(void *context, struct manifest *manifest, const struct error *err)
{
	struct fetch *fetch = context;
	struct manifest_ask *ask;

	leave_line(fetch);
	fetch->shelf->fetching--;
	if (manifest)
		remember(fetch->shelf, fetch->url, manifest);
	STAILQ_FOREACH(ask, &fetch->asks, next)
		ask->fetch = NULL; /* a cancel comes too late */
	while ((ask = STAILQ_FIRST(&fetch->asks))) {
		STAILQ_REMOVE_HEAD(&fetch->asks, next);
		ask->manifest = manifest ? manifest_ref(manifest) : NULL;
		if (!manifest)
			ask->err = *err;
		answer(ask);
	}
	manifest_unref(manifest);
	free(fetch->url);
	free(fetch);
}

/* Joins whoever reads the same by the same catalogue: what that allows and which credentials go along is the
 * same then. */
static struct fetch *find_or_start(
        struct shelf *shelf, const char *url, const char *digest, struct catalogue *catalogue)
{
	char *key = memory_format("%p %s %s", (void *)catalogue, digest, url);
	struct fetch *fetch = map_get(shelf->fetches, view_text(key));

	if (fetch) {
		free(key);
		return fetch;
	}
	fetch = memory_alloc(sizeof(*fetch));
	fetch->shelf = shelf;
	fetch->key = key;
	fetch->url = memory_text(url);
	STAILQ_INIT(&fetch->asks);
	map_put(shelf->fetches, view_text(key), fetch);
	shelf->fetching++;
	fetch->work = manifest_fetch(shelf->room, url, digest, catalogue, fetched, fetch);
	return fetch;
}

struct manifest_ask *shelf_ask(struct shelf *shelf, const char *url, const char *digest,
        struct catalogue *catalogue, manifest_done *done, void *context)
{
	struct manifest_ask *ask = memory_alloc(sizeof(*ask));

	ask->shelf = shelf;
	ask->done = done;
	ask->context = context;
	ask->manifest = recall(shelf, url, digest, catalogue);
	if (ask->manifest) {
		agenda_add(shelf->room->agenda, &ask->later, 0, answer_later);
		return ask;
	}
	ask->fetch = find_or_start(shelf, url, digest, catalogue);
	STAILQ_INSERT_TAIL(&ask->fetch->asks, ask, next);
	return ask;
}

void shelf_cancel(struct manifest_ask *ask)
{
	struct fetch *fetch = ask->fetch;

	if (!fetch)
		return; /* about to be answered */
	STAILQ_REMOVE(&fetch->asks, ask, manifest_ask, next);
	ask->fetch = NULL;
	error_set(&ask->err, STATUS_RETRY, "canceled", "reading the manifest was canceled");
	agenda_add(ask->shelf->room->agenda, &ask->later, 0, answer_later);
	if (STAILQ_EMPTY(&fetch->asks)) {
		leave_line(fetch); /* a new ask is not to get this one's cancellation */
		manifest_work_cancel(fetch->work);
	}
}
