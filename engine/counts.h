#ifndef ENGINE_COUNTS_H
#define ENGINE_COUNTS_H

#include "engine/outbox.h"

#include <stdatomic.h>
#include <stdint.h>

/* What a shard counts for those who watch. Only its own thread adds, so adding is a load and a store, and any
 * thread may read. Numbers only grow, from 0 for each shard. */
enum { COMMIT_BUCKETS = 12 }; /* the last has no bound */
extern const int64_t commit_bucket_ms[COMMIT_BUCKETS - 1];

enum count {
	COUNT_RECORDS_IN,
	COUNT_BYTES_IN,
	COUNT_COMMITTED,
	COUNT_FAILED, /* transactions that did not go through, or nobody knows */
	COUNT_COMMIT_MS,
	COUNT_CLAIMS,
	COUNT_LOSSES,
	COUNT_FENCES, /* losses to another claim */
	COUNT_COMMIT_BUCKETS,
	COUNT_RECORDS_OUT = COUNT_COMMIT_BUCKETS + COMMIT_BUCKETS, /* by lane of the outbox */
	COUNT_BYTES_OUT = COUNT_RECORDS_OUT + OUTBOX_LANES,
	COUNTS = COUNT_BYTES_OUT + OUTBOX_LANES,
};

struct counts {
	_Atomic uint64_t numbers[COUNTS];
};

static inline void counts_add(struct counts *counts, int count, uint64_t more)
{
	uint64_t number = atomic_load_explicit(&counts->numbers[count], memory_order_relaxed);

	atomic_store_explicit(&counts->numbers[count], number + more, memory_order_relaxed);
}

void counts_add_commit(struct counts *counts, int64_t took_ms); /* one that went through */
void counts_add_outbox(struct counts *counts, const struct outbox *outbox);
void counts_sum(const struct counts *counts, uint64_t sums[COUNTS]); /* adds them to sums */

#endif
