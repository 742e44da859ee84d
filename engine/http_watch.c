#include "engine/http_watch.h"

#include "base/clock.h"
#include "base/memory.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>

struct watched {
	struct http_watch *watch;
	LIST_ENTRY(watched) entry;
	int socket;
	int64_t end_ms; /* INT64_MAX: for ever */
};

struct http_watch {
	pthread_mutex_t lock; /* everything here */
	pthread_cond_t changed;
	pthread_t thread;
	LIST_HEAD(, watched) all;
	bool ending;
};

/* Cuts off who is late; the earliest end of the others. */
static int64_t cut_off(struct http_watch *watch)
{
	int64_t now = clock_monotonic_ms(), earliest = INT64_MAX;
	struct watched *watched;

	LIST_FOREACH(watched, &watch->all, entry) {
		if (watched->end_ms <= now) {
			shutdown(watched->socket, SHUT_RDWR);
			watched->end_ms = INT64_MAX;
		} else if (watched->end_ms < earliest) {
			earliest = watched->end_ms;
		}
	}
	return earliest;
}

static void wait_for_end(struct http_watch *watch, int64_t end_ms)
{
	if (end_ms == INT64_MAX)
		pthread_cond_wait(&watch->changed, &watch->lock);
	else /* up to a second late: many ends are so met in one go */
		clock_wait(&watch->changed, &watch->lock, end_ms + 1000);
}

static void *run(void *context)
{
	struct http_watch *watch = context;

	pthread_mutex_lock(&watch->lock);
	while (!watch->ending)
		wait_for_end(watch, cut_off(watch));
	pthread_mutex_unlock(&watch->lock);
	return NULL;
}

struct http_watch *http_watch_new(void)
{
	struct http_watch *watch = memory_alloc(sizeof(*watch));

	pthread_mutex_init(&watch->lock, NULL);
	pthread_cond_init(&watch->changed, NULL);
	LIST_INIT(&watch->all);
	int failed = pthread_create(&watch->thread, NULL, run, watch);
	assert(!failed);
	(void)failed;
	return watch;
}

void http_watch_free(struct http_watch *watch)
{
	if (!watch)
		return;
	assert(LIST_EMPTY(&watch->all));
	pthread_mutex_lock(&watch->lock);
	watch->ending = true;
	pthread_cond_signal(&watch->changed);
	pthread_mutex_unlock(&watch->lock);
	pthread_join(watch->thread, NULL);
	pthread_cond_destroy(&watch->changed);
	pthread_mutex_destroy(&watch->lock);
	free(watch);
}

struct watched *http_watch_add(struct http_watch *watch, int socket, int64_t timeout_ms)
{
	struct watched *watched = memory_alloc(sizeof(*watched));

	*watched = (struct watched){.watch = watch, .socket = socket, .end_ms = INT64_MAX};
	pthread_mutex_lock(&watch->lock);
	LIST_INSERT_HEAD(&watch->all, watched, entry);
	pthread_mutex_unlock(&watch->lock);
	http_watch_set(watched, timeout_ms);
	return watched;
}

void http_watch_set(struct watched *watched, int64_t timeout_ms)
{
	struct http_watch *watch = watched->watch;
	int64_t end = timeout_ms == WATCH_FOR_EVER ? INT64_MAX : clock_monotonic_ms() + timeout_ms;

	pthread_mutex_lock(&watch->lock);
	bool sooner = end < watched->end_ms;
	watched->end_ms = end;
	if (sooner)
		pthread_cond_signal(&watch->changed);
	pthread_mutex_unlock(&watch->lock);
}

void http_watch_remove(struct watched *watched)
{
	struct http_watch *watch = watched->watch;

	pthread_mutex_lock(&watch->lock);
	LIST_REMOVE(watched, entry);
	pthread_mutex_unlock(&watch->lock);
	free(watched);
}
