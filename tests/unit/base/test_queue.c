#include "base/clock.h"
#include "base/memory.h"
#include "base/queue.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

struct number {
	struct queue_item item;
	int value;
};

enum { COUNT = 10000 };

static void *push_all(void *queue)
{
	for (int i = 0; i < COUNT; i++) {
		struct number *number = memory_alloc(sizeof(*number));
		number->value = i;
		queue_push(queue, &number->item);
	}
	return NULL;
}

static int taken_in_order(struct queue *queue, int expected)
{
	for (struct queue_item *item = queue_take_all(queue), *next; item; item = next) {
		struct number *number = (struct number *)item;
		next = item->next;
		cr_assert_eq(number->value, expected);
		expected++;
		free(number);
	}
	return expected;
}

Test(queue, loses_nothing_and_keeps_order_between_threads)
{
	struct queue *queue = queue_new();
	pthread_t thread;
	int expected = 0;

	pthread_create(&thread, NULL, push_all, queue);
	while (expected < COUNT) {
		struct pollfd wait = {.fd = queue_fd(queue), .events = POLLIN};
		cr_assert_eq(poll(&wait, 1, 10000), 1, "no wake-up in 10 s after %d items", expected);
		expected = taken_in_order(queue, expected);
	}
	pthread_join(thread, NULL);
	queue_free(queue);
}

Test(queue, an_empty_one_times_out)
{
	struct queue *queue = queue_new();
	int64_t start = clock_monotonic_ms();

	cr_assert_null(queue_take(queue, 30));
	cr_assert_geq(clock_monotonic_ms() - start, 25);
	cr_assert_null(queue_take_all(queue));
	queue_free(queue);
}
