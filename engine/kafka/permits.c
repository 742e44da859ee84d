#include "engine/kafka/permits.h"

#include "base/clock.h"
#include "base/memory.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/queue.h>

struct permit {
	uint64_t number;
	int64_t taken_ms;
	TAILQ_ENTRY(permit) entry;
};

struct permits {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int limit;
	int64_t lend_ms;
	uint64_t last_ticket, serving; /* waiters pass in the order of their tickets */
	TAILQ_HEAD(, permit) held;     /* oldest first */
};

struct permits *permits_new(int limit, int64_t lend_ms)
{
	struct permits *permits = memory_alloc(sizeof(*permits));

	pthread_mutex_init(&permits->lock, NULL);
	pthread_cond_init(&permits->changed, NULL);
	TAILQ_INIT(&permits->held);
	permits->limit = limit;
	permits->lend_ms = lend_ms;
	permits->serving = 1;
	return permits;
}

void permits_free(struct permits *permits)
{
	if (!permits)
		return;
	pthread_cond_destroy(&permits->changed);
	pthread_mutex_destroy(&permits->lock);
	free(permits);
}

/* Milliseconds until there is room for one more; 0: now. */
static int64_t wait_for_room(const struct permits *permits)
{
	int64_t lent_before = clock_monotonic_ms() - permits->lend_ms, oldest = 0;
	const struct permit *permit;
	int count = 0;

	TAILQ_FOREACH(permit, &permits->held, entry) {
		if (permit->taken_ms <= lent_before)
			continue;
		if (count++ == 0)
			oldest = permit->taken_ms - lent_before;
	}
	return count < permits->limit ? 0 : oldest;
}

static void hold(struct permits *permits, uint64_t number)
{
	struct permit *permit = memory_alloc(sizeof(*permit));

	*permit = (struct permit){.number = number, .taken_ms = clock_monotonic_ms()};
	TAILQ_INSERT_TAIL(&permits->held, permit, entry);
}

uint64_t permits_take(struct permits *permits)
{
	int64_t wait;

	pthread_mutex_lock(&permits->lock);
	uint64_t ticket = ++permits->last_ticket;
	while (ticket != permits->serving)
		pthread_cond_wait(&permits->changed, &permits->lock);
	while ((wait = wait_for_room(permits)) > 0)
		clock_wait(&permits->changed, &permits->lock, clock_monotonic_ms() + wait);
	hold(permits, ticket);
	permits->serving++;
	pthread_cond_broadcast(&permits->changed);
	pthread_mutex_unlock(&permits->lock);
	return ticket;
}

void permits_give(struct permits *permits, uint64_t number)
{
	struct permit *permit;

	pthread_mutex_lock(&permits->lock);
	TAILQ_FOREACH(permit, &permits->held, entry)
		if (permit->number == number)
			break;
	assert(permit);
	TAILQ_REMOVE(&permits->held, permit, entry);
	free(permit);
	pthread_cond_broadcast(&permits->changed);
	pthread_mutex_unlock(&permits->lock);
}
