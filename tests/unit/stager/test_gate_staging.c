/* A version on a DP: attempts, retries, giving up, arming again, lost content. */
#include "gate_script.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUN(...) gate_script_run(__func__, (const struct gate_step[]){__VA_ARGS__, {NULL, NULL}})

static void expect_effects(const struct gate_world *world, const char *want)
{
	char *effects = gate_world_effects(world);

	cr_expect_str_eq(effects, want);
	free(effects);
}

static const struct gate_staging *staging(const struct gate_world *world)
{
	return gate_staging_find(gate_version_find(world->state, "1.0"), "paris");
}

Test(gate_staging, wants_a_transfer_for_each_target_until_it_is_staged)
{
	struct gate_world world;

	gate_world_init(&world);
	gate_world_step(&world, "update u1 1.0 paris");
	expect_effects(&world, "");
	gate_world_step(&world, "create c1 1.0 paris,tokyo");
	expect_effects(&world, "1.0/paris/1 1.0/tokyo/1");
	gate_world_step(&world, "staged 1.0 paris");
	expect_effects(&world, "1.0/tokyo/1");
	gate_world_step(&world, "staged 1.0 tokyo");
	expect_effects(&world, "");
	gate_world_release(&world);
}

Test(gate_staging, wants_another_attempt_when_the_retry_is_due)
{
	struct gate_world world;
	int64_t due;

	gate_world_init(&world);
	gate_world_step(&world, "create c1 1.0 paris");
	cr_assert_str_eq(
	        gate_world_step(&world, "fails 1.0 paris point dp_full"), "dp 1.0 paris retrying dp_full");
	expect_effects(&world, "");
	due = gate_wake_at(world.state) - world.now_ms;
	cr_assert(due >= 500 && due <= 1000, "%lld", (long long)due);
	world.now_ms += due - 1;
	gate_world_step(&world, "wait 0");
	expect_effects(&world, "");
	gate_world_step(&world, "wait 1");
	expect_effects(&world, "1.0/paris/2");
	gate_world_release(&world);
}

Test(gate_staging, backs_off_by_doubling_up_to_five_minutes)
{
	struct gate_world world;
	int64_t full = 1000;

	gate_world_init(&world);
	gate_world_step(&world, "create c1 1.0 paris never");
	for (int i = 0; i < 30; i++) {
		int64_t wait;

		gate_world_step(&world, "fails 1.0 paris point");
		wait = staging(&world)->next_retry_ms - world.now_ms;
		cr_assert(wait >= full / 2 && wait <= full, "failure %d waits %lld of %lld", i + 1,
		        (long long)wait, (long long)full);
		world.now_ms += wait;
		gate_world_step(&world, "wait 0");
		full = full * 2 > GATE_RETRY_MOST_MS ? GATE_RETRY_MOST_MS : full * 2;
	}
	expect_effects(&world, "1.0/paris/31");
	gate_world_release(&world);
}

Test(gate_staging, waits_as_long_as_the_server_asks_within_an_hour)
{
	struct gate_world world;

	gate_world_init(&world);
	gate_world_step(&world, "create c1 1.0 paris");
	gate_world_step(&world, "fails 1.0 paris point dp_error 90000");
	cr_assert_eq(staging(&world)->next_retry_ms, world.now_ms + 90000);
	gate_world_step(&world, "wait 90000");
	gate_world_step(&world, "fails 1.0 paris point dp_error 99999999");
	cr_assert_eq(staging(&world)->next_retry_ms, world.now_ms + GATE_RETRY_AFTER_MOST_MS);
	gate_world_release(&world);
}

Test(gate_staging, clamps_a_retry_written_under_a_clock_that_ran_ahead)
{
	struct gate_world world;

	gate_world_init(&world);
	world.restarts = true; /* it goes back only for a new owner */
	world.now_ms += 900000000;
	gate_world_step(&world, "create c1 1.0 paris");
	gate_world_step(&world, "fails 1.0 paris point");
	world.now_ms -= 900000000;
	gate_world_step(&world, "wait 0");
	cr_assert_leq(staging(&world)->next_retry_ms, world.now_ms + GATE_RETRY_AFTER_MOST_MS);
	gate_world_release(&world);
}

Test(gate_staging, says_a_retry_that_is_no_news_ever_more_rarely)
{
	struct gate_world world;
	size_t said = 0;

	gate_world_init(&world);
	gate_world_step(&world, "create c1 1.0 paris never");
	for (int i = 0; i < 100; i++) {
		said += strstr(gate_world_step(&world, "fails 1.0 paris point"), "retrying") != NULL;
		gate_world_step(&world, "wait 300000");
	}
	cr_assert_eq(said, 10 + 3, "10, then 16, 32, 64");
	cr_assert_str_eq(gate_world_step(&world, "fails 1.0 paris point dp_full"),
	        "dp 1.0 paris retrying dp_full", "another error is news");
	gate_world_release(&world);
}

