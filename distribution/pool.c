#include "distribution/pool.h"

#include "base/clock.h"
#include "base/memory.h"

#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

enum {
	THREADS_MAX = 32,
	PATIENCE_MS = 60000,
	CANCEL_GRACE_MS = 5000,
	NOTE_EVERY_MS = 500,
	LOOK_EVERY_MS = 1000,
};

struct worker {
	pthread_t thread;
	struct queue *inbox; /* NULL: not started */
	struct queue *answers;
	struct pool_work *work; /* the I/O thread's view; NULL: idle */
};

struct pool {
	struct queue *answers;           /* what ended and what is noted, from all threads */
	TAILQ_HEAD(, pool_work) waiting; /* oldest first */
	unsigned threads_max, unanswered, lost;
	int64_t looked_ms;
	struct worker workers[];
};

struct pool *pool_new(unsigned threads_max)
{
	if (!threads_max)
		threads_max = THREADS_MAX;
	struct pool *pool = memory_alloc(sizeof(*pool) + threads_max * sizeof(pool->workers[0]));

	pool->answers = queue_new();
	TAILQ_INIT(&pool->waiting);
	pool->threads_max = threads_max;
	return pool;
}

int pool_fd(const struct pool *pool)
{
	return queue_fd(pool->answers);
}

bool pool_is_busy(const struct pool *pool)
{
	return pool->unanswered > 0;
}

/* Pool threads: a signal without a work says that the thread should end. */
static void *work_on(void *argument)
{
	struct worker *worker = argument;

	for (;;) {
		struct pool_signal *signal = (struct pool_signal *)queue_take(worker->inbox, -1);
		if (!signal->work)
			return NULL;
		signal->work->run(signal->work);
		queue_push(worker->answers, &signal->item);
	}
}

bool pool_go_on(struct pool_work *work)
{
	int64_t now = clock_monotonic_ms();

	atomic_store(&work->alive_ms, now);
	if (work->noted && now - work->noted_ms >= NOTE_EVERY_MS &&
	        !atomic_exchange(&work->note_queued, true)) {
		work->noted_ms = now;
		queue_push(work->pool->answers, &work->note.item);
	}
	return !atomic_load(&work->canceled);
}

/* Starts the worker's thread, with all signals blocked: they are for main. */
static bool worker_start(struct pool *pool, struct worker *worker)
{
	sigset_t all, before;

	worker->inbox = queue_new();
	worker->answers = pool->answers;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int failed = pthread_create(&worker->thread, NULL, work_on, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed) {
		queue_free(worker->inbox);
		worker->inbox = NULL;
	}
	return !failed;
}

/* An idle thread's number, a newly started one's, or -1. */
static int worker_find(struct pool *pool)
{
	for (unsigned i = 0; i < pool->threads_max; i++) {
		struct worker *worker = &pool->workers[i];
		if (worker->inbox && !worker->work)
			return (int)i;
		if (!worker->inbox)
			return worker_start(pool, worker) ? (int)i : -1;
	}
	return -1;
}

static void answer(struct pool *pool, struct pool_work *work, enum pool_end end)
{
	assert(!work->answered);
	work->answered = true;
	work->end = end;
	pool->unanswered--;
	work->done(work);
}

static void give(struct pool *pool, int number, struct pool_work *work)
{
	work->worker = number;
	pool->workers[number].work = work;
	if (work->lane)
		work->lane->running++;
	atomic_store(&work->alive_ms, clock_monotonic_ms());
	queue_push(pool->workers[number].inbox, &work->ended.item);
}

/* Nothing that could run the work is expected to come back. */
static bool is_hopeless(const struct pool *pool, const struct pool_lane *lane)
{
	return pool->lost >= pool->threads_max || (lane && lane->lost >= lane->most);
}

/* Out of the line, and queued to be answered. */
static void answer_unrun(struct pool *pool, struct pool_work *work, enum pool_end end)
{
	TAILQ_REMOVE(&pool->waiting, work, entry);
	work->end = end;
	queue_push(pool->answers, &work->ended.item);
}

/* Starts what can start, oldest first. Never calls out: hopeless works are queued to be answered. */
static void dispatch(struct pool *pool)
{
	for (struct pool_work *work = TAILQ_FIRST(&pool->waiting), *next; work; work = next) {
		struct pool_lane *lane = work->lane;
		int number;

		next = TAILQ_NEXT(work, entry);
		if (is_hopeless(pool, lane)) {
			answer_unrun(pool, work, POOL_LOST);
		} else if (lane && lane->running >= lane->most) {
			continue;
		} else if ((number = worker_find(pool)) >= 0) {
			TAILQ_REMOVE(&pool->waiting, work, entry);
			give(pool, number, work);
		} else {
			return;
		}
	}
}

