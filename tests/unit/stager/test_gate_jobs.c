/* Jobs coming in: identity, immutability, limits. */
#include "gate_script.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define RUN(...) gate_script_run(__func__, (const struct gate_step[]){__VA_ARGS__, {NULL, NULL}})

Test(gate_jobs, answers_a_live_job_that_comes_again_as_a_duplicate)
{
	RUN({"create c1 1.0 paris", "accepted c1 paris"}, {"create c1 1.0 paris", "duplicate c1"},
	        {"update u1 1.0", "accepted u1 paris; held u1 0/1 paris"}, {"update u1 1.0", "duplicate u1"});
}

Test(gate_jobs, answers_an_ended_job_that_comes_again_as_a_duplicate)
{
	RUN({"create c1 1.0 paris", "accepted c1 paris"},
	        {"staged 1.0 paris", "staged 1.0 paris; dp 1.0 paris staged; completed c1 paris:completed"},
	        {"create c1 1.0 paris", "duplicate c1"},
	        {"update u1 1.0", "accepted u1 paris; release u1 1.0 paris"},
	        {"update u1 1.0", "duplicate u1"}, {"update u1 1.0 refused", "duplicate u1"});
}

Test(gate_jobs, rejects_another_payload_under_a_known_id)
{
	RUN({"create c1 1.0 paris", "accepted c1 paris"},
	        {"create c1 1.0 tokyo payload=other", "rejected c1 job_id_conflict"},
	        {"staged 1.0 paris", "staged 1.0 paris; dp 1.0 paris staged; completed c1 paris:completed"},
	        {"create c1 1.0 tokyo payload=other", "rejected c1 job_id_conflict"});
}

Test(gate_jobs, forgets_rejected_ids)
{
	RUN({"create c1 1.0 atlantis refused", "rejected c1 unknown_distribution_point"},
	        {"create c1 1.0 paris payload=other", "accepted c1 paris"});
}

Test(gate_jobs, remembers_a_bounded_number_of_ended_jobs)
{
	struct gate_world world;
	char line[60];

	gate_world_init(&world);
	gate_world_step(&world, "create c1 1.0 paris");
	gate_world_step(&world, "staged 1.0 paris");
	for (int i = 0; i < 256; i++) {
		snprintf(line, sizeof(line), "update u%d 1.0", i);
		gate_world_step(&world, line);
	}
	cr_assert_eq(world.state->ended.count, 256);
	cr_assert_eq(map_count(world.rows), 256 + 3, "v, d, p and the jobs");
	cr_assert_null(gate_job_find(world.state, "c1"));
	cr_assert_str_eq(gate_world_step(&world, "update u0 1.0"), "duplicate u0");
	cr_assert_str_eq(gate_world_step(&world, "create c1 1.0 paris"),
	        "accepted c1 paris; completed c1 paris:completed");
	gate_world_release(&world);
}

Test(gate_jobs, rejects_other_content_for_a_known_version)
{
	RUN({"create c1 1.0 paris", "accepted c1 paris"},
	        {"create c2 1.0 paris content=B", "rejected c2 content_differs"},
	        {"both b1 1.0 paris content=B", "rejected b1 content_differs"},
	        {"create c3 2.0 paris content=B", "accepted c3 paris"});
}

Test(gate_jobs, extends_targets_by_the_same_content)
{
	RUN({"create c1 1.0 paris", "accepted c1 paris"},
	        {"staged 1.0 paris", "staged 1.0 paris; dp 1.0 paris staged; completed c1 paris:completed"},
	        {"create c2 1.0 paris,tokyo", "accepted c2 paris,tokyo"},
	        {"staged 1.0 tokyo", "staged 1.0 tokyo; dp 1.0 tokyo staged; completed c2 "
	                             "paris:completed,tokyo:completed"});
}

Test(gate_jobs, takes_the_newest_source_of_the_same_content)
{
	struct gate_world world;
	const struct gate_version *version;

	gate_world_init(&world);
	gate_world_step(&world, "create c1 1.0 paris");
	version = gate_version_find(world.state, "1.0");
	cr_assert_null(version->manifest_url);
	cr_assert_eq(version->source.offset, 1);
	gate_world_step(&world, "create c2 1.0 paris url");
	cr_assert_str_eq(version->manifest_url, "https://src.example/m.json");
	cr_assert_eq(version->source.offset, 2);
	gate_world_step(&world, "update u1 1.0");
	cr_assert_eq(version->source.offset, 2);
	gate_world_release(&world);
}

