#ifndef ENGINE_SHARD_H
#define ENGINE_SHARD_H

#include "engine/counts.h"
#include "engine/kafka.h"
#include "engine/worker.h"

/* One partition of the input, and the unit of everything: ownership, state, transaction, recovery, failure.
 * Claim, restore, run, as straight code in blocking calls (kafka.h); no global, no clock but base/clock.h, no
 * librdkafka.
 *
 * Invariants:
 *  - nothing is applied, started or refused before the shard's own @claim came by in the restore and @run
 * committed;
 *  - an effect starts only after a commit that carried a record and that came after the effect was first
 * wanted (early ones excepted);
 *  - after any outcome but OK, the whole memory (states, effects, timers, position) is thrown away;
 *  - a completion of an older claim is dropped. */
struct shard;

struct shard_limits {
	size_t batch_records; /* most records applied in one transaction; 0: 20,000 */
	size_t batch_bytes;   /* outbox bytes after which a batch is closed; 0: 8 MiB */
	uint32_t lane_limit;  /* effects under way per lane; 0: 64 */
	int64_t pause_ms; /* from a transaction's end to the next, at least, while little is waiting: one that
	                   * begins while the coordinator still writes the last one's markers is sent back,
	                   * and librdkafka comes again only 20 ms later */
	uint32_t recent_states; /* how many used last stay as they are, though they be at rest; 0: the most */
	int64_t drain_ms;       /* at the end, wait so long for cancelled effects; 0: 2,000 */
};

struct shard_status { /* a snapshot for those who watch and for logs; any thread */
	enum { SHARD_CLAIMING, SHARD_RESTORING, SHARD_RUNNING, SHARD_ENDED, SHARD_REFUSED } phase;
	int64_t position, lag, restored_rows, restored_ms, states, effects_under_way, effects_waiting;
	int64_t waiting, waiting_ms; /* of the machine's: how much, and for how long the oldest has */
};

struct shard *shard_new(const struct worker_spec *spec, void *shell, int32_t partition, struct kafka *kafka,
        const struct shard_limits *limits);
/* After shard_run() returned and shard_outstanding() is 0: a token delivered later would push into freed
 * memory, so a shard whose effects never come back is better leaked. NULL is fine. */
void shard_free(struct shard *shard);
size_t shard_outstanding(const struct shard *shard); /* effects not yet delivered, of any claim; any thread */

/* The thread's body: runs until told to end or refused. Returns OUTCOME_ENDED or OUTCOME_REFUSED (err says
 * why). Before it returns it cancels its effects; their completions may still come and are dropped. */
enum outcome shard_run(struct shard *shard, struct error *err);

/* From other threads, through the shard's control queue. */
void shard_end(struct shard *shard);  /* finish the transaction under way, then end */
void shard_hush(struct shard *shard); /* start nothing new and cancel what is under way (a revoke) … */
bool shard_is_hushed(const struct shard *shard); /* nothing is under way, and nothing will start */
void shard_resume(struct shard *shard);          /* … until this: it came back */
void shard_notice(struct shard *shard, const char *name,
        struct view notice); /* copied; kept for the next restore too */
void shard_read_status(struct shard *shard, struct shard_status *ret);
void shard_sum_counts(const struct shard *shard, uint64_t sums[COUNTS]); /* adds them */

/* For kafka_wait(): what to poll beside the input. */
int shard_completions_fd(const struct shard *shard);
int shard_control_fd(const struct shard *shard);

#endif
