#include "engine/timers.h"

#include <criterion/criterion.h>

enum { TIMERS = 500 };

static struct timers *timers;
static struct timer timer[TIMERS];

static void init(void)
{
	timers = timers_new();
	for (int i = 0; i < TIMERS; i++)
		timer_init(&timer[i]);
}

static void fini(void)
{
	timers_free(timers);
}

Test(timers, none_is_due_where_none_is_set, .init = init, .fini = fini)
{
	cr_assert_eq(timers_next(timers), INT64_MAX);
	cr_assert_null(timers_take_due(timers, INT64_MAX - 1));
}

Test(timers, come_at_their_time_and_once, .init = init, .fini = fini)
{
	timers_set(timers, &timer[0], 100);
	cr_assert_null(timers_take_due(timers, 99));
	cr_assert_eq(timers_take_due(timers, 100), &timer[0]);
	cr_assert_null(timers_take_due(timers, 1000));
	cr_assert_eq(timer[0].when, INT64_MAX);
}

Test(timers, may_be_moved_and_taken_out, .init = init, .fini = fini)
{
	timers_set(timers, &timer[0], 100);
	timers_set(timers, &timer[1], 200);
	timers_set(timers, &timer[2], 300);
	timers_set(timers, &timer[0], 400);
	timers_set(timers, &timer[1], INT64_MAX);
	cr_assert_eq(timers_next(timers), 300);
	cr_assert_eq(timers_take_due(timers, 1000), &timer[2]);
	cr_assert_eq(timers_take_due(timers, 1000), &timer[0]);
	cr_assert_null(timers_take_due(timers, 1000));
}

Test(timers, come_in_order_whatever_was_done_to_them, .init = init, .fini = fini)
{
	unsigned random = 7;
	int set = 0, taken = 0;
	int64_t last = -1;

	for (int step = 0; step < 20000; step++) {
		random = random * 1103515245u + 12345u;
		int64_t when = (random >> 8) % 7 == 0 ? INT64_MAX : (int64_t)(random >> 12) % 1000;
		timers_set(timers, &timer[(random >> 16) % TIMERS], when);
	}
	for (int i = 0; i < TIMERS; i++)
		set += timer[i].when != INT64_MAX;
	for (;;) {
		int64_t next = timers_next(timers);
		struct timer *due = timers_take_due(timers, 1000);
		if (!due)
			break;
		cr_assert_geq(next, last);
		last = next;
		taken++;
	}
	cr_assert_gt(set, 100);
	cr_assert_eq(taken, set);
}