Test(gate_jobs, rejects_holds_beyond_the_limit_but_not_what_frees_them)
{
	struct gate_world world;

	gate_world_init(&world);
	world.limits.held_max = 2;
	gate_world_step(&world, "update u1 1.0");
	gate_world_step(&world, "update u2 1.0 paris");
	cr_assert_str_eq(gate_world_step(&world, "update u3 1.0"), "rejected u3 overloaded");
	cr_assert_str_eq(gate_world_step(&world, "both b1 1.0 paris"), "rejected b1 overloaded");
	cr_assert_str_eq(
	        gate_world_step(&world, "create c1 1.0 paris"), "accepted c1 paris; held u1 0/1 paris");
	gate_world_step(&world, "create c2 2.0 tokyo");
	gate_world_step(&world, "staged 2.0 tokyo");
	cr_assert_str_eq(gate_world_step(&world, "update u4 2.0"), "accepted u4 tokyo; release u4 2.0 tokyo",
	        "it need not be held");
	gate_world_release(&world);
}

Test(gate_jobs, rejects_holds_beyond_the_limit_of_the_shard)
{
	struct gate_world world;
	int64_t since;

	gate_world_init(&world);
	world.limits.held_shard_max = 10;
	world.held_elsewhere = 9;
	gate_world_step(&world, "skip 5000");
	cr_assert_eq(gate_held(world.state, &since), 0);
	cr_assert_eq(since, INT64_MAX);
	gate_world_step(&world, "update u1 1.0");
	int64_t accepted = world.now_ms;
	gate_world_step(&world, "skip 5000");
	cr_assert_str_eq(gate_world_step(&world, "update u2 1.0"), "rejected u2 overloaded");
	cr_assert_eq(gate_held(world.state, &since), 1);
	cr_assert_eq(since, accepted);
	gate_world_step(&world, "create c1 1.0 paris");
	gate_world_step(&world, "staged 1.0 paris");
	cr_assert_eq(gate_held(world.state, &since), 0);
	gate_world_release(&world);
}

Test(gate_jobs, bounds_creates_targets_and_versions)
{
	struct gate_world world;

	gate_world_init(&world);
	world.limits.creates_max = 2;
	world.limits.versions_max = 2;
	world.limits.stagings_max = 4;
	gate_world_step(&world, "create c1 1.0 a,b");
	gate_world_step(&world, "create c2 2.0 a");
	cr_assert_str_eq(gate_world_step(&world, "create c3 2.0 b"), "rejected c3 overloaded");
	gate_world_step(&world, "staged 1.0 a");
	gate_world_step(&world, "staged 1.0 b");
	cr_assert_str_eq(gate_world_step(&world, "create c4 3.0 a"), "rejected c4 too_many_versions");
	cr_assert_str_eq(gate_world_step(&world, "create c5 2.0 b,c"), "rejected c5 too_many_versions");
	cr_assert_str_eq(gate_world_step(&world, "create c6 2.0 b"), "accepted c6 b");
	gate_world_release(&world);
}

Test(gate_jobs, bounds_the_targets_of_a_version)
{
	struct gate_world world;
	char line[8000] = "create c1 1.0 p000";

	gate_world_init(&world);
	for (int i = 1; i < 1000; i++)
		snprintf(line + strlen(line), sizeof(line) - strlen(line), ",p%03d", i);
	cr_assert_neq(strstr(gate_world_step(&world, line), "accepted"), NULL);
	cr_assert_str_eq(gate_world_step(&world, "create c2 1.0 q"), "rejected c2 too_many_targets");
	cr_assert_str_eq(gate_world_step(&world, "create c3 1.0 p000"), "accepted c3 p000");
	gate_world_release(&world);
}

Test(gate_jobs, bounds_the_targets_of_all_held_updates)
{
	struct gate_world world;

	gate_world_init(&world);
	world.limits.held_targets_max = 4;
	gate_world_step(&world, "update u1 1.0 never");
	gate_world_step(&world, "update u2 2.0 a,b,c");
	cr_assert_str_eq(gate_world_step(&world, "update u3 2.0 a,b"), "rejected u3 overloaded");
	cr_assert_str_eq(
	        gate_world_step(&world, "create c1 1.0 a,b"), "accepted c1 a,b; failed u1 overloaded");
	gate_world_release(&world);
}

Test(gate_jobs, refuses_what_is_no_job_without_looking_at_its_id)
{
	static const struct error refusal = {
	        .status = STATUS_REJECT, .code = "unknown_field", .message = "gates: unknown field"};
	struct gate_request request = {.id = "c1", .version = "", .position = {3, 99}, .refusal = &refusal};
	struct gate_world world;

	gate_world_init(&world);
	gate_world_step(&world, "create c1 1.0 paris");
	gate_world_apply(&world, &(struct gate_event){.kind = GATE_JOB, .job = &request});
	cr_assert_str_eq(world.said.data, "rejected c1 unknown_field");
	gate_world_release(&world);
}

Test(gate_jobs, keeps_nothing_of_a_package_of_rejected_jobs)
{
	struct gate_world world;

	gate_world_init(&world);
	gate_world_step(&world, "create c1 1.0 atlantis refused");
	cr_assert(gate_state_is_empty(world.state));
	cr_assert_eq(map_count(world.rows), 0);
	gate_world_release(&world);
}