Test(gate_staging, gives_up_on_content_after_five_tries)
{
	RUN({"create c1 1.0 paris", "accepted c1 paris"},
	        {"fails 1.0 paris content source_missing", "dp 1.0 paris retrying source_missing"},
	        {"wait 300000", ""},
	        {"fails 1.0 paris content source_missing", "dp 1.0 paris retrying source_missing"},
	        {"wait 300000", ""},
	        {"fails 1.0 paris point dp_unreachable", "dp 1.0 paris retrying dp_unreachable"},
	        {"wait 300000", ""},
	        {"fails 1.0 paris content source_missing", "dp 1.0 paris retrying source_missing"},
	        {"wait 300000", ""},
	        {"fails 1.0 paris content source_missing", "dp 1.0 paris retrying source_missing"},
	        {"wait 300000", ""},
	        {"fails 1.0 paris content source_missing",
	                "dp 1.0 paris failed source_missing; failed c1 source_missing paris:failed"});
}

Test(gate_staging, does_not_count_what_was_cancelled_from_within)
{
	RUN({"create c1 1.0 paris", "accepted c1 paris"}, {"fails 1.0 paris nobody canceled", ""},
	        {"wait 999", ""}, {"staged 1.0 paris", ""}, /* its attempt has ended */
	        {"wait 1", ""},
	        {"staged 1.0 paris", "staged 1.0 paris; dp 1.0 paris staged; completed c1 paris:completed"});
}

Test(gate_staging, ignores_the_outcome_of_another_attempt)
{
	RUN({"create c1 1.0 paris", "accepted c1 paris"}, {"stale 1.0 paris", ""},
	        {"fails 1.0 paris point", "dp 1.0 paris retrying dp_unreachable"}, {"wait 1000", ""},
	        {"stale 1.0 paris", ""},
	        {"staged 1.0 paris", "staged 1.0 paris; dp 1.0 paris staged; completed c1 paris:completed"},
	        {"staged 1.0 paris", ""}, {"fails 1.0 paris point", ""}, {"staged 9.9 paris", ""},
	        {"staged 1.0 rome", ""});
}

Test(gate_staging, is_armed_again_by_a_repeated_create)
{
	RUN({"create c1 1.0 paris,tokyo", "accepted c1 paris,tokyo"},
	        {"fails 1.0 paris final manifest_lost", "dp 1.0 paris failed manifest_lost"},
	        {"fails 1.0 tokyo point", "dp 1.0 tokyo retrying dp_unreachable"},
	        {"create c2 1.0 paris,tokyo",
	                "accepted c2 paris,tokyo; dp 1.0 paris pending; dp 1.0 tokyo pending"},
	        {"staged 1.0 paris", "staged 1.0 paris; dp 1.0 paris staged"},
	        {"staged 1.0 tokyo",
	                "staged 1.0 tokyo; dp 1.0 tokyo staged; completed c1 "
	                "paris:completed,tokyo:completed; completed c2 paris:completed,tokyo:completed"});
}

static void take_cause(const struct gate_fact *fact, void *context)
{
	if (fact->kind == FACT_STAGED)
		snprintf(context, 100, "%s at %d/%lld", fact->staged.job_id,
		        (int)fact->staged.job_position.partition,
		        (long long)fact->staged.job_position.offset);
}

Test(gate_staging, names_the_job_that_armed_it_last)
{
	struct gate_world world;
	char cause[100] = "";

	gate_world_init(&world);
	world.watch = take_cause;
	world.watch_context = cause;
	gate_world_step(&world, "create c1 1.0 paris,tokyo");
	gate_world_step(&world, "create c2 1.0 paris,rome");
	gate_world_step(&world, "staged 1.0 paris");
	cr_assert_str_eq(cause, "c1 at 3/1");
	gate_world_step(&world, "staged 1.0 rome");
	cr_assert_str_eq(cause, "c2 at 3/2");
	gate_world_step(&world, "fails 1.0 tokyo final manifest_lost");
	gate_world_step(&world, "create c3 1.0 tokyo");
	gate_world_step(&world, "staged 1.0 tokyo");
	cr_assert_str_eq(cause, "c3 at 3/3");
	gate_world_release(&world);
}

