/* A source on its way: from a file or through the spool, for all who asked for its digest meanwhile. */
#include "distribution/source_state.h"

#include "distribution/spool.h"
#include "distribution/url.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LARGE = 1 << 20 }; /* what is smaller is hashed before anybody could have begun */

static void open_file(struct source *source);

/* ---- answering */

void source_answer(struct source_ask *ask)
{
	free(ask->normal);
	ask->normal = NULL;
	ask->done(ask);
}

/* Who hears its answer may cancel others that are about to hear theirs: they wait no more. */
static void take(struct source_asks *taken, struct source_ask *ask)
{
	ask->waits_for = NULL;
	STAILQ_INSERT_TAIL(taken, ask, next);
}

static void answer_all(struct source_asks *asks)
{
	struct source_ask *ask;

	while ((ask = STAILQ_FIRST(asks))) {
		STAILQ_REMOVE_HEAD(asks, next);
		source_answer(ask);
	}
}

static void fetched(struct source *source, int fd)
{
	struct source_asks taken = STAILQ_HEAD_INITIALIZER(taken);
	struct source_ask *ask;

	source->sources->fetching--;
	source->fd = fd;
	source->state = SOURCE_READY;
	source->users++; /* so that it stays until all are answered */
	while ((ask = STAILQ_FIRST(&source->asks))) {
		STAILQ_REMOVE_HEAD(&source->asks, next);
		if (!ask->settles)
			source_use(source, ask);
		take(&taken, ask);
	}
	answer_all(&taken);
	source_release(source);
}

/* Asks that have another URL to try; where the wrong bytes are in use they need another source. */
static void try_others(struct source *source, struct source_asks *asks)
{
	struct source_ask *first = STAILQ_FIRST(asks), *ask;

	if (source->users) {
		source->state = SOURCE_WRONG;
		source_forget(source);
		source = first ? source_new(source->sources, first) : NULL;
	} else if (source->fd >= 0) {
		close(source->fd);
		source->fd = -1;
	}
	while ((ask = STAILQ_FIRST(asks))) {
		STAILQ_REMOVE_HEAD(asks, next);
		source_add_ask(source, ask);
	}
	if (first)
		source_fetch(source, first);
	else if (source)
		source_free(source);
}

/* Those who asked for the URL that failed get its error; the others have one of their own to try. */
static void failed(struct source *source, const struct error *err)
{
	struct source_asks told = STAILQ_HEAD_INITIALIZER(told), others = STAILQ_HEAD_INITIALIZER(others);
	struct source_ask *ask;

	source->sources->fetching--;
	source->state = SOURCE_IDLE;
	source->err = *err;
	while ((ask = STAILQ_FIRST(&source->asks))) {
		STAILQ_REMOVE_HEAD(&source->asks, next);
		if (ask->settles || source_is_from(source, ask) || strcmp(err->code, "canceled") == 0) {
			ask->err = *err;
			take(&told, ask);
		} else {
			STAILQ_INSERT_TAIL(&others, ask, next);
		}
	}
	try_others(source, &others);
	answer_all(&told);
}

/* The asks that need not wait for the hash are answered. */
static void answer_early(struct source *source)
{
	struct source_asks all = STAILQ_HEAD_INITIALIZER(all), early = STAILQ_HEAD_INITIALIZER(early);
	struct source_ask *ask;

	STAILQ_CONCAT(&all, &source->asks);
	while ((ask = STAILQ_FIRST(&all))) {
		STAILQ_REMOVE_HEAD(&all, next);
		if (ask->early && source_is_from(source, ask)) {
			source_use(source, ask);
			take(&early, ask);
		} else {
			source_add_ask(source, ask);
		}
	}
	answer_all(&early);
}

/* ---- fetching */

static void on_file(void *context, int fd, const struct file_identity *identity, const struct error *err)
{
	struct source *source = context;

	source->file = NULL;
	if (fd < 0) {
		failed(source, err);
		return;
	}
	source->spooled = false;
	free(source->known_url);
	source->known_url = memory_text(source->url);
	source->known = *identity;
	if (source->fd < 0) {
		fetched(source, fd);
		return;
	}
	close(fd); /* of the same file as those have who came early */
	fetched(source, source->fd);
}

static void on_open(void *context, int fd, const struct file_identity *identity, const struct error *err)
{
	struct source *source = context;

	source->file = NULL;
	source->fd = fd;
	if (fd < 0 || STAILQ_EMPTY(&source->asks)) { /* or nobody waits for it any more */
		failed(source, err);
		return;
	}
	source->opened = *identity;
	source->spooled = false;
	open_file(source);
	answer_early(source);
}

static void on_download(void *context, int fd, const struct error *err)
{
	struct source *source = context;

	source->download = NULL;
	source->spooled = fd >= 0;
	if (fd < 0)
		failed(source, err);
	else
		fetched(source, fd);
}

/* A large one is first opened, and once more to be hashed. */
static void open_file(struct source *source)
{
	struct sources *sources = source->sources;
	bool same_file = source->known_url && strcmp(source->known_url, source->url) == 0;
	bool only_open = source->size > LARGE && source->fd < 0;
	struct source_file_wanted wanted = {.prefix = source->prefix,
	        .url = source->url,
	        .digest = only_open ? NULL : source->digest,
	        .size = source->size,
	        .fd = source->fd,
	        .lane = sources_lane(sources, source->prefix),
	        .known = same_file ? source->known : (struct file_identity){0},
	        .opened = source->fd >= 0 ? source->opened : (struct file_identity){0}};

	source->file =
	        source_file_open(sources->options.pool, &wanted, only_open ? on_open : on_file, source);
}

static void download(struct source *source)
{
	struct spool_wanted wanted = {.url = source->url,
	        .digest = source->digest,
	        .size = source->size,
	        .credentials_file = source->credentials_file,
	        .tls_ca_file = source->tls_ca_file};

	source->download = spool_fetch(source->sources->spool, &wanted, on_download, source);
}

static void set(char **text, const char *value)
{
	free(*text);
	*text = memory_text(value);
}

void source_fetch(struct source *source, struct source_ask *ask)
{
	const struct catalogue_source *allowed = catalogue_source_for(ask->catalogue, ask->normal);

	assert(allowed); /* looked at when it was asked */
	set(&source->url, ask->normal);
	set(&source->prefix, allowed->prefix);
	set(&source->credentials_file, allowed->credentials_file);
	set(&source->tls_ca_file, allowed->tls_ca_file);
	source->state = SOURCE_FETCHING;
	source->sources->fetching++;
	if (url_is_file(source->url))
		open_file(source);
	else
		download(source);
}

void source_stop_fetching(struct source *source)
{
	source_forget(source); /* a new ask is not to get this one's cancellation */
	if (source->file)
		source_file_cancel(source->file);
	else if (source->download)
		spool_cancel(source->download);
}
