/* Updates at the gate, in every order of create, update and staging. */
#include "gate_script.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define RUN(...) gate_script_run(__func__, (const struct gate_step[]){__VA_ARGS__, {NULL, NULL}})

Test(gate_release, lets_an_update_through_behind_the_staged_fact)
{
	RUN({"create c1 1.0 paris", "accepted c1 paris"},
	        {"update u1 1.0", "accepted u1 paris; held u1 0/1 paris"},
	        {"staged 1.0 paris",
	                "staged 1.0 paris; dp 1.0 paris staged; release u1 1.0 paris; completed c1 "
	                "paris:completed"});
}

Test(gate_release, lets_an_update_through_at_once_where_it_is_staged)
{
	RUN({"create c1 1.0 paris", "accepted c1 paris"},
	        {"staged 1.0 paris", "staged 1.0 paris; dp 1.0 paris staged; completed c1 paris:completed"},
	        {"update u1 1.0", "accepted u1 paris; release u1 1.0 paris"},
	        {"update u2 1.0 paris all", "accepted u2 paris; release u2 1.0 paris"});
}

Test(gate_release, holds_an_update_that_overtakes_its_create)
{
	RUN({"update u1 1.0", "accepted u1; held u1 0/0"},
	        {"create c1 1.0 paris,tokyo", "accepted c1 paris,tokyo; held u1 0/2 paris,tokyo"},
	        {"staged 1.0 tokyo",
	                "staged 1.0 tokyo; dp 1.0 tokyo staged; release u1 1.0 tokyo; held u1 1/2 paris"},
	        {"staged 1.0 paris",
	                "staged 1.0 paris; dp 1.0 paris staged; release u1 1.0 paris; completed c1 "
	                "paris:completed,tokyo:completed"});
}

Test(gate_release, holds_an_update_with_targets_that_overtakes_its_create)
{
	RUN({"update u1 1.0 paris", "accepted u1 paris; held u1 0/1 paris"},
	        {"create c1 1.0 paris,tokyo", "accepted c1 paris,tokyo"},
	        {"staged 1.0 tokyo", "staged 1.0 tokyo; dp 1.0 tokyo staged"},
	        {"staged 1.0 paris",
	                "staged 1.0 paris; dp 1.0 paris staged; release u1 1.0 paris; completed c1 "
	                "paris:completed,tokyo:completed"});
}

Test(gate_release, waits_for_a_dp_that_a_later_create_adds)
{
	RUN({"create c1 1.0 paris", "accepted c1 paris"},
	        {"staged 1.0 paris", "staged 1.0 paris; dp 1.0 paris staged; completed c1 paris:completed"},
	        {"update u1 1.0 paris,tokyo",
	                "accepted u1 paris,tokyo; release u1 1.0 paris; held u1 1/2 tokyo"},
	        {"create c2 1.0 tokyo", "accepted c2 tokyo"},
	        {"staged 1.0 tokyo",
	                "staged 1.0 tokyo; dp 1.0 tokyo staged; release u1 1.0 tokyo; completed c2 "
	                "tokyo:completed"});
}

Test(gate_release, freezes_targets_when_first_known)
{
	RUN({"create c1 1.0 paris", "accepted c1 paris"},
	        {"update u1 1.0", "accepted u1 paris; held u1 0/1 paris"},
	        {"create c2 1.0 tokyo", "accepted c2 tokyo"},
	        {"staged 1.0 tokyo", "staged 1.0 tokyo; dp 1.0 tokyo staged; completed c2 tokyo:completed"},
	        {"staged 1.0 paris",
	                "staged 1.0 paris; dp 1.0 paris staged; release u1 1.0 paris; completed c1 "
	                "paris:completed"});
}

Test(gate_release, takes_content_and_update_in_one_job)
{
	RUN({"both b1 1.0 paris,tokyo", "accepted b1 paris,tokyo; held b1 0/2 paris,tokyo"},
	        {"staged 1.0 paris",
	                "staged 1.0 paris; dp 1.0 paris staged; release b1 1.0 paris; held b1 1/2 tokyo"},
	        {"staged 1.0 tokyo", "staged 1.0 tokyo; dp 1.0 tokyo staged; release b1 1.0 tokyo"},
	        {"both b2 1.0", "accepted b2 paris,tokyo; release b2 1.0 paris; release b2 1.0 tokyo"},
	        {"both b3 2.0", "rejected b3 no_targets"});
}

