#include "tests/sim/seed.h"

#include "base/memory.h"
#include "tests/sim/checker.h"
#include "tests/sim/logs.h"
#include "tests/sim/lost_log.h"
#include "tests/sim/marks.h"
#include "tests/sim/pair.h"
#include "tests/sim/sim_distribution.h"
#include "tests/sim/sim_group.h"
#include "tests/sim/sim_kafka.h"
#include "tests/sim/sim_worker.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MINUTE = 60000 };

/* What happens to the processes and the distribution points, by weight; drawn once a seed. */
enum fault { CRASH, STOP, STALL, REBALANCE, UNREACHABLE, REPLACE, FAULTS };

static struct story {
	unsigned weights[FAULTS];
	int64_t pace_ms, healed_ms;
	bool far_deadlines, healed, ends;
	int dead_point; /* its fault is never mended; -1: none */
} story;

static struct options *options_of[2];

/* ---- what a history may be told to do without ---- */

/* clang-format off */
#define TROUBLES(trouble) \
	trouble(commit_abort) trouble(commit_answer_lost) trouble(claim_answer_lost) trouble(transfer_retry) \
	trouble(transfer_reject) trouble(transfer_answer_lost) trouble(truncation) trouble(short_seal) \
	trouble(pointer_unknown) \
	trouble(pointer_answer_lost) trouble(pointer_locked) trouble(slow_operation) trouble(late_group) \
	trouble(compaction) trouble(strike_in_call) trouble(strike_in_operation) trouble(crash) \
	trouble(stop) trouble(stall) trouble(rebalance) trouble(unreachable) trouble(replace) \
	trouble(lost_log) trouble(misrouted) trouble(bad) trouble(duplicates) trouble(conflicts) trouble(forged)
/* clang-format on */

enum trouble {
#define TROUBLE_NUMBER(name) WITHOUT_##name,
	TROUBLES(TROUBLE_NUMBER)
#undef TROUBLE_NUMBER
};

static struct seed_limits limits;

const char *seed_trouble_name(int number)
{
	static const char *const names[] = {
#define TROUBLE_TEXT(name) #name,
	        TROUBLES(TROUBLE_TEXT)
#undef TROUBLE_TEXT
	};

	return (size_t)number < sizeof(names) / sizeof(*names) ? names[number] : NULL;
}

void seed_limit(const struct seed_limits *wanted)
{
	limits = *wanted;
}

/* Drawn first, so that the rest of the draws stays what it was. */
static unsigned unless(enum trouble trouble, unsigned drawn)
{
	return limits.without >> trouble & 1 ? 0 : drawn;
}

/* ---- once per program ---- */

static struct options *parse(bool updater, char *path)
{
	static struct command_spec commands[2];
	char *argv[] = {"holdpoint-sim", "--distribution-points", path, NULL};
	struct options *options = NULL;
	struct error err;
	bool printed;

	commands[updater] = (struct command_spec){
	        .name = pair_spec(updater)->role, .options = pair_spec(updater)->options};
	if (options_parse(&commands[updater], 3, argv, &options, &printed, &err) != STATUS_OK) {
		fprintf(stderr, "options: %s\n", err.message);
		abort();
	}
	return options;
}

void seed_prepare(void)
{
	char path[64];
	int fd = memfd_create("catalogue", 0);
	size_t len = strlen(workload_catalogue);

	if (fd < 0 || write(fd, workload_catalogue, len) != (ssize_t)len)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	pair_begin();
	options_of[0] = parse(false, path);
	options_of[1] = parse(true, path);
}

/* ---- what goes wrong ---- */

static int *number(int value)
{
	static int numbers[PROCESSES > POINTS ? PROCESSES : POINTS] = {0, 1, 2, 3};

	return &numbers[value];
}

static void start_again(void *context)
{
	int process = *(int *)context;

	if (!worker_is_up(process) && !story.ends)
		worker_start(process);
}

static void wakes_up(void *context)
{
	int process = *(int *)context;

	if (!world_is_stalled(process))
		worker_was_stalled(process);
}

static void stall(int process)
{
	int64_t ms = world_percent(50) ? world_between(10, 5000) : world_between(6000, 25000);

	if (world_is_stalled(process))
		return;
	mark(MARK_stall);
	world_trace("process %d: stalls for %lld ms", process, (long long)ms);
	world_stall(process, world_now() + ms);
	if (ms < 6000)
		return;
	mark(MARK_stall_beyond_session);
	group_loses(process, false);
	world_after(ms + 1, wakes_up, number(process));
}

static void crash(int process)
{
	worker_crash(process);
	world_after(world_between(100, 12000), start_again, number(process));
}

static void restart(int process)
{
	worker_stop(process);
	world_after(world_between(100, 12000), start_again, number(process));
}

