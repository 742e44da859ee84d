/* Taking turns, over a driver that answers when the test says so. */
#include "distribution/throttle.h"

#include "base/memory.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 64 };

struct slow_driver {
	struct driver driver; /* first */
	struct operation *under_way[MANY];
	size_t count, most;
};

static void slow_submit(struct driver *driver, struct operation *operation)
{
	struct slow_driver *slow = (struct slow_driver *)driver;

	slow->under_way[slow->count++] = operation;
	if (slow->count > slow->most)
		slow->most = slow->count;
}

static void slow_cancel(struct driver *driver, struct operation *operation)
{
	(void)driver;
	operation->result.status = error_set(&operation->result.err, STATUS_RETRY, "canceled", "canceled");
}

static void slow_close(struct driver *driver)
{
	free(driver);
}

static const struct driver_ops slow_ops = {slow_submit, slow_cancel, slow_close};
static struct slow_driver *slow;
static struct driver *throttle;
static struct agenda *agenda;
static char order[MANY * 2];

static void setup(void)
{
	slow = memory_alloc(sizeof(*slow));
	slow->driver.ops = &slow_ops;
	agenda = agenda_new();
	throttle = throttle_open(&slow->driver, 2, agenda);
}

static void teardown(void)
{
	throttle->ops->close(throttle);
	agenda_free(agenda);
}

TestSuite(throttle, .init = setup, .fini = teardown);

/* Paths are of one letter, so that order reads well. */
static void on_done(struct operation *operation)
{
	strncat(order, operation->path, 1);
}

static void submit(struct operation *operation, const char *path, const void *flow)
{
	*operation = (struct operation){
	        .kind = OPERATION_STAT, .path = path, .flow = flow, .done = on_done, .fd = -1};
	throttle->ops->submit(throttle, operation);
}

static void answer_oldest(void)
{
	struct operation *operation = slow->under_way[0];

	slow->count--;
	memmove(slow->under_way, slow->under_way + 1, slow->count * sizeof(*slow->under_way));
	operation->result.size = 7;
	operation->done(operation);
}

Test(throttle, lets_only_so_many_be_under_way)
{
	struct operation operations[10];

	for (int i = 0; i < 10; i++)
		submit(&operations[i], "a", NULL);
	while (slow->count)
		answer_oldest();
	cr_assert_eq(slow->most, 2);
	cr_assert_eq(strlen(order), 10);
	cr_assert_eq(operations[9].result.size, 7);
}

Test(throttle, takes_turns_between_flows)
{
	struct operation large[8], small[2], other[1];
	int a, b, c;

	for (int i = 0; i < 8; i++)
		submit(&large[i], "a", &a);
	for (int i = 0; i < 2; i++)
		submit(&small[i], "b", &b);
	submit(&other[0], "c", &c);
	while (slow->count)
		answer_oldest();
	cr_assert_str_eq(order, "aaabcabaaaa", "%s", order);
}

Test(throttle, answers_what_is_canceled_before_its_turn)
{
	struct operation operations[4];

	for (int i = 0; i < 4; i++)
		submit(&operations[i], i == 2 ? "x" : "a", NULL);
	throttle->ops->cancel(throttle, &operations[2]);
	throttle->ops->cancel(throttle, &operations[2]);
	cr_assert_str_eq(order, "", "answered from within");
	agenda_run(agenda, 0);
	cr_assert_str_eq(order, "x");
	cr_assert_str_eq(operations[2].result.err.code, "canceled");
	while (slow->count)
		answer_oldest();
	cr_assert_str_eq(order, "xaaa");
}

Test(throttle, passes_a_cancel_on)
{
	struct operation operation;

	submit(&operation, "a", NULL);
	throttle->ops->cancel(throttle, &operation);
	answer_oldest();
	cr_assert_str_eq(operation.result.err.code, "canceled");
	throttle->ops->cancel(throttle, &operation);
}

Test(throttle, can_what_its_driver_has_learnt)
{
	struct operation operation;

	cr_assert_not(throttle->can.move);
	submit(&operation, "a", NULL);
	slow->driver.can.move = true;
	answer_oldest();
	cr_assert(throttle->can.move);
}
