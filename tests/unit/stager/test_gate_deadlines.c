/* Deadlines, at each point of a job's life. */
#include "gate_script.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define RUN(...) gate_script_run(__func__, (const struct gate_step[]){__VA_ARGS__, {NULL, NULL}})

enum { DAY = 86400000 };

Test(gate_deadlines, a_create_ends_its_transfers)
{
	RUN({"create c1 1.0 paris,tokyo deadline=5000", "accepted c1 paris,tokyo"},
	        {"staged 1.0 paris", "staged 1.0 paris; dp 1.0 paris staged"}, {"wait 4999", ""},
	        {"wait 1", "expired c1 deadline paris:completed,tokyo:expired; dp 1.0 tokyo failed expired"},
	        {"staged 1.0 tokyo", ""});
}

Test(gate_deadlines, an_update_ends_its_waiting_not_the_staging)
{
	RUN({"create c1 1.0 paris", "accepted c1 paris"},
	        {"update u1 1.0 deadline=5000", "accepted u1 paris; held u1 0/1 paris"},
	        {"wait 5000", "withheld u1 1.0 paris expired"},
	        {"staged 1.0 paris", "staged 1.0 paris; dp 1.0 paris staged; completed c1 paris:completed"});
}

Test(gate_deadlines, an_update_that_still_wants_it_keeps_the_staging_alive)
{
	RUN({"create c1 1.0 paris deadline=5000", "accepted c1 paris"},
	        {"update u1 1.0", "accepted u1 paris; held u1 0/1 paris"},
	        {"wait 5000", "expired c1 deadline paris:expired"},
	        {"staged 1.0 paris", "staged 1.0 paris; dp 1.0 paris staged; release u1 1.0 paris"});
}

Test(gate_deadlines, an_update_before_its_create_keeps_the_staging_alive)
{
	RUN({"update u1 1.0", "accepted u1; held u1 0/0"},
	        {"update u2 1.0 tokyo", "accepted u2 tokyo; held u2 0/1 tokyo"},
	        {"create c1 1.0 paris,tokyo deadline=5000",
	                "accepted c1 paris,tokyo; held u1 0/2 paris,tokyo"},
	        {"wait 5000", "expired c1 deadline paris:expired,tokyo:expired"},
	        {"staged 1.0 paris",
	                "staged 1.0 paris; dp 1.0 paris staged; release u1 1.0 paris; held u1 1/2 tokyo"},
	        {"wait 86395000",
	                "withheld u1 1.0 tokyo expired; withheld u2 1.0 tokyo expired; dp 1.0 tokyo failed "
	                "expired"});
}

Test(gate_deadlines, the_longest_of_two_creates_counts)
{
	RUN({"create c1 1.0 paris deadline=5000", "accepted c1 paris"},
	        {"create c2 1.0 paris deadline=9000", "accepted c2 paris"},
	        {"create c3 1.0 paris deadline=2000", "accepted c3 paris"},
	        {"wait 5000", "expired c1 deadline paris:expired; expired c3 deadline paris:expired"},
	        {"wait 4000", "expired c2 deadline paris:expired; dp 1.0 paris failed expired"});
}

Test(gate_deadlines, arming_again_keeps_the_deadlines_of_those_that_wait)
{
	RUN({"create c1 1.0 paris", "accepted c1 paris"},
	        {"fails 1.0 paris point", "dp 1.0 paris retrying dp_unreachable"},
	        {"create c2 1.0 paris deadline=5000", "accepted c2 paris; dp 1.0 paris pending"},
	        {"wait 5000", "expired c2 deadline paris:expired"},
	        {"staged 1.0 paris", "staged 1.0 paris; dp 1.0 paris staged; completed c1 paris:completed"});
}

Test(gate_deadlines, an_update_whose_version_never_came_is_ended_here)
{
	RUN({"update u1 1.0 deadline=5000", "accepted u1; held u1 0/0"}, {"wait 5000", "expired u1 deadline"},
	        {"create c1 1.0 paris", "accepted c1 paris"},
	        {"update u1 1.0 deadline=5000", "duplicate u1"});
}

