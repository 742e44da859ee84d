#include "world.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

/* Facts of the switch, each a story: steps and all that is said. Deadlines are far (1000000) where they do
 * not matter. */
static void check(const char *steps, const char *said)
{
	struct world world;

	world_init(&world);
	world_run(&world, steps);
	cr_assert_str_eq(world.said.data, said, "said:\n%s", world.said.data);
	world_release(&world);
}

Test(switch_release, is_switched_and_its_job_ends_when_the_pointer_is_seen_as_wanted)
{
	check("staged 1.0 paris A\n"
	      "tasks\n"
	      "release 1.0 paris A u1 5 1 1000000\n"
	      "tasks\n"
	      "answer paris wanted\n"
	      "tasks\n"
	      "wake",
	        "tasks:\n"
	        "tasks: switch paris 1.0 on A;\n"
	        "updated paris 1.0 on A was - by u1\n"
	        "paris 1.0 updated attempt 1\n"
	        "u1 completed paris=completed\n"
	        "tasks:\n"
	        "wake never\n");
}

Test(switch_release, says_which_version_was_there_before)
{
	check("staged 1.0 paris A\nstaged 2.0 paris A\n"
	      "release 1.0 paris A u1 5 1 1000000\nanswer paris wanted\n"
	      "release 2.0 paris A u2 6 1 1000000\nanswer paris wanted",
	        "updated paris 1.0 on A was - by u1\nparis 1.0 updated attempt 1\nu1 completed "
	        "paris=completed\n"
	        "updated paris 2.0 on A was 1.0 by u2\nparis 2.0 updated attempt 1\nu2 completed "
	        "paris=completed\n");
}

Test(switch_release, without_its_staged_before_it_is_refused_and_fails_its_job)
{
	static const char *const forged[] = {
	        "release 1.0 paris A u1 5 1 1000000",                     /* nothing staged */
	        "staged 1.0 tokyo A\nrelease 1.0 paris A u1 5 1 1000000", /* elsewhere */
	        "staged 2.0 paris A\nrelease 1.0 paris A u1 5 1 1000000", /* another version */
	        "staged 1.0 paris B\nrelease 1.0 paris A u1 5 1 1000000", /* another disk */
	        "staged 1.0 paris A\nstaged 1.0 paris B\nrelease 1.0 paris A u1 5 1 1000000", /* a former disk
	                                                                                       */
	};

	for (size_t i = 0; i < sizeof(forged) / sizeof(*forged); i++) {
		char steps[400];

		snprintf(steps, sizeof(steps), "%s\ntasks", forged[i]);
		check(steps, "dead release_without_staged\nu1 failed paris=failed\ntasks:\n");
	}
}

Test(switch_release, of_a_later_job_supersedes_the_one_that_waits)
{
	check("staged 1.0 paris A\nstaged 2.0 paris A\n"
	      "release 1.0 paris A u1 5 1 1000000\n"
	      "release 2.0 paris A u2 6 1 1000000\n"
	      "tasks\n"
	      "answer paris wanted",
	        "u1 superseded paris=superseded\n"
	        "tasks: switch paris 2.0 on A;\n"
	        "updated paris 2.0 on A was - by u2\nparis 2.0 updated attempt 1\nu2 completed "
	        "paris=completed\n");
}

Test(switch_release, waits_for_the_answer_of_an_older_one_under_way_and_tells_what_that_did)
{
	check("staged 1.0 paris A\nstaged 2.0 paris A\n"
	      "release 1.0 paris A u1 5 1 1000000\n"
	      "start paris\n"
	      "release 2.0 paris A u2 6 1 1000000\n"
	      "finish wanted\n"
	      "tasks\n"
	      "answer paris wanted",
	        "u1 superseded paris=superseded\n"
	        "updated paris 1.0 on A was - by u1\nparis 1.0 updated attempt 1\n"
	        "tasks: switch paris 2.0 on A;\n"
	        "updated paris 2.0 on A was 1.0 by u2\nparis 2.0 updated attempt 1\nu2 completed "
	        "paris=completed\n");
}

