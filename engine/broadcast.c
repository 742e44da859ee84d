#include "engine/broadcast.h"

#include "base/clock.h"
#include "base/memory.h"

#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

struct listener {
	struct broadcast *broadcast;
	LIST_ENTRY(listener) entry;
	struct buffer waiting;
	int socket;
	int wake; /* an eventfd: readable when something changed */
};

struct broadcast {
	pthread_mutex_t lock; /* everything below, and all listeners' buffers */
	LIST_HEAD(, listener) listeners;
	size_t count, listeners_max, waiting_max;
	bool closed;
};

struct broadcast *broadcast_new(size_t listeners_max, size_t waiting_max)
{
	struct broadcast *broadcast = memory_alloc(sizeof(*broadcast));

	pthread_mutex_init(&broadcast->lock, NULL);
	LIST_INIT(&broadcast->listeners);
	broadcast->listeners_max = listeners_max;
	broadcast->waiting_max = waiting_max;
	return broadcast;
}

void broadcast_free(struct broadcast *broadcast)
{
	if (!broadcast)
		return;
	assert(LIST_EMPTY(&broadcast->listeners));
	pthread_mutex_destroy(&broadcast->lock);
	free(broadcast);
}

static void wake(const struct listener *listener)
{
	eventfd_write(listener->wake, 1);
}

void broadcast_close(struct broadcast *broadcast)
{
	struct listener *listener;

	pthread_mutex_lock(&broadcast->lock);
	broadcast->closed = true;
	LIST_FOREACH(listener, &broadcast->listeners, entry)
		wake(listener);
	pthread_mutex_unlock(&broadcast->lock);
}

void broadcast_send(struct broadcast *broadcast, struct view text)
{
	struct listener *listener;

	pthread_mutex_lock(&broadcast->lock);
	LIST_FOREACH(listener, &broadcast->listeners, entry) {
		buffer_add(&listener->waiting, text.data, text.len);
		if (listener->waiting.full && listener->socket >= 0)
			shutdown(listener->socket, SHUT_RDWR); /* its thread may be stuck in writing to it */
		wake(listener);
	}
	pthread_mutex_unlock(&broadcast->lock);
}

size_t broadcast_count(struct broadcast *broadcast)
{
	pthread_mutex_lock(&broadcast->lock);
	size_t count = broadcast->count;
	pthread_mutex_unlock(&broadcast->lock);
	return count;
}

struct listener *listener_join(struct broadcast *broadcast, int socket, struct view first)
{
	struct listener *listener = NULL;
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0)
		return NULL;
	pthread_mutex_lock(&broadcast->lock);
	if (!broadcast->closed && broadcast->count < broadcast->listeners_max) {
		listener = memory_alloc(sizeof(*listener));
		listener->broadcast = broadcast;
		listener->socket = socket;
		listener->wake = fd;
		buffer_init(&listener->waiting, broadcast->waiting_max);
		buffer_add(&listener->waiting, first.data, first.len);
		LIST_INSERT_HEAD(&broadcast->listeners, listener, entry);
		broadcast->count++;
	}
	pthread_mutex_unlock(&broadcast->lock);
	if (!listener)
		close(fd);
	return listener;
}

void listener_leave(struct listener *listener)
{
	if (!listener)
		return;
	struct broadcast *broadcast = listener->broadcast;
	pthread_mutex_lock(&broadcast->lock);
	LIST_REMOVE(listener, entry);
	broadcast->count--;
	pthread_mutex_unlock(&broadcast->lock);
	close(listener->wake);
	buffer_release(&listener->waiting);
	free(listener);
}

/* Under the lock. -1: it is over; else what could be taken now. */
static int64_t take(struct listener *listener, char *data, size_t max)
{
	struct buffer *waiting = &listener->waiting;

	if (waiting->full || listener->broadcast->closed)
		return -1;
	size_t len = waiting->len < max ? waiting->len : max;
	if (len == 0)
		return 0;
	memcpy(data, waiting->data, len);
	memmove(waiting->data, waiting->data + len, waiting->len - len);
	waiting->len -= len;
	return (int64_t)len;
}

int64_t listener_read(struct listener *listener, int64_t timeout_ms, char *data, size_t max)
{
	int64_t end = clock_monotonic_ms() + timeout_ms;

	for (;;) {
		struct pollfd fds[] = {{listener->wake, POLLIN, 0}, {listener->socket, POLLRDHUP, 0}};
		eventfd_t ignored;

		eventfd_read(listener->wake, &ignored);
		pthread_mutex_lock(&listener->broadcast->lock);
		int64_t len = take(listener, data, max);
		pthread_mutex_unlock(&listener->broadcast->lock);
		int64_t left = end - clock_monotonic_ms();
		if (len != 0 || left <= 0)
			return len;
		poll(fds, 2, (int)left);
		if (fds[1].revents)
			return -1;
	}
}
