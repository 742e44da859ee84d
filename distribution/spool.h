#ifndef DISTRIBUTION_SPOOL_H
#define DISTRIBUTION_SPOOL_H

#include "distribution/agenda.h"
#include "distribution/pump.h"

#include "base/error.h"

#include <stdint.h>

/* Content that lies behind HTTP, downloaded once and verified before it is used. A spooled file has no name
 * (O_TMPFILE): whatever becomes of this process, it leaves nothing behind, and no other can meddle with it.
 *
 * Room for all of a file is taken before its first byte is asked for. What finds no room waits, first come,
 * first served, and meanwhile the owner is asked to give back what it holds idle. */
struct spool;

struct spool_options {
	const char *dir;
	uint64_t bytes_max;
	/* Gives back, with spool_return(), something that nobody uses; false: there is nothing. */
	bool (*evict)(void *context);
	void *context;
};

/* Nothing is opened in dir before it is needed, but it must exist and take files: STATUS_REJECT
 * "spool_unusable". */
must_check enum status spool_open(const struct spool_options *options, struct pump *pump,
        struct agenda *agenda, struct spool **ret, struct error *err);
void spool_close(struct spool *spool); /* nothing under way; NULL is fine */

/* A download: again after a broken connection, from where it broke if the server can, a bounded number of
 * times. No redirect is followed. fd is the caller's on STATUS_OK, to be given to spool_return(); else -1.
 * REJECT: "source_missing", "source_refused", "source_redirects", "source_size", "source_digest",
 * "spool_too_small"; RETRY: "source_unreachable", "spool_full" (its disk), "canceled". Strings live until
 * done. */
struct spool_wanted {
	const char *url, *digest;
	uint64_t size;
	const char *credentials_file, *tls_ca_file;
};
typedef void spool_done(void *context, int fd, const struct error *err);
struct spool_fetch *spool_fetch(
        struct spool *spool, const struct spool_wanted *wanted, spool_done *done, void *context);
void spool_cancel(struct spool_fetch *fetch); /* done still comes, not from within */
void spool_return(struct spool *spool, int fd, uint64_t size);

/* What an answer of a source means, for those who ask one themselves. */
enum status source_answer_error(const struct request *request, struct error *err);

#endif