Test(switch_release, is_the_same_attempt_until_the_older_ones_answer_came)
{
	struct world world;
	struct switch_task older, newer;
	size_t cursor = 0;

	world_init(&world);
	world_run(&world, "staged 1.0 paris A\nstaged 2.0 paris A\nrelease 1.0 paris A u1 5 1 1000000");
	cr_assert(switch_next_task(world.state, &cursor, &older));
	uint32_t attempt = older.attempt;

	world_run(&world, "start paris\nrelease 2.0 paris A u2 6 1 1000000");
	cursor = 0;
	cr_assert(switch_next_task(world.state, &cursor, &newer));
	cr_assert_eq(newer.attempt, attempt, "another tag would start beside the one under way");
	cr_assert_str_eq(newer.version, "2.0");
	cr_assert_not(switch_next_task(world.state, &cursor, &newer), "one attempt per distribution point");
	world_release(&world);
}

Test(switch_release, of_an_earlier_job_never_takes_the_pointer_back)
{
	check("staged 1.0 paris A\nstaged 2.0 paris A\n"
	      "release 2.0 paris A u2 6 1 1000000\n"
	      "release 1.0 paris A u1 5 1 1000000\n"
	      "tasks",
	        "u1 superseded paris=superseded\n"
	        "tasks: switch paris 2.0 on A;\n");
}

Test(switch_release, rolls_back_where_a_later_job_wants_an_earlier_version)
{
	check("staged 1.0 paris A\nstaged 2.0 paris A\n"
	      "release 2.0 paris A u2 6 1 1000000\nanswer paris wanted\n"
	      "release 1.0 paris A u3 7 1 1000000\nanswer paris wanted",
	        "updated paris 2.0 on A was - by u2\nparis 2.0 updated attempt 1\nu2 completed "
	        "paris=completed\n"
	        "updated paris 1.0 on A was 2.0 by u3\nparis 1.0 updated attempt 1\nu3 completed "
	        "paris=completed\n");
}

Test(switch_release, doubled_changes_nothing_whenever_it_comes)
{
	check("staged 1.0 paris A\n"
	      "release 1.0 paris A u1 5 2 1000000\n"
	      "release 1.0 paris A u1 5 2 1000000\n" /* under way */
	      "answer paris wanted\n"
	      "release 1.0 paris A u1 5 2 1000000\n" /* done there, the job goes on */
	      "withheld 1.0 tokyo u1 5 2 failed\n"
	      "withheld 1.0 tokyo u1 5 2 failed\n" /* the job has ended */
	      "release 1.0 paris A u1 5 2 1000000\n"
	      "tasks",
	        "dead duplicate_release\n"
	        "updated paris 1.0 on A was - by u1\nparis 1.0 updated attempt 1\n"
	        "dead duplicate_release\n"
	        "u1 failed paris=completed tokyo=failed\n"
	        "dead duplicate_release\n"
	        "dead duplicate_release\n"
	        "tasks:\n");
}

Test(switch_release, and_withheld_of_one_target_count_once)
{
	check("staged 1.0 paris A\n"
	      "release 1.0 paris A u1 5 2 1000000\n"
	      "withheld 1.0 paris u1 5 2 expired\n"
	      "answer paris wanted",
	        "dead duplicate_release\n"
	        "updated paris 1.0 on A was - by u1\nparis 1.0 updated attempt 1\n");
}

Test(switch_release, of_another_life_of_a_job_id_is_another_job)
{
	check("staged 1.0 paris A\n"
	      "release 1.0 paris A u1 5 1 1000000\nanswer paris wanted\n"
	      "release 1.0 paris A u1 900 1 1000000\nanswer paris wanted",
	        "updated paris 1.0 on A was - by u1\nparis 1.0 updated attempt 1\nu1 completed "
	        "paris=completed\n"
	        "updated paris 1.0 on A was 1.0 by u1\nparis 1.0 updated attempt 1\nu1 completed "
	        "paris=completed\n");
}

Test(switch_release, with_an_impossible_number_of_targets_is_refused)
{
	check("staged 1.0 paris A\nrelease 1.0 paris A u1 5 0 1000000\nrelease 1.0 paris A u1 5 1001 "
	      "1000000\ntasks",
	        "dead invalid_field\ndead invalid_field\ntasks:\n");
}

