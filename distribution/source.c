/* Sources as they are asked for and used. */
#include "distribution/source_state.h"

#include "distribution/spool.h"
#include "distribution/url.h"

#include "base/map.h"
#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS_MAX = 4 }; /* of the pool, for one prefix */

static int folder_len(const char *url)
{
	size_t len = strcspn(url, "?");

	while (len > 0 && url[len - 1] != '/')
		len--;
	return len < 160 ? (int)len : 160;
}

enum status source_allowed(const struct catalogue *catalogue, const char *url,
        const struct catalogue_source **ret, char **ret_url, struct error *err)
{
	struct error why;
	char *normal;

	if (url_normalise(url, URL_FILE, &normal, &why) != STATUS_OK)
		return error_set(err, STATUS_REJECT, "source_forbidden", "%s", why.message);
	const struct catalogue_source *allowed = catalogue_source_for(catalogue, normal);
	if (!allowed) {
		error_set(err, STATUS_REJECT, "source_forbidden",
		        "%.160s is below no source of the catalogue: allow it with {\"sources\": "
		        "[{\"prefix\": \"%.*s\"}]}",
		        normal, folder_len(normal), normal);
		free(normal);
		return STATUS_REJECT;
	}
	*ret = allowed;
	*ret_url = normal;
	return STATUS_OK;
}

/* ---- a source */

struct source *source_new(struct sources *sources, const struct source_ask *ask)
{
	struct source *source = memory_alloc(sizeof(*source));

	source->sources = sources;
	source->digest = memory_text(ask->digest);
	source->size = ask->size;
	source->fd = -1;
	STAILQ_INIT(&source->asks);
	map_put(sources->by_digest, view_text(source->digest), source);
	return source;
}

void source_free(struct source *source)
{
	assert(!source->users && STAILQ_EMPTY(&source->asks) && source->state != SOURCE_FETCHING);
	if (!source->forgotten)
		map_remove(source->sources->by_digest, view_text(source->digest));
	if (source->fd >= 0 && source->spooled)
		spool_return(source->sources->spool, source->fd, source->size);
	else if (source->fd >= 0)
		close(source->fd);
	free(source->digest);
	free(source->url);
	free(source->prefix);
	free(source->credentials_file);
	free(source->tls_ca_file);
	free(source->known_url);
	free(source);
}

void source_forget(struct source *source)
{
	if (source->forgotten)
		return;
	source->forgotten = true;
	map_remove(source->sources->by_digest, view_text(source->digest));
}

void source_use(struct source *source, struct source_ask *ask)
{
	source->users++;
	ask->source = source;
	ask->err = (struct error){0};
}

void source_add_ask(struct source *source, struct source_ask *ask)
{
	ask->waits_for = source;
	STAILQ_INSERT_TAIL(&source->asks, ask, next);
}

bool source_is_from(const struct source *source, const struct source_ask *ask)
{
	return strcmp(ask->normal, source->url) == 0;
}

/* ---- asking */

static void answer_later(struct agenda_entry *entry)
{
	source_answer((struct source_ask *)((char *)entry - offsetof(struct source_ask, later)));
}

struct pool_lane *sources_lane(struct sources *sources, const char *prefix)
{
	struct pool_lane *lane = map_get(sources->lanes, view_text(prefix));

	if (!lane) {
		lane = memory_alloc(sizeof(*lane));
		lane->most = THREADS_MAX;
		map_put(sources->lanes, view_text(prefix), lane);
	}
	return lane;
}

static void ask_idle(struct source *source, struct source_ask *ask)
{
	source_leave_idle(source);
	if (source->spooled) {
		source->state = SOURCE_READY;
		source_use(source, ask);
		agenda_add(source->sources->options.agenda, &ask->later, 0, answer_later);
	} else {
		source_add_ask(source, ask);
		source_fetch(source, ask);
	}
}

/* Two sizes for one digest: one of the asks is wrong, and which is known once the content is. */
static struct source *find(struct sources *sources, struct source_ask *ask)
{
	struct source *source = map_get(sources->by_digest, view_text(ask->digest));