Test(gate_release, supersedes_an_older_update_once_a_later_one_is_released)
{
	RUN({"create c1 1.0 paris", "accepted c1 paris"}, {"create c2 2.0 paris", "accepted c2 paris"},
	        {"update u1 1.0", "accepted u1 paris; held u1 0/1 paris"},
	        {"update u2 2.0", "accepted u2 paris; held u2 0/1 paris"},
	        {"staged 2.0 paris",
	                "staged 2.0 paris; dp 2.0 paris staged; release u2 2.0 paris; withheld u1 1.0 paris "
	                "superseded; completed c2 paris:completed"},
	        {"staged 1.0 paris", "staged 1.0 paris; dp 1.0 paris staged; completed c1 paris:completed"});
}

Test(gate_release, supersedes_nothing_by_a_later_update_that_is_still_held)
{
	RUN({"create c1 1.0 paris", "accepted c1 paris"}, {"create c2 2.0 paris", "accepted c2 paris"},
	        {"update u1 1.0", "accepted u1 paris; held u1 0/1 paris"},
	        {"update u2 2.0", "accepted u2 paris; held u2 0/1 paris"},
	        {"staged 1.0 paris",
	                "staged 1.0 paris; dp 1.0 paris staged; release u1 1.0 paris; completed c1 "
	                "paris:completed"},
	        {"staged 2.0 paris",
	                "staged 2.0 paris; dp 2.0 paris staged; release u2 2.0 paris; completed c2 "
	                "paris:completed"});
}

Test(gate_release, never_goes_back_for_an_update_that_learns_its_targets_late)
{
	RUN({"update u1 1.0", "accepted u1; held u1 0/0"}, {"create c2 2.0 paris", "accepted c2 paris"},
	        {"update u2 2.0", "accepted u2 paris; held u2 0/1 paris"},
	        {"staged 2.0 paris",
	                "staged 2.0 paris; dp 2.0 paris staged; release u2 2.0 paris; completed c2 "
	                "paris:completed"},
	        {"create c1 1.0 paris,tokyo",
	                "accepted c1 paris,tokyo; withheld u1 1.0 paris superseded; held u1 0/2 tokyo"},
	        {"staged 1.0 paris", "staged 1.0 paris; dp 1.0 paris staged; held u1 1/2 tokyo"},
	        {"staged 1.0 tokyo",
	                "staged 1.0 tokyo; dp 1.0 tokyo staged; release u1 1.0 tokyo; completed c1 "
	                "paris:completed,tokyo:completed"});
}

Test(gate_release, ends_an_update_that_is_superseded_wherever_it_learns_it_should_go)
{
	RUN({"update u1 1.0", "accepted u1; held u1 0/0"}, {"create c2 2.0 paris", "accepted c2 paris"},
	        {"update u2 2.0", "accepted u2 paris; held u2 0/1 paris"},
	        {"staged 2.0 paris",
	                "staged 2.0 paris; dp 2.0 paris staged; release u2 2.0 paris; completed c2 "
	                "paris:completed"},
	        {"create c1 1.0 paris", "accepted c1 paris; withheld u1 1.0 paris superseded"},
	        {"wait 200000000", "expired c1 deadline paris:expired; dp 1.0 paris failed expired"});
}

Test(gate_release, remembers_what_was_released_when_all_jobs_are_forgotten)
{
	struct gate_world world;

	gate_world_init(&world);
	world.limits.ended_max = 1;
	gate_world_step(&world, "update u1 1.0 never");
	gate_world_step(&world, "create c2 2.0 paris");
	gate_world_step(&world, "staged 2.0 paris");
	gate_world_step(&world, "update u2 2.0");
	gate_world_step(&world, "create c3 3.0 rome");
	gate_world_step(&world, "staged 3.0 rome");
	cr_assert_null(gate_job_find(world.state, "u2"));
	cr_assert_str_eq(gate_world_step(&world, "create c1 1.0 paris"),
	        "accepted c1 paris; withheld u1 1.0 paris superseded");
	gate_world_release(&world);
}

Test(gate_release, gate_all_releases_nothing_before_everything_is_staged)
{
	RUN({"create c1 1.0 paris,rome,tokyo", "accepted c1 paris,rome,tokyo"},
	        {"update u1 1.0 all", "accepted u1 paris,rome,tokyo; held u1 0/3 paris,rome,tokyo"},
	        {"staged 1.0 rome", "staged 1.0 rome; dp 1.0 rome staged; held u1 1/3 paris,tokyo"},
	        {"staged 1.0 tokyo", "staged 1.0 tokyo; dp 1.0 tokyo staged; held u1 2/3 paris"},
	        {"staged 1.0 paris",
	                "staged 1.0 paris; dp 1.0 paris staged; release u1 1.0 paris; release u1 1.0 rome; "
	                "release u1 1.0 tokyo; completed c1 "
	                "paris:completed,rome:completed,tokyo:completed"});
}

