#include "distribution/pace.h"

#include <criterion/criterion.h>

Test(pace, without_a_limit_gives_all)
{
	struct pace pace = {0};

	cr_assert_eq(pace_piece(&pace, 5, 1000000), 1000000);
	cr_assert_eq(pace_piece(NULL, 5, 1000000), 1000000);
	pace_spend(NULL, 7);
}

/* However its time is cut, no second moves more than its bytes and what the bucket holds. */
Test(pace, keeps_to_its_rate)
{
	for (int64_t tick = 1; tick <= 1000; tick = tick * 3 + 1) {
		struct pace pace = {.bytes_per_second = 100000};
		uint64_t moved = 0;
		for (int64_t now = 0; now < 10000; now += tick) {
			size_t piece = pace_piece(&pace, now, 1 << 20);
			pace_spend(&pace, piece);
			moved += piece;
		}
		cr_assert_leq(moved, 10 * 100000 + 20000, "tick %d: %d", (int)tick, (int)moved);
		if (tick <= 200)
			cr_assert_geq(moved, 9 * 100000, "tick %d: %d", (int)tick, (int)moved);
	}
}

Test(pace, pays_back_a_piece_that_could_not_be_cut)
{
	struct pace pace = {.bytes_per_second = 1000};

	cr_assert_gt(pace_piece(&pace, 1000, 5000), 0);
	pace_spend(&pace, 5000);
	cr_assert_eq(pace_piece(&pace, 5000, 1), 0);
	cr_assert_gt(pace_piece(&pace, 6500, 1), 0);
}

Test(pace, of_a_byte_a_second_moves_at_last)
{
	struct pace pace = {.bytes_per_second = 1};

	cr_assert_eq(pace_piece(&pace, 500, 10), 0);
	cr_assert_eq(pace_piece(&pace, 2000, 10), 1);
}

Test(pace, gives_nothing_for_a_clock_that_goes_back)
{
	struct pace pace = {.bytes_per_second = 1000, .at_ms = 1000};

	cr_assert_eq(pace_piece(&pace, 0, 10), 0);
	cr_assert_eq(pace_piece(&pace, 100, 10), 10);
}
