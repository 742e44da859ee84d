#include "updater/switch_codec.h"
#include "world.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

/* Random lives of one package. Whatever comes, doubled, forged, late or while a switch is under way:
 *  - rows rebuild the state (world_apply asserts it after every event);
 *  - no updated without its staged and its release before it;
 *  - what is desired and what is told as current never go back;
 *  - each job ends at most once, and once all its targets were answered, exactly once;
 *  - in the end, when distribution points answer, what is current is the newest release. */
enum { SEEDS = 400, STEPS = 120, POINTS = 4, VERSIONS = 3, JOBS = 60 };

struct life {
	struct world world;
	uint64_t random;
	unsigned seed;
	int64_t staged_at[VERSIONS][POINTS]; /* offset of the newest; -1: never */
	int disk[VERSIONS][POINTS];
	int64_t desired[POINTS], current[POINTS]; /* release offsets; -1: none */
	struct {
		unsigned targets, heard, ended;
		bool told[POINTS];
		unsigned target[POINTS];
		int version;
	} jobs[JOBS + POINTS];
	int job_count;
};

static unsigned draw(struct life *life, unsigned below)
{
	life->random = life->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(life->random >> 33) % below;
}

static void hear(const struct switch_fact *fact, void *context)
{
	struct life *life = context;
	int dp, version, job;

	if (fact->kind == FACT_UPDATED) {
		const struct updated_record *updated = fact->updated;

		cr_assert_eq(sscanf(updated->distribution_point, "dp%d", &dp), 1);
		cr_assert_eq(sscanf(updated->version, "%d", &version), 1);
		cr_assert_lt(updated->staged_position.offset, life->world.offset, "seed %u", life->seed);
		cr_assert(life->staged_at[version][dp] >= 0, "seed %u: updated to what was never staged",
		        life->seed);
		cr_assert_geq(updated->release_position.offset, life->current[dp], "seed %u: went back",
		        life->seed);
		life->current[dp] = updated->release_position.offset;
	} else if (fact->kind == FACT_JOB_STATUS) {
		cr_assert_eq(sscanf(fact->job_status->job_id, "u%d", &job), 1);
		cr_assert_eq(++life->jobs[job].ended, 1, "seed %u: u%d ended twice", life->seed, job);
		cr_assert_eq(fact->job_status->outcome_count, life->jobs[job].targets);
	}
}

static void check_tasks(struct life *life)
{
	struct switch_task task;
	size_t cursor = 0;
	bool seen[POINTS] = {0};
	int dp, version;

	while (switch_next_task(life->world.state, &cursor, &task)) {
		cr_assert_eq(sscanf(task.distribution_point, "dp%d", &dp), 1);
		cr_assert_eq(sscanf(task.version, "%d", &version), 1);
		cr_assert_not(seen[dp], "seed %u: two attempts at one distribution point", life->seed);
		seen[dp] = true;
		cr_assert_geq(
		        task.release_offset, life->desired[dp], "seed %u: desired went back", life->seed);
		life->desired[dp] = task.release_offset;
		cr_assert_eq(task.staged_offset, life->staged_at[version][dp], "seed %u: stale evidence",
		        life->seed);
	}
}

static void run(struct life *life, const char *step)
{
	world_run(&life->world, step);
	check_tasks(life);
}

static void stage(struct life *life)
{
	int version = (int)draw(life, VERSIONS), dp = (int)draw(life, POINTS);
	char step[100];

	if (life->staged_at[version][dp] >= 0)
		life->disk[version][dp]++;
	life->staged_at[version][dp] = life->world.offset;
	snprintf(step, sizeof(step), "staged %d dp%d disk%d", version, dp, life->disk[version][dp]);
	run(life, step);
}

static void submit(struct life *life)
{
	if (life->job_count == JOBS)
		return;
	int job = life->job_count++;
	unsigned targets = 1 + draw(life, POINTS);

	life->jobs[job].version = (int)draw(life, VERSIONS);
	life->jobs[job].targets = targets;
	for (unsigned i = 0; i < targets; i++)
		life->jobs[job].target[i] = i;
}

