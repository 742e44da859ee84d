#ifndef DISTRIBUTION_SOURCE_STATE_H
#define DISTRIBUTION_SOURCE_STATE_H

#include "distribution/source.h"
#include "distribution/source_file.h"

#include <sys/queue.h>

/* A source, as source.c (asked for and used), source_fetch.c (fetched) and source_idle.c (remembered) know
 * it; nobody else's business.
 *
 * There is one struct source per digest that somebody wants, or that somebody wanted lately. It is being
 * fetched, for the asks in its list, and a large file is open by then for those who asked early; or ready,
 * with its users counted; or idle, remembered for the next; or wrong, for those who use it all the same. */
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
	struct source_asks asks;
	struct source_file *file;
	struct spool_fetch *download;
	struct file_identity opened; /* what fd looked like at first */

	char *known_url; /* of the file that was verified, and what it looked like */
	struct file_identity known;

	TAILQ_ENTRY(source) idle; /* while idle */
};

struct sources {
	struct sources_options options;
	struct spool *spool;
	struct map *by_digest;
	struct map *lanes; /* by prefix */
	size_t fetching;
	TAILQ_HEAD(, source) idle; /* oldest first */
	size_t idle_count, idle_spooled;
};

/* source.c */
struct source *source_new(struct sources *sources, const struct source_ask *ask);
void source_free(struct source *source);   /* no users, no asks, not being fetched, not among the idle */
void source_forget(struct source *source); /* whoever asks next gets another */
void source_use(struct source *source, struct source_ask *ask);
void source_add_ask(struct source *source, struct source_ask *ask);
bool source_is_from(const struct source *source, const struct source_ask *ask); /* the ask's own URL */

/* source_fetch.c: from where the ask says, which its catalogue allows; all asks are answered in the end. */
void source_fetch(struct source *source, struct source_ask *ask);
void source_stop_fetching(struct source *source); /* nobody waits for it or uses it any more */
void source_answer(struct source_ask *ask);       /* never from within the call that asked */

/* source_idle.c */
void source_become_idle(struct source *source); /* or be freed */
void source_leave_idle(struct source *source);
void source_drop_idle(struct source *source); /* leaves and is freed */
bool sources_evict_spooled(void *sources);    /* drops the oldest whose content is the spool's; false: none */

#endif