Test(gate_release, gate_all_withholds_everything_where_one_dp_fails)
{
	RUN({"create c1 1.0 paris,tokyo", "accepted c1 paris,tokyo"},
	        {"update u1 1.0 all", "accepted u1 paris,tokyo; held u1 0/2 paris,tokyo"},
	        {"update u2 1.0", "accepted u2 paris,tokyo; held u2 0/2 paris,tokyo"},
	        {"staged 1.0 tokyo",
	                "staged 1.0 tokyo; dp 1.0 tokyo staged; held u1 1/2 paris; release u2 1.0 tokyo; "
	                "withheld u1 1.0 tokyo superseded; held u2 1/2 paris"},
	        {"fails 1.0 paris final manifest_lost",
	                "dp 1.0 paris failed manifest_lost; failed c1 manifest_lost "
	                "paris:failed,tokyo:completed; withheld u1 1.0 paris failed; withheld u2 1.0 paris "
	                "failed"});
}

Test(gate_release, gate_all_withholds_from_staged_dps_too)
{
	RUN({"create c1 1.0 paris,tokyo", "accepted c1 paris,tokyo"},
	        {"update u1 1.0 all", "accepted u1 paris,tokyo; held u1 0/2 paris,tokyo"},
	        {"staged 1.0 tokyo", "staged 1.0 tokyo; dp 1.0 tokyo staged; held u1 1/2 paris"},
	        {"fails 1.0 paris final manifest_lost",
	                "dp 1.0 paris failed manifest_lost; failed c1 manifest_lost "
	                "paris:failed,tokyo:completed; withheld u1 1.0 paris failed; withheld u1 1.0 tokyo "
	                "failed"});
}

Test(gate_release, a_superseded_dp_leaves_the_gate_all)
{
	RUN({"create c1 1.0 paris,tokyo", "accepted c1 paris,tokyo"},
	        {"create c2 2.0 paris", "accepted c2 paris"},
	        {"update u1 1.0 all", "accepted u1 paris,tokyo; held u1 0/2 paris,tokyo"},
	        {"staged 1.0 tokyo", "staged 1.0 tokyo; dp 1.0 tokyo staged; held u1 1/2 paris"},
	        {"update u2 2.0", "accepted u2 paris; held u2 0/1 paris"},
	        {"staged 2.0 paris",
	                "staged 2.0 paris; dp 2.0 paris staged; release u2 2.0 paris; withheld u1 1.0 paris "
	                "superseded; release u1 1.0 tokyo; completed c2 paris:completed"},
	        {"fails 1.0 paris final manifest_lost",
	                "dp 1.0 paris failed manifest_lost; failed c1 manifest_lost "
	                "paris:failed,tokyo:completed"});
}

Test(gate_release, an_older_update_of_the_same_version_goes_first)
{
	RUN({"update u1 1.0 paris", "accepted u1 paris; held u1 0/1 paris"},
	        {"update u2 1.0 paris", "accepted u2 paris; held u2 0/1 paris"},
	        {"create c1 1.0 paris", "accepted c1 paris"},
	        {"staged 1.0 paris",
	                "staged 1.0 paris; dp 1.0 paris staged; release u1 1.0 paris; release u2 1.0 paris; "
	                "completed c1 paris:completed"});
}

Test(gate_release, withholds_at_once_where_staging_has_failed)
{
	RUN({"create c1 1.0 paris,tokyo", "accepted c1 paris,tokyo"},
	        {"fails 1.0 paris final manifest_lost", "dp 1.0 paris failed manifest_lost"},
	        {"update u1 1.0", "accepted u1 paris,tokyo; withheld u1 1.0 paris failed; held u1 0/2 tokyo"},
	        {"create c2 1.0 paris", "accepted c2 paris; dp 1.0 paris pending"},
	        {"staged 1.0 paris", "staged 1.0 paris; dp 1.0 paris staged; held u1 1/2 tokyo; completed c2 "
	                             "paris:completed"},
	        {"staged 1.0 tokyo",
	                "staged 1.0 tokyo; dp 1.0 tokyo staged; release u1 1.0 tokyo; completed c1 "
	                "paris:completed,tokyo:completed"});
}

Test(gate_release, says_held_of_a_large_job_a_bounded_number_of_times)
{
	struct gate_world world;
	char line[4000] = "update u1 1.0 all p000", text[40];
	size_t held = 0;

	gate_world_init(&world);
	for (int i = 1; i < 200; i++)
		snprintf(line + strlen(line), sizeof(line) - strlen(line), ",p%03d", i);
	gate_world_step(&world, line);
	memcpy(line, "create c", 8);
	gate_world_step(&world, line);
	for (int i = 0; i < 200; i++) {
		snprintf(text, sizeof(text), "staged 1.0 p%03d", i);
		held += strstr(gate_world_step(&world, text), "held") != NULL;
	}
	cr_assert_eq(held, 9, "%zu", held);
	gate_world_release(&world);
}
