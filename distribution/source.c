/* One struct source per digest that somebody wants, or that somebody wanted lately. It is being fetched, for
 * the asks in its list, and a large file is open by then for those who asked early; or ready, with its users
 * counted; or idle, remembered for the next; or wrong, for those who use it all the same. */
#include "distribution/source.h"

#include "distribution/source_file.h"
#include "distribution/spool.h"
#include "distribution/url.h"

#include "base/map.h"
#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	IDLE_MAX = 1024,        /* remembered; those of files hold no descriptor */
	IDLE_SPOOLED_MAX = 128, /* those hold one */
	THREADS_MAX = 4,        /* of the pool, for one prefix */
	LARGE = 1 << 20,        /* what is smaller is hashed before anybody could have begun */
};

enum source_state { SOURCE_IDLE, SOURCE_FETCHING, SOURCE_READY, SOURCE_WRONG };

struct source {
	struct sources *sources;
	char *digest;
	uint64_t size;
	enum source_state state;
	bool forgotten; /* not in the map any more: freed with its last user */
	bool spooled;   /* ready or idle: fd is the spool's; idle ones keep it */
	int fd;         /* while fetching: of a file that is being hashed, or -1 */
	size_t users;
	struct error err; /* of a wrong one */

	/* while fetching */
	char *url, *prefix, *credentials_file, *tls_ca_file;
	struct source_ask *asks, **asks_last;
	struct source_file *file;
	struct spool_fetch *download;

	char *known_url; /* of the file that was verified, and what it looked like */
	struct file_identity known;
	struct file_identity opened;  /* while fetching: what fd looked like at first */
	struct source *older, *newer; /* among the idle */
};

struct sources {
	struct sources_options options;
	struct spool *spool;
	struct map *by_digest;
	struct map *lanes;              /* by prefix */
	struct source *oldest, *newest; /* idle */
	size_t idle, idle_spooled, fetching;
};

static void fetch(struct source *source, struct source_ask *ask);
static void open_file(struct source *source);
static struct source *new_source(struct sources *sources, const struct source_ask *ask);

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
		        "%.300s is below no source of the catalogue: allow it with {\"sources\": "
		        "[{\"prefix\": …}]}",
		        normal);
		free(normal);
		return STATUS_REJECT;
	}
	*ret = allowed;
	*ret_url = normal;
	return STATUS_OK;
}

/* ---- idle ones */

static void leave_idle(struct source *source)
{
	struct sources *sources = source->sources;

	*(source->older ? &source->older->newer : &sources->oldest) = source->newer;
	*(source->newer ? &source->newer->older : &sources->newest) = source->older;
	source->older = source->newer = NULL;
	sources->idle--;
	sources->idle_spooled -= source->spooled;
}