	if (source && source->size != ask->size) {
		if (source->state == SOURCE_IDLE) {
			source_drop_idle(source);
		} else if (source->state == SOURCE_FETCHING) {
			source_forget(source);
		} else {
			error_set(&ask->err, STATUS_REJECT, "source_size",
			        "the content with the digest %s has %llu bytes, not the %llu that the "
			        "manifest says",
			        ask->digest, (unsigned long long)source->size, (unsigned long long)ask->size);
			return NULL;
		}
		source = NULL;
	}
	return source ? source : source_new(sources, ask);
}

void sources_ask(struct sources *sources, struct source_ask *ask)
{
	const struct catalogue_source *allowed;
	struct source *source = NULL;

	ask->source = ask->waits_for = NULL;
	ask->err = (struct error){0};
	if (source_allowed(ask->catalogue, ask->url, &allowed, &ask->normal, &ask->err) == STATUS_OK)
		source = find(sources, ask);
	if (!source) {
		agenda_add(sources->options.agenda, &ask->later, 0, answer_later);
	} else if (source->state == SOURCE_READY || (ask->early && source->state == SOURCE_FETCHING &&
	                                                    source->fd >= 0 && source_is_from(source, ask))) {
		source_use(source, ask);
		agenda_add(sources->options.agenda, &ask->later, 0, answer_later);
	} else if (source->state == SOURCE_FETCHING) {
		source_add_ask(source, ask);
	} else if (source->known_url || source->spooled) {
		ask_idle(source, ask);
	} else {
		source_add_ask(source, ask);
		source_fetch(source, ask);
	}
}

void sources_cancel(struct sources *sources, struct source_ask *ask)
{
	struct source *source = ask->waits_for;

	if (!source)
		return; /* answered, or about to be */
	STAILQ_REMOVE(&source->asks, ask, source_ask, next);
	ask->waits_for = NULL;
	error_set(&ask->err, STATUS_RETRY, "canceled", "reading %.300s was canceled", ask->normal);
	agenda_add(sources->options.agenda, &ask->later, 0, answer_later);
	if (STAILQ_EMPTY(&source->asks) && !source->users)
		source_stop_fetching(source);
}

void source_settle(struct source *source, struct source_ask *ask)
{
	ask->source = ask->waits_for = NULL;
	ask->settles = true;
	ask->err = (struct error){0};
	if (source->state == SOURCE_FETCHING) {
		ask->normal = memory_text(source->url);
		source_add_ask(source, ask);
		return;
	}
	if (source->state == SOURCE_WRONG)
		ask->err = source->err;
	agenda_add(source->sources->options.agenda, &ask->later, 0, answer_later);
}

/* ---- using */

int source_fd(const struct source *source)
{
	return source->fd;
}

void source_release(struct source *source)
{
	if (!source)
		return;
	assert(source->users > 0);
	if (--source->users)
		return;
	if (source->state != SOURCE_FETCHING)
		source_become_idle(source);
	else if (STAILQ_EMPTY(&source->asks))
		source_stop_fetching(source); /* they came early, and want it no more */
}

void source_doubt(struct source *source)
{
	source_forget(source);
}

enum status sources_open(const struct sources_options *options, struct sources **ret, struct error *err)
{
	struct sources *sources = memory_alloc(sizeof(*sources));
	struct spool_options spool = {.dir = options->spool_dir,
	        .bytes_max = options->spool_bytes_max,
	        .evict = sources_evict_spooled,
	        .context = sources};

	if (spool_open(&spool, options->pump, options->agenda, &sources->spool, err) != STATUS_OK) {
		free(sources);
		return err->status;
	}
	sources->options = *options;
	TAILQ_INIT(&sources->idle);
	sources->by_digest = map_new();
	sources->lanes = map_new();
	*ret = sources;
	return STATUS_OK;
}

bool sources_are_busy(const struct sources *sources)
{
	return sources->fetching > 0;
}

void sources_close(struct sources *sources)
{
	if (!sources)
		return;
	while (!TAILQ_EMPTY(&sources->idle))
		source_drop_idle(TAILQ_FIRST(&sources->idle));
	assert(map_count(sources->by_digest) == 0);
	map_free(sources->by_digest, NULL);
	map_free(sources->lanes, free);
	spool_close(sources->spool);
	free(sources);
}
