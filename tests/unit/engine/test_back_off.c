#include "engine/back_off.h"

#include <criterion/criterion.h>
#include <stdio.h>

enum { FIRST = 1000, MOST = 300000 };

Test(back_off_ms, doubles_up_to_its_most_and_takes_off_less_than_half)
{
	int64_t full = FIRST;

	for (uint32_t failures = 1; failures < 40; failures++) {
		int64_t delay = back_off_ms(failures, FIRST, MOST, view_text("PKG/1.0/paris"));
		cr_assert(delay <= full && delay >= full / 2, "failure %u: %lld of %lld", failures,
		        (long long)delay, (long long)full);
		full = full * 2 < MOST ? full * 2 : MOST;
	}
	cr_assert_geq(back_off_ms(UINT32_MAX, FIRST, MOST, view_text("x")), MOST / 2);
}

Test(back_off_ms, is_the_same_for_the_same_and_spread_over_others)
{
	int64_t least = MOST, most = 0;

	for (int i = 0; i < 1000; i++) {
		char what[16];
		snprintf(what, sizeof(what), "%d", i);
		int64_t delay = back_off_ms(20, FIRST, MOST, view_text(what));
		cr_assert_eq(delay, back_off_ms(20, FIRST, MOST, view_text(what)));
		least = delay < least ? delay : least;
		most = delay > most ? delay : most;
	}
	cr_assert_leq(least, MOST * 52 / 100);
	cr_assert_geq(most, MOST * 98 / 100);
}