static void free_source(struct source *source)
{
	assert(!source->users && !source->asks && source->state != SOURCE_FETCHING);
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

static void drop_idle(struct source *source)
{
	leave_idle(source);
	free_source(source);
}

static bool evict_spooled(void *context)
{
	struct sources *sources = context;

	for (struct source *source = sources->oldest; source; source = source->newer) {
		if (source->spooled) {
			drop_idle(source);
			return true;
		}
	}
	return false;
}

static void become_idle(struct source *source)
{
	struct sources *sources = source->sources;

	source->state = SOURCE_IDLE;
	if (source->forgotten) {
		free_source(source);
		return;
	}
	if (!source->spooled) {
		close(source->fd);
		source->fd = -1;
	}
	source->older = sources->newest;
	*(source->older ? &source->older->newer : &sources->oldest) = source;
	sources->newest = source;
	sources->idle++;
	sources->idle_spooled += source->spooled;
	if (sources->idle_spooled > IDLE_SPOOLED_MAX)
		evict_spooled(sources);
	if (sources->idle > IDLE_MAX)
		drop_idle(sources->oldest);
}

static void forget(struct source *source)
{
	if (source->forgotten)
		return;
	source->forgotten = true;
	map_remove(source->sources->by_digest, view_text(source->digest));
}

/* ---- answering */

static void answer(struct source_ask *ask)
{
	free(ask->normal);
	ask->normal = NULL;
	ask->done(ask);
}

static void answer_later(struct agenda_entry *entry)
{
	answer((struct source_ask *)((char *)entry - offsetof(struct source_ask, later)));
}

static void use(struct source *source, struct source_ask *ask)
{
	source->users++;
	ask->source = source;
	ask->err = (struct error){0};
}

/* Who hears its answer may cancel others that are about to hear theirs: they wait no more. */
static struct source_ask *take_asks(struct source *source)
{
	struct source_ask *asks = source->asks;

	for (struct source_ask *ask = asks; ask; ask = ask->next)
		ask->waits_for = NULL;
	source->asks = NULL;
	source->asks_last = &source->asks;
	return asks;
}

static void add_ask(struct source *source, struct source_ask *ask)
{
	ask->waits_for = source;
	ask->next = NULL;
	*source->asks_last = ask;
	source->asks_last = &ask->next;
}

static void answer_all(struct source_ask *asks)
{
	struct source_ask *next;

	for (struct source_ask *ask = asks; ask; ask = next) {
		next = ask->next;
		answer(ask);
	}
}

static void fetched(struct source *source, int fd)
{
	struct source_ask *asks = take_asks(source);

	source->sources->fetching--;
	source->fd = fd;
	source->state = SOURCE_READY;
	source->users++; /* so that it stays until all are answered */
	for (struct source_ask *ask = asks; ask; ask = ask->next)
		if (!ask->settles)
			use(source, ask);
	answer_all(asks);
	source_release(source);
}

static bool is_of_this_url(const struct source *source, const struct source_ask *ask)
{
	return strcmp(ask->normal, source->url) == 0;
}

/* Asks that have another URL to try; where the wrong bytes are in use they need another source. */
static void try_others(struct source *source, struct source_ask *asks)
{
	struct source_ask *next;

	if (source->users) {
		source->state = SOURCE_WRONG;
		forget(source);
		source = asks ? new_source(source->sources, asks) : NULL;
	} else if (source->fd >= 0) {
		close(source->fd);
		source->fd = -1;
	}
	for (struct source_ask *ask = asks; ask; ask = next) {
		next = ask->next;
		add_ask(source, ask);
	}
	if (asks)
		fetch(source, asks);
	else if (source)
		free_source(source);
}

/* Those who asked for the URL that failed get its error; the others have one of their own to try. */
static void failed(struct source *source, const struct error *err)
{
	struct source_ask *next, *asks = take_asks(source);
	struct source_ask *told = NULL, **told_last = &told, *others = NULL, **others_last = &others;

	source->sources->fetching--;
	source->state = SOURCE_IDLE;
	source->err = *err;
	for (struct source_ask *ask = asks; ask; ask = next) {
		struct source_ask ***last = &told_last;
		next = ask->next;
		ask->next = NULL;
		if (ask->settles || is_of_this_url(source, ask) || strcmp(err->code, "canceled") == 0)
			ask->err = *err;
		else
			last = &others_last;
		**last = ask;
		*last = &ask->next;
	}
	try_others(source, others);
	answer_all(told);
}

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

/* The asks that need not wait for the hash; in their order. */
static struct source_ask *take_early(struct source *source)
{
	struct source_ask *next, *asks = take_asks(source), *early = NULL, **last = &early;

	for (struct source_ask *ask = asks; ask; ask = next) {
		next = ask->next;
		if (ask->early && is_of_this_url(source, ask)) {
			use(source, ask);
			ask->next = NULL;
			*last = ask;
			last = &ask->next;
		} else {
			add_ask(source, ask);
		}
	}
	return early;
}

static void on_open(void *context, int fd, const struct file_identity *identity, const struct error *err)
{
	struct source *source = context;

	source->file = NULL;
	if (fd < 0) {
		failed(source, err);
		return;
	}
	source->fd = fd;
	source->opened = *identity;
	source->spooled = false;
	open_file(source);
	answer_all(take_early(source));
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

/* ---- asking */

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

static void fetch_now(struct source *source)
{
	struct sources *sources = source->sources;

	if (url_is_file(source->url)) {
		open_file(source);
	} else {
		struct spool_wanted wanted = {.url = source->url,
		        .digest = source->digest,
		        .size = source->size,
		        .credentials_file = source->credentials_file,
		        .tls_ca_file = source->tls_ca_file};
		source->download = spool_fetch(sources->spool, &wanted, on_download, source);
	}
}

static void set(char **text, const char *value)
{
	free(*text);
	*text = memory_text(value);
}

/* Starts with what the ask says; what its catalogue allows was looked at when it was asked. */
static void fetch(struct source *source, struct source_ask *ask)
{
	const struct catalogue_source *allowed = catalogue_source_for(ask->catalogue, ask->normal);

	assert(allowed);
	set(&source->url, ask->normal);
	set(&source->prefix, allowed->prefix);
	set(&source->credentials_file, allowed->credentials_file);
	set(&source->tls_ca_file, allowed->tls_ca_file);
	source->state = SOURCE_FETCHING;
	source->sources->fetching++;
	fetch_now(source);
}

static struct source *new_source(struct sources *sources, const struct source_ask *ask)
{
	struct source *source = memory_alloc(sizeof(*source));

	source->sources = sources;
	source->digest = memory_text(ask->digest);
	source->size = ask->size;
	source->fd = -1;
	source->asks_last = &source->asks;
	map_put(sources->by_digest, view_text(source->digest), source);
	return source;
}

static void ask_idle(struct source *source, struct source_ask *ask)
{
	leave_idle(source);
	if (source->spooled) {
		source->state = SOURCE_READY;
		use(source, ask);
		agenda_add(source->sources->options.agenda, &ask->later, 0, answer_later);
	} else {
		add_ask(source, ask);
		fetch(source, ask);
	}
}

/* Two sizes for one digest: one of the asks is wrong, and which is known once the content is. */
static struct source *find(struct sources *sources, struct source_ask *ask)
{
	struct source *source = map_get(sources->by_digest, view_text(ask->digest));

	if (source && source->size != ask->size) {
		if (source->state == SOURCE_IDLE) {
			drop_idle(source);
		} else if (source->state == SOURCE_FETCHING) {
			forget(source);
		} else {
			error_set(&ask->err, STATUS_REJECT, "source_size",
			        "the content with the digest %s has %llu bytes, not the %llu that the "
			        "manifest says",
			        ask->digest, (unsigned long long)source->size, (unsigned long long)ask->size);
			return NULL;
		}
		source = NULL;
	}
	return source ? source : new_source(sources, ask);
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
	                                                    source->fd >= 0 && is_of_this_url(source, ask))) {
		use(source, ask);
		agenda_add(sources->options.agenda, &ask->later, 0, answer_later);
	} else if (source->state == SOURCE_FETCHING) {
		add_ask(source, ask);
	} else if (source->known_url || source->spooled) {
		ask_idle(source, ask);
	} else {
		add_ask(source, ask);
		fetch(source, ask);
	}
}