Test(switch_release, that_does_not_say_which_job_it_is_of_is_refused_and_ends_none)
{
	check("release 1.0 paris A u1 -1 1 1000000\nrelease 1.0 paris A u1 -1 1 1000000\n"
	      "staged 1.0 paris A\n"
	      "release 1.0 paris A u1 -1 1 1000000\n"
	      "withheld 1.0 paris u1 -1 1 failed\n"
	      "tasks",
	        "dead release_without_staged\ndead release_without_staged\n"
	        "dead missing_field\ndead missing_field\ntasks:\n");
}

Test(switch_staged, with_other_content_for_a_known_version_is_refused)
{
	struct world world;
	char digest[DIGEST_SIZE];
	struct staged_record record = {.type = STAGED_STAGED,
	        .id = "again",
	        .package_id = "PKG",
	        .version = "1.0",
	        .distribution_point = "paris",
	        .job_id = "c-1",
	        .dp_id = "A",
	        .digest = digest,
	        .read_back = "full"};

	world_init(&world);
	world_run(&world, "staged 1.0 paris A");
	digest_of(view_text("something else"), digest);
	world_apply(&world,
	        &(struct switch_event){.kind = SWITCH_RECORD, .position = {.offset = 77}, .record = &record});
	world_run(&world, "release 1.0 paris A u1 5 1 1000000\ntasks");
	cr_assert_str_eq(world.said.data, "dead version_changed\ntasks: switch paris 1.0 on A;\n");
	world_release(&world);
}

Test(switch_staged, doubled_changes_nothing)
{
	check("staged 1.0 paris A\nstaged 1.0 paris A\nrelease 1.0 paris A u1 5 1 1000000\ntasks",
	        "dead duplicate_staged\ntasks: switch paris 1.0 on A;\n");
}

Test(switch_staged, on_a_replaced_disk_is_switched_to_again_without_ending_the_job_twice)
{
	check("staged 1.0 paris A\nrelease 1.0 paris A u1 5 1 1000000\nanswer paris wanted\n"
	      "staged 1.0 paris B\n"
	      "tasks\n"
	      "answer paris wanted\n"
	      "tasks",
	        "updated paris 1.0 on A was - by u1\nparis 1.0 updated attempt 1\nu1 completed "
	        "paris=completed\n"
	        "tasks: switch paris 1.0 on B;\n"
	        "updated paris 1.0 on B was - by u1\nparis 1.0 updated attempt 1\n"
	        "tasks:\n");
}

Test(switch_staged, on_a_replaced_disk_frees_a_release_that_waits_for_the_former_one)
{
	check("staged 1.0 paris A\nrelease 1.0 paris A u1 5 1 1000000\n"
	      "answer paris unknown dp_id_changed\n"
	      "tasks\n"
	      "staged 1.0 paris B\n"
	      "tasks\n"
	      "answer paris wanted",
	        "paris 1.0 retrying attempt 1 dp_id_changed\n"
	        "tasks:\n"
	        "tasks: switch paris 1.0 on B;\n"
	        "updated paris 1.0 on B was - by u1\nparis 1.0 updated attempt 2\nu1 completed "
	        "paris=completed\n");
}

Test(switch_staged, on_a_replaced_disk_while_the_former_is_switched_is_switched_to_as_well)
{
	check("staged 1.0 paris A\nrelease 1.0 paris A u1 5 1 1000000\n"
	      "start paris\n"
	      "staged 1.0 paris B\n"
	      "finish wanted\n"
	      "tasks",
	        "updated paris 1.0 on A was - by u1\nparis 1.0 updated attempt 1\nu1 completed "
	        "paris=completed\n"
	        "tasks: switch paris 1.0 on B;\n");
}

Test(switch_staged, of_a_version_that_is_not_desired_switches_nothing)
{
	check("staged 1.0 paris A\nrelease 1.0 paris A u1 5 1 1000000\nanswer paris wanted\n"
	      "staged 2.0 paris A\ntasks",
	        "updated paris 1.0 on A was - by u1\nparis 1.0 updated attempt 1\nu1 completed "
	        "paris=completed\n"
	        "tasks:\n");
}

