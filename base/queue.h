#ifndef BASE_QUEUE_H
#define BASE_QUEUE_H

#include <stddef.h>
#include <stdint.h>

/* A first-in first-out hand-over between threads, with an eventfd to poll: readable whenever items may be
 * there. The only way in which threads here give each other work. Any thread may push; one thread takes. */
struct queue_item { /* embed as the first member of what is handed over */
	struct queue_item *next;
};
struct queue;

struct queue *queue_new(void);
void queue_free(struct queue *queue); /* NULL is fine; items left inside are the caller's to take first */
int queue_fd(const struct queue *queue);
void queue_push(struct queue *queue, struct queue_item *item); /* takes the item; wakes the taker */
struct queue_item *queue_take_all(
        struct queue *queue); /* oldest first, linked by next; NULL if empty; never blocks */
struct queue_item *queue_take(
        struct queue *queue, int64_t timeout_ms); /* waits for one; NULL at time-out; < 0 for ever */

#endif
