#ifndef ENGINE_CREW_H
#define ENGINE_CREW_H

#include "engine/kafka/process.h"
#include "engine/shard.h"

/* The shards of a process, each with its thread. Ends are not waited for: a shard that was told to end stays
 * here until its thread has ended and its effects came back, even if its partition is given to us anew
 * meanwhile. The main thread changes the crew; other threads give notices and look. */
struct crew;

struct crew *crew_new(
        const struct worker_spec *spec, struct process *process, const struct shard_limits *limits);
/* After all threads have ended. Shards whose effects have not come back are leaked rather than torn from
 * under them. */
void crew_free(struct crew *crew);

void crew_begin(struct crew *crew, void *shell, int32_t partition); /* or resumes the one that runs */
void crew_end(struct crew *crew, int32_t partition);                /* nothing where there is none */
void crew_end_all(struct crew *crew);
void crew_hush_all(struct crew *crew);
bool crew_is_hushed(struct crew *crew);

/* Joins threads that have ended, and frees what is done with. STATUS_FATAL where a shard was refused: err
 * says why. */
must_check enum status crew_reap(struct crew *crew, struct error *err);
size_t crew_running(struct crew *crew);     /* threads that have not ended */
size_t crew_outstanding(struct crew *crew); /* effects not come back */

void crew_notice(struct crew *crew, const char *name, struct view notice); /* any thread */
void crew_positions(struct crew *crew, int64_t *positions);                /* by partition; −1: none */

/* Any thread: the shards that are not ending, and what all that there ever were have counted. */
struct crew_view {
	struct crew_shard {
		int32_t partition;
		struct shard_status status;
	} * shards;
	size_t count, running;
	uint64_t counts[COUNTS];
};
void crew_look(struct crew *crew, struct crew_view *ret);
void crew_view_release(struct crew_view *view);

#endif