static void strike(void *context)
{
	int process = *(int *)context;

	if (!worker_is_up(process))
		return;
	if (world_percent(30))
		crash(process);
	else
		stall(process);
}

static void confirm(void *context)
{
	point_confirm(*(int *)context);
}

static void happen(enum fault fault)
{
	int process = (int)world_random(PROCESSES), point = (int)world_random(POINTS);

	switch (fault) {
	case CRASH:
		if (worker_is_up(process))
			crash(process);
		break;
	case STOP:
		if (!worker_is_up(process) || world_is_stalled(process))
			return;
		mark(MARK_planned_restart);
		restart(process);
		break;
	case STALL:
		if (worker_is_up(process))
			stall(process);
		break;
	case REBALANCE:
		group_rebalance(world_percent(50));
		break;
	case UNREACHABLE:
		if (point_at(point)->unreachable_until < world_now())
			point_at(point)->unreachable_until = world_now() + world_between(500, 30000);
		break;
	default:
		point_replace(point);
		world_after(world_between(500, 20000), confirm, number(point));
	}
}

static void chaos(void *context)
{
	uint64_t sum = 0;

	(void)context;
	if (story.healed)
		return;
	for (int i = 0; i < FAULTS; i++)
		sum += story.weights[i];
	if (sum) {
		uint64_t chosen = world_random(sum);
		int fault = 0;
		while (chosen >= story.weights[fault])
			chosen -= story.weights[fault++];
		happen((enum fault)fault);
	}
	world_after(world_between(1, story.pace_ms), chaos, NULL);
}

static void dies(void *context)
{
	(void)context;
	mark(MARK_point_dead);
	point_at(story.dead_point)->unreachable_until = INT64_MAX;
}

static void heal(void *context)
{
	(void)context;
	world_trace("all is healed");
	story.healed = true;
	story.healed_ms = world_now();
	lost_log_end();
	memset(world_chance(), 0, sizeof(*world_chance()));
	world_wake_all();
	for (int i = 0; i < POINTS; i++) {
		point_at(i)->unreachable_until = i == story.dead_point ? INT64_MAX : 0;
		point_confirm(i);
	}
	for (int process = 0; process < PROCESSES; process++)
		world_after(world_between(0, 1000), start_again, number(process));
	group_rebalance(false);
	group_rebalance(true);
	if (story.far_deadlines && !lost_log_is_wanted())
		workload_sweep();
}

/* Each kind of fault is in half of the seeds, so that some have only a few of them and much of those. */
static unsigned some(unsigned most)
{
	return world_percent(50) ? 1 + (unsigned)world_random(most) : 0;
}

static void draw_chance(void)
{
	struct chance *chance = world_chance();

	*chance = (struct chance){
	        .commit_abort = unless(WITHOUT_commit_abort, some(15)),
	        .commit_answer_lost = unless(WITHOUT_commit_answer_lost, some(10)),
	        .claim_answer_lost = unless(WITHOUT_claim_answer_lost, some(20)),
	        .transfer_retry = unless(WITHOUT_transfer_retry, some(40)),
	        .transfer_reject = story.far_deadlines ? 0 : unless(WITHOUT_transfer_reject, some(100)),
	        .transfer_answer_lost = unless(WITHOUT_transfer_answer_lost, some(30)),
	        .truncation = unless(WITHOUT_truncation, some(40)),
	        .short_seal = unless(WITHOUT_short_seal, some(30)),
	        .pointer_unknown = unless(WITHOUT_pointer_unknown, some(30)),
	        .pointer_answer_lost = unless(WITHOUT_pointer_answer_lost, some(30)),
	        .pointer_locked = unless(WITHOUT_pointer_locked, some(30)),
	        .slow_operation = unless(WITHOUT_slow_operation, some(20)),
	        .late_group = unless(WITHOUT_late_group, some(60)),
	        .compaction = unless(WITHOUT_compaction, some(60)),
	        .strike_in_call = unless(WITHOUT_strike_in_call, some(4)),
	        .strike_in_operation = unless(WITHOUT_strike_in_operation, some(100)),
	};
	for (int i = 0; i < FAULTS; i++)
		story.weights[i] = unless(WITHOUT_crash + (unsigned)i, some(10));
}

static void begin_logs(void)
{
	logs_begin();
	for (int32_t p = 0; p < PARTITIONS; p++) {
		char log_id[40];
		snprintf(log_id, sizeof(log_id), "log-%llx", (unsigned long long)world_random(UINT32_MAX));
		log_append(LOG_STAGER_STATE, p, -1, view_text("@genesis"), view_text(log_id));
		log_append(LOG_UPDATER_STATE, p, -1, view_text("@genesis"), view_text(log_id));
	}
}

