#ifndef ENGINE_SHARD_INTERNAL_H
#define ENGINE_SHARD_INTERNAL_H

#include "base/queue.h"
#include "engine/anchor.h"
#include "engine/counts.h"
#include "engine/shard.h"
#include "engine/suspicion.h"
#include "engine/term.h"

#include <stdatomic.h>
#include <sys/queue.h>

/* The shard's own files only: shard.c is its life, batch.c what one transaction takes in, mailbox.c what
 * other threads may do. */

enum { CHUNK_RECORDS = 256 }; /* read at once */

/* A token: only its term says whether effect still exists. */
struct completion {
	struct queue_item item;
	struct shard *shard;
	uint64_t term;
	struct effect *effect;
	void *result;
	void (*free_result)(void *result);
};

/* A notice, and how many states still have to be told: those below left, from the last to the first. */
struct notice {
	TAILQ_ENTRY(notice) entry;
	char *name;
	struct view bytes;
	size_t left;
};

struct control {
	struct queue_item item;
	enum { CONTROL_END, CONTROL_HUSH, CONTROL_RESUME, CONTROL_NOTICE } kind;
	uint64_t hush_number;
	struct notice *notice;
};

/* What one transaction takes in. */
struct batch {
	int64_t first_offset; /* of its first record */
	size_t records, others;
	uint64_t bytes; /* of the records */
};

struct shard {
	const struct worker_spec *spec;
	void *shell;
	int32_t partition;
	struct kafka *kafka;
	struct shard_limits limits;

	/* other threads' side: mailbox.c */
	struct queue *completions, *control;
	_Atomic size_t outstanding;
	_Atomic uint64_t hush_asked, hush_answered;
	_Atomic int phase;
	_Atomic int64_t position, lag, restored_rows, restored_ms, states, effects_under_way, effects_waiting;
	_Atomic int64_t waiting, waiting_since_ms;
	_Atomic int64_t published_offset_ms; /* log time minus monotonic time */
	struct counts counts;

	/* kept from term to term */
	struct outbox *outbox;
	struct suspicion suspicion;
	TAILQ_HEAD(notices, notice) notices; /* the last one of each name */
	uint64_t term_count;
	bool hushed, ended;

	/* of one term: thrown away at its end */
	struct term *term;
	struct completion *delivered; /* taken from the queue, not yet applied */
	struct record chunk[CHUNK_RECORDS];
	size_t chunk_at, chunk_count;
	int64_t chunk_next;
	bool input_drained; /* the last read found less than it could take */
	struct batch batch;
	struct anchor anchor;
	int64_t clock_offset_ms, now_ms; /* log time minus monotonic time; time of the present batch */
	int64_t proven_ms;               /* monotonic: no later than the last proof of ownership */
	int64_t committed_ms;            /* monotonic: when it was answered */
	bool needs_proof;                /* commit once more before starting anything */
};

void shard_take_control(struct shard *shard);
void shard_publish(struct shard *shard);
void shard_publish_lag(struct shard *shard);
void shard_set_phase(struct shard *shard, int phase);

struct completion *completion_new(struct shard *shard, struct effect *effect);
void completion_free(struct completion *token);     /* one that was delivered */
void completion_withdraw(struct completion *token); /* one whose effect was not started */

/* Takes in what is there, applying it to the states and the outbox; settles nothing. */
must_check enum outcome batch_gather(struct shard *shard, struct error *err);
must_check enum outcome batch_gather_more(struct shard *shard, struct error *err); /* what came since */
void batch_take_completions(struct shard *shard);
bool batch_has_more(const struct shard *shard); /* something is here that needs no waiting for */

#endif