Test(gate_staging, stages_lost_content_again_and_gives_it_another_id)
{
	struct gate_world world;
	char first[DIGEST_NAME_SIZE];

	gate_world_init(&world);
	gate_world_step(&world, "create c1 1.0 paris");
	gate_world_step(&world, "staged 1.0 paris");
	strcpy(first, staging(&world)->staged_id);
	cr_assert_str_eq(gate_world_step(&world, "lost paris id2 id1"), "dp 1.0 paris pending content_lost");
	expect_effects(&world, "1.0/paris/2");
	cr_assert_str_eq(gate_world_step(&world, "lost paris id2 id1"), "", "it is known already");
	gate_world_step(&world, "wait 30000000000");
	expect_effects(&world, "1.0/paris/2");
	cr_assert_str_eq(
	        gate_world_step(&world, "staged 1.0 paris id2"), "staged 1.0 paris; dp 1.0 paris staged");
	cr_assert_str_neq(staging(&world)->staged_id, first);
	cr_assert_eq(staging(&world)->restages, 1);
	cr_assert_str_eq(staging(&world)->dp_id, "id2");
	cr_assert_str_eq(gate_point_find(world.state, "paris")->dp_id, "id2");
	gate_world_release(&world);
}

Test(gate_staging, leaves_content_alone_whose_loss_nobody_confirmed)
{
	RUN({"create c1 1.0 paris", "accepted c1 paris"},
	        {"staged 1.0 paris", "staged 1.0 paris; dp 1.0 paris staged; completed c1 paris:completed"},
	        {"lost paris id9 id8", ""}, {"lost tokyo id2 id1", ""}, {"lost paris id1 id0", ""},
	        {"lost paris id1 id1", ""}, {"update u1 1.0", "accepted u1 paris; release u1 1.0 paris"});
}

Test(gate_staging, does_not_count_what_a_replaced_dp_had_said)
{
	RUN({"create c1 1.0 paris", "accepted c1 paris"},
	        {"staged 1.0 paris", "staged 1.0 paris; dp 1.0 paris staged; completed c1 paris:completed"},
	        {"create c2 2.0 paris", "accepted c2 paris"},
	        {"lost paris id2 id1", "dp 1.0 paris pending content_lost"},
	        {"staged 2.0 paris id1", "dp 2.0 paris retrying dp_id_changed"}, {"wait 1000", ""},
	        {"staged 2.0 paris id2",
	                "staged 2.0 paris; dp 2.0 paris staged; completed c2 paris:completed"});
}

Test(gate_staging, does_not_count_what_was_lost_before_it_was_heard_of)
{
	RUN({"create c1 1.0 paris", "accepted c1 paris"}, {"lost paris id2 id1", ""},
	        {"staged 1.0 paris id1", "dp 1.0 paris retrying dp_id_changed"}, {"wait 1000", ""},
	        {"staged 1.0 paris id2",
	                "staged 1.0 paris; dp 1.0 paris staged; completed c1 paris:completed"});
}

Test(gate_staging, of_lost_content_goes_on_behind_the_deadline_of_a_job_that_wants_it_too)
{
	RUN({"create c1 1.0 paris", "accepted c1 paris"},
	        {"staged 1.0 paris", "staged 1.0 paris; dp 1.0 paris staged; completed c1 paris:completed"},
	        {"lost paris id2 id1", "dp 1.0 paris pending content_lost"},
	        {"fails 1.0 paris point", "dp 1.0 paris retrying dp_unreachable"},
	        {"create c2 1.0 paris deadline=5000", "accepted c2 paris; dp 1.0 paris pending"},
	        {"wait 5000", "expired c2 deadline paris:expired"},
	        {"staged 1.0 paris id2", "staged 1.0 paris; dp 1.0 paris staged"});
}

Test(gate_staging, lost_content_closes_the_gate_again)
{
	RUN({"create c1 1.0 paris,tokyo", "accepted c1 paris,tokyo"},
	        {"update u1 1.0 all", "accepted u1 paris,tokyo; held u1 0/2 paris,tokyo"},
	        {"staged 1.0 paris", "staged 1.0 paris; dp 1.0 paris staged; held u1 1/2 tokyo"},
	        {"lost paris id2 id1", "dp 1.0 paris pending content_lost; held u1 0/2 paris,tokyo"},
	        {"staged 1.0 tokyo", "staged 1.0 tokyo; dp 1.0 tokyo staged; held u1 1/2 paris"},
	        {"staged 1.0 paris id2",
	                "staged 1.0 paris; dp 1.0 paris staged; release u1 1.0 paris; release u1 1.0 tokyo; "
	                "completed c1 paris:completed,tokyo:completed"});
}