void pool_submit(struct pool *pool, struct pool_work *work)
{
	assert(work->run && work->done && work->release);
	work->pool = pool;
	work->worker = -1;
	work->end = POOL_RAN;
	work->ended = (struct pool_signal){.work = work};
	work->note = (struct pool_signal){.work = work, .is_note = true};
	work->noted_ms = clock_monotonic_ms();
	if (!work->patience_ms)
		work->patience_ms = PATIENCE_MS;
	TAILQ_INSERT_TAIL(&pool->waiting, work, entry);
	pool->unanswered++;
	dispatch(pool);
}

void pool_cancel(struct pool *pool, struct pool_work *work)
{
	struct pool_work *each;

	if (work->answered || atomic_exchange(&work->canceled, true))
		return;
	work->cancel_by_ms = clock_monotonic_ms() + CANCEL_GRACE_MS;
	TAILQ_FOREACH(each, &pool->waiting, entry)
		if (each == work)
			break;
	if (each)
		answer_unrun(pool, work, POOL_CANCELED);
}

/* run() has returned, or was never called. */
static void finish(struct pool *pool, struct pool_work *work)
{
	if (work->worker >= 0) {
		pool->workers[work->worker].work = NULL;
		pool->lost -= work->answered;
		if (work->lane) {
			work->lane->running--;
			work->lane->lost -= work->answered;
		}
	}
	if (!work->answered)
		answer(pool, work, work->end);
	work->release(work);
}

static void receive(struct pool *pool, struct pool_signal *signal)
{
	struct pool_work *work = signal->work;

	if (!signal->is_note) {
		finish(pool, work);
		return;
	}
	atomic_store(&work->note_queued, false);
	if (!work->answered)
		work->noted(work);
}

static void lose(struct pool *pool, struct pool_work *work)
{
	atomic_store(&work->canceled, true); /* should it ever come back */
	pool->lost++;
	if (work->lane)
		work->lane->lost++;
	answer(pool, work, POOL_LOST);
}

static void look_for_lost(struct pool *pool, int64_t now)
{
	for (unsigned i = 0; i < pool->threads_max; i++) {
		struct pool_work *work = pool->workers[i].work;
		if (!work || work->answered)
			continue;
		if (now - atomic_load(&work->alive_ms) > work->patience_ms ||
		        (work->cancel_by_ms && now > work->cancel_by_ms))
			lose(pool, work);
	}
}

void pool_step(struct pool *pool)
{
	struct queue_item *next;

	for (struct queue_item *item = queue_take_all(pool->answers); item; item = next) {
		next = item->next; /* an item may be pushed again, or freed, by what it causes */
		receive(pool, (struct pool_signal *)item);
	}
	int64_t now = clock_monotonic_ms();
	if (now - pool->looked_ms >= LOOK_EVERY_MS) {
		pool->looked_ms = now;
		look_for_lost(pool, now);
	}
	dispatch(pool);
}

static void cancel_all(struct pool *pool)
{
	while (!TAILQ_EMPTY(&pool->waiting))
		pool_cancel(pool, TAILQ_FIRST(&pool->waiting));
	for (unsigned i = 0; i < pool->threads_max; i++)
		if (pool->workers[i].work)
			pool_cancel(pool, pool->workers[i].work);
}

/* True when the thread has ended; one that hangs is left behind. */
static bool worker_stop(struct worker *worker)
{
	struct pool_signal quit = {.work = NULL};

	if (!worker->inbox)
		return true;
	if (worker->work) {
		pthread_detach(worker->thread);
		return false;
	}
	queue_push(worker->inbox, &quit.item);
	pthread_join(worker->thread, NULL);
	queue_free(worker->inbox);
	return true;
}

void pool_close(struct pool *pool, int64_t wait_ms)
{
	if (!pool)
		return;
	int64_t until = clock_monotonic_ms() + wait_ms;
	bool all_ended = true;

	while (pool_is_busy(pool) && clock_monotonic_ms() < until) {
		struct pollfd wait = {.fd = pool_fd(pool), .events = POLLIN};
		cancel_all(pool);
		poll(&wait, 1, 50);
		pool_step(pool);
	}
	cancel_all(pool);
	pool_step(pool);
	for (unsigned i = 0; i < pool->threads_max; i++) {
		struct pool_work *work = pool->workers[i].work;
		if (work && !work->answered)
			lose(pool, work);
		all_ended &= worker_stop(&pool->workers[i]);
	}
	if (!all_ended)
		return;
	queue_free(pool->answers);
	free(pool);
}