Test(gate_deadlines, an_update_with_targets_whose_version_never_came_is_withheld)
{
	RUN({"update u1 1.0 paris,tokyo deadline=5000", "accepted u1 paris,tokyo; held u1 0/2 paris,tokyo"},
	        {"wait 5000", "withheld u1 1.0 paris expired; withheld u1 1.0 tokyo expired"});
}

Test(gate_deadlines, gate_each_withholds_only_what_is_left)
{
	RUN({"create c1 1.0 paris,tokyo", "accepted c1 paris,tokyo"},
	        {"update u1 1.0 deadline=5000", "accepted u1 paris,tokyo; held u1 0/2 paris,tokyo"},
	        {"staged 1.0 paris",
	                "staged 1.0 paris; dp 1.0 paris staged; release u1 1.0 paris; held u1 1/2 tokyo"},
	        {"wait 5000", "withheld u1 1.0 tokyo expired"});
}

Test(gate_deadlines, gate_all_withholds_everything)
{
	RUN({"create c1 1.0 paris,tokyo", "accepted c1 paris,tokyo"},
	        {"update u1 1.0 all deadline=5000", "accepted u1 paris,tokyo; held u1 0/2 paris,tokyo"},
	        {"staged 1.0 paris", "staged 1.0 paris; dp 1.0 paris staged; held u1 1/2 tokyo"},
	        {"wait 5000", "withheld u1 1.0 paris expired; withheld u1 1.0 tokyo expired"});
}

Test(gate_deadlines, past_ones_expire_at_once)
{
	RUN({"create c1 1.0 paris at=5000",
	            "accepted c1 paris; expired c1 deadline paris:expired; dp 1.0 paris failed expired"},
	        {"update u1 1.0 at=5000", "accepted u1 paris; withheld u1 1.0 paris expired"},
	        {"update u2 2.0 at=5000", "accepted u2; expired u2 deadline"},
	        {"create c2 1.0 paris", "accepted c2 paris; dp 1.0 paris pending"},
	        {"staged 1.0 paris", "staged 1.0 paris; dp 1.0 paris staged; completed c2 paris:completed"},
	        {"update u3 1.0 at=5000", "accepted u3 paris; withheld u3 1.0 paris expired"},
	        {"create c3 1.0 paris at=5000", "accepted c3 paris; completed c3 paris:completed"});
}

Test(gate_deadlines, a_tick_that_comes_late_changes_nothing)
{
	RUN({"create c1 1.0 paris deadline=5000", "accepted c1 paris"},
	        {"update u1 1.0 deadline=5000", "accepted u1 paris; held u1 0/1 paris"}, {"skip 5001", ""},
	        {"staged 1.0 paris", "expired c1 deadline paris:expired; withheld u1 1.0 paris expired; dp "
	                             "1.0 paris failed "
	                             "expired"});
}

Test(gate_deadlines, an_expired_staging_goes_on_for_an_update_that_wants_it)
{
	RUN({"create c1 1.0 paris deadline=5000", "accepted c1 paris"},
	        {"wait 5000", "expired c1 deadline paris:expired; dp 1.0 paris failed expired"},
	        {"update u1 1.0", "accepted u1 paris; dp 1.0 paris pending; held u1 0/1 paris"},
	        {"staged 1.0 paris", "staged 1.0 paris; dp 1.0 paris staged; release u1 1.0 paris"});
}

Test(gate_deadlines, default_and_never_are_what_the_limits_say)
{
	struct gate_world world;

	gate_world_init(&world);
	gate_world_step(&world, "create c1 1.0 paris");
	cr_assert_eq(gate_wake_at(world.state), world.now_ms + DAY);
	gate_world_step(&world, "create c2 2.0 paris never");
	gate_world_step(&world, "staged 1.0 paris");
	cr_assert_eq(gate_wake_at(world.state), world.now_ms + 366LL * DAY);
	gate_world_step(&world, "staged 2.0 paris");
	cr_assert_eq(gate_wake_at(world.state), INT64_MAX);
	gate_world_release(&world);
}