Test(switch_answer, newer_ends_the_job_there_as_superseded)
{
	check("staged 1.0 paris A\nrelease 1.0 paris A u1 5 1 1000000\nanswer paris newer\ntasks\nwake",
	        "u1 superseded paris=superseded\ntasks:\nwake never\n");
}

Test(switch_answer, unknown_is_tried_again_after_a_growing_and_bounded_pause)
{
	struct world world;
	int64_t pause = 0, longest = 0;

	world_init(&world);
	world_run(&world, "staged 1.0 paris A\nrelease 1.0 paris A u1 5 1 100000000000");
	for (int failure = 1; failure <= 30; failure++) {
		world_run(&world, "answer paris unknown dp_unreachable");
		pause = switch_wake_at(world.state) - world.now_ms;
		int64_t most = failure < 11 ? INT64_C(500) << (failure - 1) : world.rules.retry_most_ms;

		if (most > world.rules.retry_most_ms)
			most = world.rules.retry_most_ms;
		cr_assert(pause >= most / 2 && pause <= most, "pause %d is %lld", failure, (long long)pause);
		longest = pause > longest ? pause : longest;
		world.now_ms += pause - 1;
		world_run(&world, "tick\ntasks");
		world.now_ms += 1;
		world_run(&world, "tick");
	}
	cr_assert_geq(longest, world.rules.retry_most_ms / 2);
	cr_assert_null(strstr(world.said.data, "tasks: switch"), "not before its time");
	world_release(&world);
}

Test(switch_answer, unknown_is_told_on_changes_only)
{
	struct world world;
	int told = 0;

	world_init(&world);
	world_run(&world, "staged 1.0 paris A\nrelease 1.0 paris A u1 5 1 100000000000");
	for (int failure = 1; failure <= 100; failure++) {
		world_run(&world, "answer paris unknown dp_unreachable");
		world.now_ms = switch_wake_at(world.state);
		world_run(&world, "tick");
	}
	for (const char *at = world.said.data; (at = strstr(at, "retrying")) != NULL; at++)
		told++;
	cr_assert_eq(told, 7, "at failures 1, 2, 4 … 64, not %d times", told);
	buffer_clear(&world.said);
	world_run(&world, "answer paris unknown dp_full");
	cr_assert_str_eq(world.said.data, "paris 1.0 retrying attempt 101 dp_full\n");
	world_release(&world);
}

Test(switch_answer, waits_as_long_as_the_server_asks_within_reason)
{
	struct world world;
	struct switch_task task;
	size_t cursor = 0;

	world_init(&world);
	world_run(&world, "staged 1.0 paris A\nrelease 1.0 paris A u1 5 1 100000000000");
	cr_assert(switch_next_task(world.state, &cursor, &task));
	struct switch_answer answer = {.task = &task, .outcome = POINTER_UNKNOWN, .retry_after_ms = 20000};

	error_set(&answer.err, STATUS_RETRY, "dp_refused", "429");
	world_apply(&world, &(struct switch_event){.kind = SWITCH_ANSWER, .answer = &answer});
	cr_assert_eq(switch_wake_at(world.state), 20000);
	world.now_ms = 20000;
	world_run(&world, "tick");
	cursor = 0;
	cr_assert(switch_next_task(world.state, &cursor, &task));
	answer.retry_after_ms = INT64_C(1000000000000);
	world_apply(&world, &(struct switch_event){.kind = SWITCH_ANSWER, .answer = &answer});
	cr_assert_eq(switch_wake_at(world.state), 20000 + world.rules.retry_most_ms);
	world_release(&world);
}

