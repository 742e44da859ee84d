#ifndef DISTRIBUTION_DELIVERY_H
#define DISTRIBUTION_DELIVERY_H

#include "distribution/room.h"
#include "distribution/step.h"

#include "schemas/manifest.h"

#include <stdbool.h>
#include <sys/queue.h>

/* One file of a version on its way to one distribution point. Two kinds, in two passes over a version's
 * files:
 *
 *   sent:    copied there from what an earlier version already holds, or else put from its source, to a path
 *            that nobody reads yet. Nothing is verified.
 *   checked: read back where it finally lies (hash, or size only). One that is missing or wrong is put under
 *            a temporary name, read back there, and moved over; then checked again, a few times. Where the
 *            server cannot MOVE it is put straight to its place.
 *
 * So whatever half-dead twins, earlier attempts and lying servers did before or meanwhile, a version counts
 * only once each of its files was read back from its final place. */
struct delivery {
	/* the owner's, alive until done */
	struct site *site;
	struct catalogue *catalogue; /* says which sources may be read */
	const struct manifest_file *file;
	const void *flow;
	bool full;  /* hash, not size only */
	bool early; /* sent: path is read by nobody before all are sent: it may be put while its source is
	               still being hashed */
	char *path; /* sent: where to; checked: where it lies; the delivery's to free */
	char *copy_from; /* sent: a path with the same content there; NULL; likewise */
	char *temporary; /* checked: for mending; NULL: the server cannot MOVE; likewise */
	void (*moved)(struct delivery *delivery); /* bytes were put: see bytes */
	void (*done)(struct delivery *delivery);  /* exactly once, not from within; see err */
	void *context;

	/* for the owner to see */
	struct error err; /* REJECT: the content's side; RETRY: "read_back_mismatch", the DP's errors */
	int64_t retry_after_ms;
	uint64_t bytes;      /* of the put under way */
	uint64_t bytes_sent; /* by all puts that ended well */
	bool mended;

	/* the delivery's */
	struct step step;
	struct source_ask ask;
	struct source *source;
	unsigned mends;
	bool asking, canceled;
	LIST_ENTRY(delivery) entry; /* the owner's list */
};

struct delivery *delivery_new(void);
void delivery_free(struct delivery *delivery);
void delivery_send(struct delivery *delivery);
void delivery_check(struct delivery *delivery);
void delivery_cancel(struct delivery *delivery);

#endif
