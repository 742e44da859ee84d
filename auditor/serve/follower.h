#ifndef AUDITOR_FOLLOWER_H
#define AUDITOR_FOLLOWER_H

#include "auditor/history/database.h"
#include "auditor/serve/standing.h"
#include "engine/broadcast.h"

/* The thread that follows the log: it reads what comes, fills the database, and tells the standing and the
 * broadcast. Where Kafka is away it goes on trying; what was read stays. */
struct follower;

struct follower_spec {
	const struct options *options; /* those of replay_open() */
	int64_t timeout_ms;            /* how long Kafka may take to answer */
	struct database *database;     /* its alone from now on */
	struct standing *standing;
	struct broadcast *broadcast;
};

/* ended is called, from the follower's thread, where it cannot go on by itself; err is gone afterwards. */
struct follower *follower_start(const struct follower_spec *spec,
        void (*ended)(void *context, const struct error *err), void *context);
void follower_stop(struct follower *follower); /* waits for its thread; NULL is fine */

#endif