Test(switch_answer, ambiguous_is_looked_at_again_though_it_then_looks_wanted)
{
	check("staged 1.0 paris A\nrelease 1.0 paris A u1 5 1 1000000\n"
	      "answer paris ambiguous dp_timeout\n"
	      "at 1000\ntick\nanswer paris wanted\nwake\n"
	      "at 2000\ntick\ntasks\nanswer paris wanted\nwake\n"
	      "at 7000\ntick\nanswer paris wanted\nwake\n"
	      "at 37000\ntick\nanswer paris wanted\nwake",
	        "paris 1.0 retrying attempt 1 dp_timeout\n"
	        "updated paris 1.0 on A was - by u1\nparis 1.0 updated attempt 2\nu1 completed "
	        "paris=completed\n"
	        "wake 2000\n"
	        "tasks: switch paris 1.0 on A;\n"
	        "wake 7000\n"
	        "wake 37000\n"
	        "wake never\n");
}

Test(switch_answer, ambiguous_of_an_older_release_is_looked_for_after_the_newer_one)
{
	check("staged 1.0 paris A\nstaged 2.0 paris A\n"
	      "release 1.0 paris A u1 5 1 1000000\n"
	      "start paris\n"
	      "release 2.0 paris A u2 6 1 1000000\n"
	      "finish ambiguous dp_timeout\n"
	      "answer paris wanted\n"
	      "wake",
	        "u1 superseded paris=superseded\n"
	        "updated paris 2.0 on A was - by u2\nparis 2.0 updated attempt 1\nu2 completed "
	        "paris=completed\n"
	        "wake 1000\n");
}

Test(switch_answer, ambiguous_is_looked_for_as_long_though_newer_releases_come_quickly)
{
	check("staged 1.0 paris A\nstaged 2.0 paris A\n"
	      "release 1.0 paris A u1 5 1 1000000\nanswer paris ambiguous dp_timeout\n"
	      "at 1000\ntick\nanswer paris wanted\n"
	      "release 2.0 paris A u2 6 1 1000000\nanswer paris wanted\n"
	      "release 1.0 paris A u3 7 1 1000000\nanswer paris wanted\nwake\n"
	      "at 2000\ntick\nanswer paris wanted\nat 7000\ntick\nanswer paris wanted\nwake\n",
	        "paris 1.0 retrying attempt 1 dp_timeout\n"
	        "updated paris 1.0 on A was - by u1\nparis 1.0 updated attempt 2\nu1 completed "
	        "paris=completed\n"
	        "updated paris 2.0 on A was 1.0 by u2\nparis 2.0 updated attempt 1\nu2 completed "
	        "paris=completed\n"
	        "updated paris 1.0 on A was 2.0 by u3\nparis 1.0 updated attempt 1\nu3 completed "
	        "paris=completed\n"
	        "wake 2000\n"
	        "wake 37000\n");
}

Test(switch_answer, ambiguous_is_settled_at_once_where_the_distribution_point_refuses_late_writes)
{
	struct world world;

	world_init(&world);
	world.refuses_older = true;
	world_run(&world, "staged 1.0 paris A\nrelease 1.0 paris A u1 5 1 1000000\n"
	                  "answer paris ambiguous dp_timeout\nat 1000\ntick\nanswer paris wanted\nwake");
	cr_assert_not_null(strstr(world.said.data, "wake never"), "%s", world.said.data);
	world_release(&world);
}

Test(switch_answer, of_a_former_owner_is_unknown_so_it_is_looked_at_again)
{
	check("staged 1.0 paris A\nrelease 1.0 paris A u1 5 1 1000000\n"
	      "restart\n"
	      "tasks\n"
	      "answer paris wanted\n"
	      "wake",
	        "tasks: switch paris 1.0 on A;\n"
	        "updated paris 1.0 on A was - by u1\nparis 1.0 updated attempt 1\nu1 completed "
	        "paris=completed\n"
	        "wake 1000\n");
}

Test(switch_answer, about_an_older_release_of_the_same_version_decides_nothing_of_the_newer)
{
	check("staged 1.0 paris A\n"
	      "release 1.0 paris A u1 5 1 1000000\n"
	      "start paris\n"
	      "release 1.0 paris A u2 6 1 1000000\n"
	      "finish newer\n"
	      "tasks",
	        "u1 superseded paris=superseded\n"
	        "tasks: switch paris 1.0 on A;\n");
}