static void stop_fetching(struct source *source)
{
	forget(source); /* a new ask is not to get this one's cancellation */
	if (source->file)
		source_file_cancel(source->file);
	else if (source->download)
		spool_cancel(source->download);
}

void sources_cancel(struct sources *sources, struct source_ask *ask)
{
	struct source *source = ask->waits_for;

	if (!source)
		return; /* answered, or about to be */
	struct source_ask **at = &source->asks;
	while (*at != ask)
		at = &(*at)->next;
	*at = ask->next;
	if (!*at)
		source->asks_last = at;
	ask->waits_for = NULL;
	error_set(&ask->err, STATUS_RETRY, "canceled", "reading %.300s was canceled", ask->normal);
	agenda_add(sources->options.agenda, &ask->later, 0, answer_later);
	if (!source->asks && !source->users)
		stop_fetching(source);
}

void source_settle(struct source *source, struct source_ask *ask)
{
	ask->source = ask->waits_for = NULL;
	ask->settles = true;
	ask->err = (struct error){0};
	if (source->state == SOURCE_FETCHING) {
		ask->normal = memory_text(source->url);
		add_ask(source, ask);
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
		become_idle(source);
	else if (!source->asks)
		stop_fetching(source); /* they came early, and want it no more */
}

void source_doubt(struct source *source)
{
	forget(source);
}

enum status sources_open(const struct sources_options *options, struct sources **ret, struct error *err)
{
	struct sources *sources = memory_alloc(sizeof(*sources));
	struct spool_options spool = {.dir = options->spool_dir,
	        .bytes_max = options->spool_bytes_max,
	        .evict = evict_spooled,
	        .context = sources};

	if (spool_open(&spool, options->pump, options->agenda, &sources->spool, err) != STATUS_OK) {
		free(sources);
		return err->status;
	}
	sources->options = *options;
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
	while (sources->oldest)
		drop_idle(sources->oldest);
	assert(map_count(sources->by_digest) == 0);
	map_free(sources->by_digest, NULL);
	map_free(sources->lanes, free);
	spool_close(sources->spool);
	free(sources);
}