static void begin(void)
{
	struct workload_plan plan = {.packages = world_percent(50) ? 1 : 1 + (int)world_random(PACKAGES),
	        .versions = 1 + (int)world_random(VERSIONS),
	        .jobs = (int)world_between(3, 40),
	        .updates = (unsigned)world_between(40, 90),
	        .window_ms = world_between(100, 60000),
	        .misrouted = unless(WITHOUT_misrouted, some(30)),
	        .bad = unless(WITHOUT_bad, some(25)),
	        .duplicates = unless(WITHOUT_duplicates, some(25)),
	        .conflicts = unless(WITHOUT_conflicts, some(15)),
	        .forged = unless(WITHOUT_forged, some(10))};

	if (limits.most_jobs && plan.jobs > limits.most_jobs)
		plan.jobs = limits.most_jobs;
	story = (struct story){.far_deadlines = world_percent(50), .pace_ms = world_between(300, 10000)};
	story.dead_point = !story.far_deadlines && world_percent(20) ? (int)world_random(POINTS) : -1;
	plan.far_deadlines = story.far_deadlines;
	draw_chance();
	begin_logs();
	sim_kafka_begin();
	points_begin();
	sim_distributions_begin();
	checker_begin(story.far_deadlines, story.dead_point);
	lost_log_begin(world_percent(unless(WITHOUT_lost_log, 4)));
	if (lost_log_is_wanted())
		plan.misrouted = 0; /* where a marker of a transaction took the place of the record that is
		                       compared, nothing is told: docs/reasons.md */
	workers_begin(options_of[0], options_of[1], strike, lost_log_explains, restart);
	workload_begin(&plan);
	for (int process = 0; process < PROCESSES; process++)
		world_after(world_between(0, 2000), start_again, number(process));
	if (story.dead_point >= 0)
		world_after(world_between(0, plan.window_ms), dies, NULL);
	world_after(world_between(0, 5000), chaos, NULL);
	world_after(plan.window_ms + world_between(100, 30000), heal, NULL);
}

static void end(void)
{
	workload_end();
	sim_distributions_end();
	workers_end();
	groups_end();
	logs_end();
	world_end();
}

/* ---- the phases ---- */

static bool is_settled(void)
{
	return story.healed && checker_is_settled(NULL) && workers_are_settled();
}

static bool never(void)
{
	return false;
}

static bool is_good(void)
{
	const char *words;

	return world_verdict(&words) == VERDICT_GOOD;
}

static void settle(int64_t most_ms)
{
	const char *words;

	if (world_run(is_settled, world_now() + most_ms) || !is_good())
		return;
	if (checker_is_settled(&words))
		words = "the partitions have no settled owners";
	world_stuck("I3", "healed, and %lld minutes later: %s", (long long)(most_ms / MINUTE), words);
}

/* What was settled stays so, and says nothing more. */
static void rest(void)
{
	world_run(never, world_now() + 2 * MINUTE);
	if (is_good() && !is_settled())
		settle(MINUTE);
	if (is_good())
		checker_judge();
}

static void restart_all(void)
{
	world_trace("all are started anew");
	for (int process = 0; process < PROCESSES; process++) {
		(world_percent(50) ? worker_stop : worker_crash)(process);
		world_after(world_between(100, 10000), start_again, number(process));
	}
}

static void stop_all(void)
{
	world_trace("all are stopped");
	story.ends = true;
	for (int process = 0; process < PROCESSES; process++)
		if (worker_is_up(process))
			worker_stop(process);
	if (!world_run(workers_are_gone, world_now() + MINUTE) && is_good())
		world_stuck("end", "a minute after all were told to end, some have not");
}

static bool is_healed(void)
{
	return story.healed;
}

/* Nothing comes to its end then: who cannot know what was sent must not go on. */
static void outlast_lost_log(void)
{
	world_run(is_healed, INT64_MAX);
	world_run(never, story.healed_ms + 4 * MINUTE);
	if (is_good())
		lost_log_judge(story.healed_ms + 2 * MINUTE);
}

static void come_to_rest(void)
{
	settle(60 * MINUTE);
	if (is_good())
		rest();
	if (is_good() && world_percent(25)) {
		restart_all();
		settle(5 * MINUTE);
		if (is_good())
			rest();
	}
}

static void run(void)
{
	if (lost_log_is_wanted())
		outlast_lost_log();
	else
		come_to_rest();
	if (is_good())
		stop_all();
}

void seed_run(uint64_t seed, bool trace, struct seed_result *ret)
{
	const char *words;

	world_begin(seed, trace);
	begin();
	run();
	ret->verdict = world_verdict(&words);
	snprintf(ret->words, sizeof(ret->words), "%s", words);
	ret->hash = world_hash();
	ret->steps = world_steps();
	if (ret->verdict == VERDICT_GOOD)
		end();
}
