#ifndef DISTRIBUTION_SOURCE_H
#define DISTRIBUTION_SOURCE_H

#include "distribution/agenda.h"
#include "distribution/catalogue.h"
#include "distribution/pool.h"
#include "distribution/pump.h"

#include "base/digest.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

/* Where content comes from: files and URLs below the catalogue's source prefixes, read once for all that want
 * the same digest at the time, whatever package or distribution point it is for, and verified before use; or,
 * for those who ask early, meanwhile.
 *
 * A file is its own spool: it is hashed when opened, unless it looks exactly as it did when it last was. What
 * comes over HTTP goes through the spool, and stays there while there is room. I/O thread only. */
struct sources;

struct sources_options {
	const char *spool_dir;
	uint64_t spool_bytes_max;
	struct pump *pump;
	struct pool *pool;
	struct agenda *agenda;
};

must_check enum status sources_open(
        const struct sources_options *options, struct sources **ret, struct error *err);
bool sources_are_busy(const struct sources *sources); /* a fetch is under way, perhaps a canceled one */
/* Not busy, all asks answered, all sources released; NULL is fine. */
void sources_close(struct sources *sources);

/* Content, shared and counted. */
struct source;
int source_fd(const struct source *source); /* to be read with pread only */
void source_release(struct source *source); /* NULL is fine */

/* Its bytes arrived wrong somewhere: whoever asks next gets them verified anew. */
void source_doubt(struct source *source);

STAILQ_HEAD(source_asks, source_ask);
struct source_ask { /* the asker's, alive until done */
	const char *url, *digest;
	uint64_t size;
	struct catalogue *catalogue; /* says what may be read */
	bool early; /* a large file may come as soon as it is open: what is made of it must not count before
	               source_settle() has said that it was right */
	void (*done)(struct source_ask *ask);
	void *context;

	/* the answer: a reference, or NULL and err. REJECT: "source_forbidden" (by the catalogue),
	 * "source_missing", "source_refused" (by whoever has it), "source_redirects", "source_size",
	 * "source_digest", "spool_too_small"; RETRY: "source_unreachable", "source_changed",
	 * "spool_full", "canceled" */
	struct source *source;
	struct error err;

	/* the room's */
	struct source *waits_for;
	bool settles;
	char *normal;
	STAILQ_ENTRY(source_ask) next;
	struct agenda_entry later;
};

void sources_ask(struct sources *sources, struct source_ask *ask); /* done never from within */
void sources_cancel(struct sources *sources, struct source_ask *ask);

/* Done once it is known whether the source is right, with err alone: of the very bytes that source_fd() has,
 * not of what may lie at the URL by then. Only ask's done and context are to be filled in. */
void source_settle(struct source *source, struct source_ask *ask);

/* What reads below that prefix shares so many threads, and hangs together. The sources'. */
struct pool_lane *sources_lane(struct sources *sources, const char *prefix);

/* The source that url is below; *ret_url is the URL in normal form, the caller's to free(). REJECT:
 * "source_forbidden". */
must_check enum status source_allowed(const struct catalogue *catalogue, const char *url,
        const struct catalogue_source **ret, char **ret_url, struct error *err);

#endif
