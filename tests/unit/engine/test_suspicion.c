#include "engine/suspicion.h"

#include <criterion/criterion.h>

static struct suspicion suspicion;

static void init(void)
{
	suspicion_init(&suspicion, 1000);
}

Test(suspicion, halves_down_to_one_alone_and_doubles_up_again, .init = init)
{
	suspicion_failed(&suspicion, 7, 10, 0, false);
	cr_assert_eq(suspicion_limit(&suspicion), 5);
	cr_assert_not(suspicion_wants_alone(&suspicion));
	suspicion_failed(&suspicion, 7, 5, 0, false);
	suspicion_failed(&suspicion, 7, 2, 0, false);
	cr_assert(suspicion_wants_alone(&suspicion));
	suspicion_passed(&suspicion, 1);
	cr_assert_eq(suspicion_limit(&suspicion), 2);
	cr_assert_not(suspicion_wants_alone(&suspicion));
	for (int i = 0; i < 20; i++)
		suspicion_passed(&suspicion, 1);
	cr_assert_eq(suspicion_limit(&suspicion), 1000);
}

Test(suspicion, condemns_only_what_was_refused_alone_twice, .init = init)
{
	suspicion_failed(&suspicion, 7, 1, 3, true);
	suspicion_failed(&suspicion, 7, 1, 3, true);
	cr_assert_not(suspicion_condemns(&suspicion, 7), "other events were in it");
	suspicion_failed(&suspicion, 7, 1, 0, true);
	cr_assert_not(suspicion_condemns(&suspicion, 7));
	suspicion_failed(&suspicion, 7, 1, 0, true);
	cr_assert(suspicion_condemns(&suspicion, 7));
	cr_assert_not(suspicion_condemns(&suspicion, 8));
}

Test(suspicion, forgets_where_another_record_fails, .init = init)
{
	suspicion_failed(&suspicion, 7, 1, 0, true);
	suspicion_failed(&suspicion, 8, 1, 0, true);
	suspicion_failed(&suspicion, 7, 1, 0, true);
	cr_assert_not(suspicion_condemns(&suspicion, 7));
}

Test(suspicion, is_slow_where_nobody_is_blamed, .init = init)
{
	for (int i = 0; i < SUSPICION_LOST_MOST; i++) {
		cr_assert_not(suspicion_condemns(&suspicion, 7));
		suspicion_failed(&suspicion, 7, 1, 0, false);
	}
	cr_assert(suspicion_condemns(&suspicion, 7));
	for (int i = 0; i < 100; i++)
		suspicion_failed(&suspicion, 7, 1, 0, false);
	cr_assert_not(suspicion_gives_up(&suspicion), "a broker that is down must not end the shard");
}

Test(suspicion, gives_up_where_nothing_helps, .init = init)
{
	for (int i = 0; i < SUSPICION_GIVE_UP; i++) {
		cr_assert_not(suspicion_gives_up(&suspicion));
		suspicion_failed(&suspicion, 7, 0, 1, true);
	}
	cr_assert(suspicion_gives_up(&suspicion));
	suspicion_passed(&suspicion, 0);
	cr_assert_not(suspicion_gives_up(&suspicion));
}
