#include "base/clock.h"
#include "engine/kafka/permits.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 8, ROUNDS = 200 };

struct crowd {
	struct permits *permits;
	atomic_int inside, most;
};

static void *come_and_go(void *context)
{
	struct crowd *crowd = context;

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t permit = permits_take(crowd->permits);
		int inside = atomic_fetch_add(&crowd->inside, 1) + 1, most = atomic_load(&crowd->most);
		while (inside > most && !atomic_compare_exchange_weak(&crowd->most, &most, inside))
			;
		atomic_fetch_sub(&crowd->inside, 1);
		permits_give(crowd->permits, permit);
	}
	return NULL;
}

Test(permits, lets_in_no_more_than_the_limit)
{
	struct crowd crowd = {.permits = permits_new(3, 60000)};
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, come_and_go, &crowd), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	cr_expect_leq(atomic_load(&crowd.most), 3);
	cr_expect_geq(atomic_load(&crowd.most), 1);
	permits_free(crowd.permits);
}

Test(permits, lends_one_that_is_held_for_too_long)
{
	struct permits *permits = permits_new(1, 200);
	int64_t start = clock_monotonic_ms();
	uint64_t held = permits_take(permits);

	cr_expect_lt(clock_monotonic_ms() - start, 150);
	uint64_t lent = permits_take(permits);
	cr_expect_geq(clock_monotonic_ms() - start, 200);
	cr_expect_lt(clock_monotonic_ms() - start, 5000);
	/* what was lent counts no more, the new one does */
	permits_give(permits, held);
	start = clock_monotonic_ms();
	uint64_t third = permits_take(permits);
	cr_expect_geq(clock_monotonic_ms() - start, 100);
	permits_give(permits, lent);
	permits_give(permits, third);
	permits_free(permits);
}

struct queue_of_takers {
	struct permits *permits;
	atomic_int arrived, served;
	int order[4];
};

struct taker {
	struct queue_of_takers *queue;
	int number;
};

static void *take_in_turn(void *context)
{
	struct taker *taker = context;
	struct queue_of_takers *queue = taker->queue;

	atomic_fetch_add(&queue->arrived, 1);
	uint64_t permit = permits_take(queue->permits);
	queue->order[atomic_fetch_add(&queue->served, 1)] = taker->number;
	permits_give(queue->permits, permit);
	return NULL;
}

Test(permits, serves_each_who_waits)
{
	struct queue_of_takers queue = {.permits = permits_new(1, 60000)};
	uint64_t held = permits_take(queue.permits);
	struct taker takers[4];
	pthread_t threads[4];
	bool seen[4] = {false};

	for (int i = 0; i < 4; i++) {
		takers[i] = (struct taker){&queue, i};
		cr_assert_eq(pthread_create(&threads[i], NULL, take_in_turn, &takers[i]), 0);
	}
	cr_expect_eq(atomic_load(&queue.served), 0);
	permits_give(queue.permits, held);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	cr_expect_eq(atomic_load(&queue.served), 4);
	for (int i = 0; i < 4; i++)
		seen[queue.order[i]] = true;
	cr_expect(seen[0] && seen[1] && seen[2] && seen[3]);
	permits_free(queue.permits);
}