/* Tells a job of one more of its targets, or once more of one that it knows. */
static void tell(struct life *life, int job)
{
	static const char *const reasons[] = {"expired", "superseded", "failed", "canceled"};
	unsigned dp = draw(life, life->jobs[job].targets);
	int version = life->jobs[job].version;
	char step[200];

	life->jobs[job].told[dp] = true;
	if (life->staged_at[version][dp] >= 0 && draw(life, 4))
		snprintf(step, sizeof(step), "release %d dp%u disk%d u%d %d %u %lld", version, dp,
		        life->disk[version][dp] - (draw(life, 10) == 0), job, 1000 + job,
		        life->jobs[job].targets, (long long)life->world.now_ms + draw(life, 100000));
	else
		snprintf(step, sizeof(step), "withheld %d dp%u u%d %d %u %s", version, dp, job, 1000 + job,
		        life->jobs[job].targets, reasons[draw(life, 4)]);
	run(life, step);
}

static bool answer_one(struct life *life, const char *how)
{
	struct switch_task task;
	size_t cursor = 0, pick = draw(life, POINTS), count = 0;
	char step[100], dp[20] = "";

	while (switch_next_task(life->world.state, &cursor, &task))
		if (count++ == 0 || count == pick)
			snprintf(dp, sizeof(dp), "%s", task.distribution_point);
	if (!count)
		return false;
	snprintf(step, sizeof(step), "answer %s %s", dp, how);
	run(life, step);
	return true;
}

static void wake(struct life *life)
{
	int64_t at = switch_wake_at(life->world.state);

	if (at == INT64_MAX)
		return;
	if (at > life->world.now_ms)
		life->world.now_ms = at;
	run(life, "tick");
}

static void one_step(struct life *life)
{
	static const char *const answers[] = {"wanted", "wanted", "newer", "other", "unknown dp_unreachable",
	        "unknown dp_unknown", "ambiguous dp_timeout", "unknown canceled"};

	switch (draw(life, 12)) {
	case 0:
	case 1:
		stage(life);
		break;
	case 2:
	case 3:
		submit(life);
		break;
	case 4:
	case 5:
	case 6:
		if (life->job_count)
			tell(life, (int)draw(life, (unsigned)life->job_count));
		break;
	case 7:
		wake(life);
		break;
	case 8:
		run(life, draw(life, 2) ? "restart" : "catalogue");
		break;
	default:
		answer_one(life, answers[draw(life, sizeof(answers) / sizeof(*answers))]);
		life->world.now_ms += draw(life, 3000);
	}
}

/* Faults stop: every job hears of each target, every attempt succeeds. */
static void heal(struct life *life)
{
	for (int job = 0; job < life->job_count; job++) {
		for (unsigned tries = 0; tries < 200 && !life->jobs[job].ended; tries++) {
			tell(life, job);
			wake(life);
			while (answer_one(life, "wanted"))
				;
		}
		cr_assert_eq(life->jobs[job].ended, 1, "seed %u: u%d never ended", life->seed, job);
	}
	for (int turns = 0; turns < 100 && switch_wake_at(life->world.state) != INT64_MAX; turns++) {
		wake(life);
		while (answer_one(life, "wanted"))
			;
	}
	cr_assert_eq(switch_wake_at(life->world.state), INT64_MAX, "seed %u: never rests", life->seed);
}

/* Whatever went before, a new update gets through. */
static void update_at_last(struct life *life, int dp)
{
	int job = life->job_count++;
	int64_t offset = life->world.offset;
	char step[200];

	life->jobs[job].targets = 1;
	if (life->staged_at[0][dp] < 0)
		return;
	snprintf(step, sizeof(step), "release 0 dp%d disk%d u%d %d 1 %lld\nanswer dp%d wanted", dp,
	        life->disk[0][dp], job, 1000 + job, (long long)life->world.now_ms + 1, dp);
	run(life, step);
	cr_assert_eq(life->current[dp], offset, "seed %u", life->seed);
	cr_assert_eq(life->jobs[job].ended, 1, "seed %u", life->seed);
}

static void live(unsigned seed)
{
	struct life life = {.seed = seed, .random = seed * UINT64_C(2654435761) + 1};

	for (int version = 0; version < VERSIONS; version++)
		for (int dp = 0; dp < POINTS; dp++)
			life.staged_at[version][dp] = -1;
	for (int dp = 0; dp < POINTS; dp++)
		life.desired[dp] = life.current[dp] = -1;
	world_init(&life.world);
	life.world.heard = hear;
	life.world.context = &life;
	for (int step = 0; step < STEPS; step++) {
		buffer_clear(&life.world.said);
		one_step(&life);
	}
	heal(&life);
	for (int dp = 0; dp < POINTS; dp++)
		update_at_last(&life, dp);
	world_release(&life.world);
}

Test(switch_apply, keeps_its_promises_in_random_lives, .timeout = 100)
{
	for (unsigned seed = 1; seed <= SEEDS; seed++)
		live(seed);
}
