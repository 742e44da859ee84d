#include "engine/counts.h"

const int64_t commit_bucket_ms[COMMIT_BUCKETS - 1] = {5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000};

void counts_add_commit(struct counts *counts, int64_t took_ms)
{
	int bucket = 0;

	while (bucket < COMMIT_BUCKETS - 1 && took_ms > commit_bucket_ms[bucket])
		bucket++;
	counts_add(counts, COUNT_COMMITTED, 1);
	counts_add(counts, COUNT_COMMIT_MS, (uint64_t)(took_ms > 0 ? took_ms : 0));
	counts_add(counts, COUNT_COMMIT_BUCKETS + bucket, 1);
}

void counts_add_outbox(struct counts *counts, const struct outbox *outbox)
{
	for (int lane = 0; lane < OUTBOX_LANES; lane++) {
		struct outbox_tally tally = outbox_tally(outbox, lane);

		if (!tally.count)
			continue;
		counts_add(counts, COUNT_RECORDS_OUT + lane, tally.count);
		counts_add(counts, COUNT_BYTES_OUT + lane, tally.bytes);
	}
}

void counts_sum(const struct counts *counts, uint64_t sums[COUNTS])
{
	for (int i = 0; i < COUNTS; i++)
		sums[i] += atomic_load_explicit(&counts->numbers[i], memory_order_relaxed);
}