Test(switch_answer, to_an_attempt_that_is_not_wanted_changes_nothing)
{
	check("staged 1.0 paris A\nrelease 1.0 paris A u1 5 1 1000000\n"
	      "start paris\nfinish wanted\nfinish wanted\nfinish newer\nfinish unknown dp_full\ntasks\nwake",
	        "updated paris 1.0 on A was - by u1\nparis 1.0 updated attempt 1\nu1 completed "
	        "paris=completed\n"
	        "tasks:\nwake never\n");
}

Test(switch_answer, canceled_is_nobodys_failure_and_is_tried_again)
{
	check("staged 1.0 paris A\nrelease 1.0 paris A u1 5 1 1000000\n"
	      "answer paris unknown canceled\nat 500\ntick\ntasks",
	        "tasks: switch paris 1.0 on A;\n");
}

Test(switch_deadline, passed_looks_before_it_calls_a_switched_update_expired)
{
	check("staged 1.0 paris A\nrelease 1.0 paris A u1 5 1 10000\n"
	      "answer paris unknown dp_timeout\n"
	      "at 10000\ntick\ntasks\n"
	      "answer paris wanted",
	        "paris 1.0 retrying attempt 1 dp_timeout\n"
	        "tasks: read paris 1.0 on A;\n"
	        "updated paris 1.0 on A was - by u1\nparis 1.0 updated attempt 2\nu1 completed "
	        "paris=completed\n");
}

Test(switch_deadline, passed_expires_what_is_not_there_and_goes_on_switching_it)
{
	check("staged 1.0 paris A\nrelease 1.0 paris A u1 5 1 10000\n"
	      "answer paris unknown dp_timeout\n"
	      "at 10000\ntick\nanswer paris other\n"
	      "tasks\n"
	      "answer paris wanted\n"
	      "wake",
	        "paris 1.0 retrying attempt 1 dp_timeout\n"
	        "u1 expired paris=expired\n"
	        "tasks: switch paris 1.0 on A;\n"
	        "updated paris 1.0 on A was - by u1\nparis 1.0 updated attempt 2\n"
	        "wake never\n");
}

Test(switch_deadline, passed_with_an_unreadable_pointer_expires_after_the_grace)
{
	check("staged 1.0 paris A\nrelease 1.0 paris A u1 5 1 10000\n"
	      "answer paris unknown dp_unreachable\n"
	      "at 10000\ntick\nanswer paris unknown dp_unreachable\n"
	      "at 69999\ntick\ntasks\n"
	      "at 70000\ntick\n"
	      "tasks",
	        "paris 1.0 retrying attempt 1 dp_unreachable\n"
	        "paris 1.0 retrying attempt 2 dp_unreachable\n"
	        "tasks: read paris 1.0 on A;\n"
	        "u1 expired paris=expired\n"
	        "tasks: switch paris 1.0 on A;\n");
}

Test(switch_deadline, passed_while_a_switch_is_under_way_waits_for_its_answer)
{
	check("staged 1.0 paris A\nrelease 1.0 paris A u1 5 1 10000\n"
	      "start paris\nat 10000\ntick\nwake\nfinish wanted",
	        "wake 70000\n"
	        "updated paris 1.0 on A was - by u1\nparis 1.0 updated attempt 1\nu1 completed "
	        "paris=completed\n");
}

Test(switch_deadline, passed_before_the_release_was_read_looks_first)
{
	check("at 20000\nstaged 1.0 paris A\nrelease 1.0 paris A u1 5 1 10000\ntasks\nanswer paris "
	      "other\ntasks",
	        "tasks: read paris 1.0 on A;\nu1 expired paris=expired\ntasks: switch paris 1.0 on A;\n");
}

Test(switch_deadline, is_when_it_wakes)
{
	check("staged 1.0 paris A\nrelease 1.0 paris A u1 5 1 10000\nwake", "wake 10000\n");
}

