#include "base/queue.h"

#include "base/memory.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct queue {
	pthread_mutex_t lock;
	struct queue_item *first, **last;
	int fd;
};

struct queue *queue_new(void)
{
	struct queue *queue = memory_alloc(sizeof(*queue));

	pthread_mutex_init(&queue->lock, NULL);
	queue->last = &queue->first;
	queue->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (queue->fd < 0)
		abort();
	return queue;
}

void queue_free(struct queue *queue)
{
	if (!queue)
		return;
	close(queue->fd);
	pthread_mutex_destroy(&queue->lock);
	free(queue);
}

int queue_fd(const struct queue *queue)
{
	return queue->fd;
}

static void wake(struct queue *queue)
{
	uint64_t one = 1;

	if (write(queue->fd, &one, sizeof(one)) < 0)
		return; /* the counter is at its maximum: readable already */
}

void queue_push(struct queue *queue, struct queue_item *item)
{
	item->next = NULL;
	pthread_mutex_lock(&queue->lock);
	*queue->last = item;
	queue->last = &item->next;
	pthread_mutex_unlock(&queue->lock);
	wake(queue);
}

static void quiet(struct queue *queue)
{
	uint64_t count;

	if (read(queue->fd, &count, sizeof(count)) < 0)
		return; /* nothing pending */
}

struct queue_item *queue_take_all(struct queue *queue)
{
	quiet(queue); /* before the list is read: a push after this wakes again */
	pthread_mutex_lock(&queue->lock);
	struct queue_item *first = queue->first;
	queue->first = NULL;
	queue->last = &queue->first;
	pthread_mutex_unlock(&queue->lock);
	return first;
}

static struct queue_item *take_one(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	struct queue_item *item = queue->first;
	if (item) {
		queue->first = item->next;
		if (!queue->first)
			queue->last = &queue->first;
	}
	pthread_mutex_unlock(&queue->lock);
	return item;
}

struct queue_item *queue_take(struct queue *queue, int64_t timeout_ms)
{
	struct queue_item *item = take_one(queue);

	while (!item) {
		struct pollfd wait = {.fd = queue->fd, .events = POLLIN};
		if (poll(&wait, 1, timeout_ms > 3600000 ? 3600000 : (int)timeout_ms) == 0)
			return NULL;
		quiet(queue);
		item = take_one(queue);
		if (!item && timeout_ms >= 0)
			return NULL; /* a stale wake-up: the caller's loop decides whether to wait on */
	}
	return item;
}