Test(switch_tally, ends_a_job_once_when_every_target_is_resolved)
{
	check("staged 1.0 paris A\nstaged 1.0 lima A\n"
	      "release 1.0 paris A u1 5 3 1000000\n"
	      "withheld 1.0 tokyo u1 5 3 superseded\n"
	      "release 1.0 lima A u1 5 3 1000000\n"
	      "answer lima wanted\n"
	      "answer paris wanted",
	        "updated lima 1.0 on A was - by u1\nlima 1.0 updated attempt 1\n"
	        "updated paris 1.0 on A was - by u1\nparis 1.0 updated attempt 1\n"
	        "u1 completed lima=completed paris=completed tokyo=superseded\n");
}

Test(switch_tally, ends_as_the_worst_outcome_says)
{
	static const struct {
		const char *first, *second, *end;
	} cases[] = {
	        {"failed", "expired", "u1 failed lima=failed paris=expired\n"},
	        {"expired", "canceled", "u1 expired lima=expired paris=canceled\n"},
	        {"canceled", "superseded", "u1 canceled lima=canceled paris=superseded\n"},
	        {"superseded", "superseded", "u1 superseded lima=superseded paris=superseded\n"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char steps[200];

		snprintf(steps, sizeof(steps), "withheld 1.0 lima u1 5 2 %s\nwithheld 1.0 paris u1 5 2 %s",
		        cases[i].first, cases[i].second);
		check(steps, cases[i].end);
	}
}

Test(switch_tally, keeps_no_row_of_an_ended_job_but_that_it_ended)
{
	struct world world;

	world_init(&world);
	world_run(&world, "withheld 1.0 a u1 5 3 failed\nwithheld 1.0 b u1 5 3 failed");
	cr_assert_eq(world.row_count, 2);
	world_run(&world, "withheld 1.0 c u1 5 3 failed");
	cr_assert_eq(world.row_count, 1);
	cr_assert_str_eq(world.rows[0].name, "e");
	world_release(&world);
}

Test(switch_tally, remembers_a_bounded_number_of_ended_jobs)
{
	struct world world;
	char step[100];

	world_init(&world);
	for (int job = 0; job < 3 * SWITCH_ENDED_MAX; job++) {
		snprintf(step, sizeof(step), "withheld 1.0 paris u%d %d 1 failed", job, job);
		world_run(&world, step);
	}
	buffer_clear(&world.said);
	snprintf(step, sizeof(step), "withheld 1.0 paris u 128 1 failed\nwithheld 1.0 paris u %d 1 failed",
	        3 * SWITCH_ENDED_MAX - 1);
	world_run(&world, step);
	cr_assert_str_eq(world.said.data, "dead duplicate_release\ndead duplicate_release\n");
	cr_assert_eq(world.row_count, 1);
	cr_assert_lt(world.rows[0].len, 400);
	world_release(&world);
}

Test(switch_tally, takes_a_thousand_targets)
{
	struct world world;
	char step[100];

	world_init(&world);
	for (int dp = 0; dp < 1000; dp++) {
		cr_assert_eq(world.said.len, 0, "ended after %d", dp);
		snprintf(step, sizeof(step), "withheld 1.0 dp-%d u1 5 1000 expired", dp);
		world_run(&world, step);
	}
	cr_assert_not_null(strstr(world.said.data, "u1 expired dp-0=expired"));
	world_release(&world);
}

Test(switch_catalogue, read_anew_tries_at_once_what_was_missing_in_it)
{
	check("staged 1.0 paris A\nrelease 1.0 paris A u1 5 1 1000000\n"
	      "answer paris unknown dp_unknown\ntasks\ncatalogue\ntasks",
	        "paris 1.0 retrying attempt 1 dp_unknown\ntasks:\ntasks: switch paris 1.0 on A;\n");
}

Test(switch_catalogue, notice_brings_a_retry_back_that_another_clock_put_far_off)
{
	struct world world;

	world_init(&world);
	world_run(&world, "at 100000000000\nstaged 1.0 paris A\nrelease 1.0 paris A u1 5 1 900000000000\n"
	                  "answer paris unknown dp_unreachable\nat 1000\nrestart\ncatalogue");
	cr_assert_eq(switch_wake_at(world.state), 1000 + world.rules.retry_most_ms);
	world_release(&world);
}
