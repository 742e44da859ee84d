#include "tests/sim/sim_worker.h"

#include "base/memory.h"
#include "engine/shard.h"
#include "stager/stager.h"
#include "tests/sim/marks.h"
#include "tests/sim/pair.h"
#include "tests/sim/sim_distribution.h"
#include "tests/sim/sim_group.h"
#include "tests/sim/sim_kafka.h"
#include "tests/sim/world.h"
#include "updater/updater.h"

#include <stdlib.h>
#include <string.h>

enum { REVOKE_MOST_MS = 3000, JANITOR_MS = 50, LEASE_MS = 5000 };

/* One shard in one process, with its thread. */
struct place {
	struct worker *worker;
	int32_t partition;
	struct shard *shard;
	struct kafka *kafka;
	struct fiber *fiber;
	bool told_to_end, hushed, quiet, returned; /* quiet: hushed, and it said that it is */
	struct place *next;
};

struct notice_kept {
	char *name;
	struct view bytes;
	struct notice_kept *next;
};

/* One life of a process. */
struct worker {
	int process;
	enum { WORKER_UP, WORKER_STOPPING, WORKER_CRASHED, WORKER_GONE } phase;
	const struct worker_spec *spec;
	void *shell;
	struct distribution *distribution;
	struct place *places; /* those that have not been freed yet */
	struct place *current[PARTITIONS];
	struct notice_kept *notices;
	bool given[PARTITIONS], awaiting_hush, janitor_comes;
	int64_t revoke_until;
	struct worker *next;
};

static struct worker *workers, *up[PROCESSES];
static const struct options *options_of[2];
static void (*strike)(void *process);
static bool (*refused)(bool updater, int32_t partition);
static void (*restart)(int process);

static bool is_updater(int process)
{
	return process >= PROCESSES / 2;
}

void workers_begin(const struct options *stager, const struct options *updater,
        void (*on_strike)(void *process), bool (*on_refused)(bool updater, int32_t partition),
        void (*on_end)(int process))
{
	workers = NULL;
	memset(up, 0, sizeof(up));
	options_of[0] = stager;
	options_of[1] = updater;
	strike = on_strike;
	refused = on_refused;
	restart = on_end;
	groups_begin();
}

void worker_strike(int process)
{
	static int numbers[PROCESSES];

	numbers[process] = process;
	world_after(0, strike, &numbers[process]);
}

bool worker_is_up(int process)
{
	return up[process] != NULL;
}

static void wake(void *context)
{
	struct worker *worker = context;

	for (struct place *place = worker->places; place; place = place->next)
		sim_kafka_poke(place->kafka);
}

static bool is_owner(void *context, int32_t partition)
{
	const struct worker *worker = context;
	const struct place *place = worker->current[partition];

	return place && sim_kafka_is_owner(place->kafka);
}

static const char *objection(void *context, int32_t partition, bool fenced)
{
	const struct worker *worker = context;
	const struct place *place = worker->current[partition];
	int64_t proven_ms = place ? sim_kafka_proven(place->kafka) : INT64_MIN;

	if (proven_ms == INT64_MIN)
		return "that it has not proven to own";
	if (!fenced && world_now() - proven_ms > LEASE_MS)
		return "on an old proof";
	return place->quiet ? "after it said that it would not" : NULL;
}

static bool is_still_given(void *context)
{
	const struct place *place = context;

	return place->worker->phase == WORKER_UP && group_confirms(place->worker->process, place->partition);
}

static void ends_refused(void *context)
{
	const struct worker *worker = context;

	if (up[worker->process] == worker)
		restart(worker->process);
}

/* A process ends where one of its shards must not go on; whoever runs it starts it again. */
static void note_refused(const struct place *place, const struct error *err)
{
	int process = place->worker->process;

	world_trace("process %d refuses partition %d: %s: %s", process, (int)place->partition, err->code,
	        err->message);
	if (!refused(is_updater(process), place->partition))
		world_violation("refused", "process %d refuses partition %d: %s: %s", process,
		        (int)place->partition, err->code, err->message);
	else if (up[process] == place->worker)
		world_after(0, ends_refused, place->worker);
}

static void run_place(void *context)
{
	struct place *place = context;
	struct error err;
	enum outcome outcome = shard_run(place->shard, &err);

	if (outcome == OUTCOME_REFUSED)
		note_refused(place, &err);
	else if (!place->told_to_end)
		world_violation("engine", "a shard ended that nobody told to");
	place->returned = true;
}

static void place_open(struct worker *worker, int32_t partition)
{
	struct place *place = memory_alloc(sizeof(*place));
	struct shard_limits limits = {.drain_ms = 500, .recent_states = 1};

	if (world_percent(30))
		limits.batch_records = 1 + world_random(5);
	if (world_percent(30))
		limits.pause_ms = world_between(1, 20);
	*place = (struct place){.worker = worker, .partition = partition, .next = worker->places};
	place->kafka =
	        sim_kafka_new(worker->process, is_updater(worker->process), partition, is_still_given, place);
	place->shard = shard_new(worker->spec, worker->shell, partition, place->kafka, &limits);
	sim_kafka_attach(place->kafka, shard_completions_fd(place->shard), shard_control_fd(place->shard));
	for (const struct notice_kept *notice = worker->notices; notice; notice = notice->next)
		shard_notice(place->shard, notice->name, notice->bytes);
	worker->places = worker->current[partition] = place;
	place->fiber = fiber_start(worker->process, run_place, place);
}

static void place_end(struct place *place)
{
	if (place->told_to_end)
		return;
	place->told_to_end = true;
	shard_end(place->shard);
	sim_kafka_end(place->kafka);
}

static void place_free(struct place *place)
{
	struct worker *worker = place->worker;
	struct place **at = &worker->places;

	while (*at != place)
		at = &(*at)->next;
	*at = place->next;
	if (worker->current[place->partition] == place)
		worker->current[place->partition] = NULL;
	fiber_free(place->fiber);
	shard_free(place->shard);
	sim_kafka_free(place->kafka);
	free(place);
}

/* ---- what a process does by itself: frees ended shards, starts those it waited for, closes at last ---- */

static void call_janitor(struct worker *worker);

static void free_ended(struct worker *worker)
{
	for (struct place *place = worker->places, *next; place; place = next) {
		next = place->next;
		if (fiber_ended(place->fiber) && shard_outstanding(place->shard) == 0)
			place_free(place);
	}
}

static void open_given(struct worker *worker)
{
	for (int32_t p = 0; p < PARTITIONS; p++) {
		struct place *place = worker->current[p];
		if (worker->given[p] && (!place || place->returned))
			place_open(worker, p);
	}
}

static void close_worker(struct worker *worker)
{
	worker->spec->close(worker->shell);
	while (worker->notices) {
		struct notice_kept *notice = worker->notices;
		worker->notices = notice->next;
		free(notice->name);
		free((char *)notice->bytes.data);
		free(notice);
	}
	worker->phase = WORKER_GONE;
}

static bool is_hushed(const struct worker *worker)
{
	for (const struct place *place = worker->places; place; place = place->next)
		if (!place->returned && !shard_is_hushed(place->shard))
			return false;
	return true;
}

static void await_hush(struct worker *worker)
{
	bool hushed = is_hushed(worker);

	if (!hushed && world_now() < worker->revoke_until)
		return;
	if (!hushed)
		mark(MARK_revoke_timed_out);
	for (struct place *place = worker->places; hushed && place; place = place->next)
		place->quiet = place->hushed;
	worker->awaiting_hush = false;
	group_joins(worker->process);
}

static bool has_work(const struct worker *worker)
{
	bool wants = worker->awaiting_hush || (worker->phase != WORKER_UP && worker->phase != WORKER_GONE);

	for (const struct place *place = worker->places; place; place = place->next)
		wants = wants || place->told_to_end;
	for (int p = 0; p < PARTITIONS; p++)
		wants = wants || (worker->phase == WORKER_UP && worker->given[p] && !worker->current[p]);
	return wants;
}

static void janitor(void *context)
{
	struct worker *worker = context;

	worker->janitor_comes = false;
	if (worker->phase != WORKER_CRASHED && world_is_stalled(worker->process)) {
		worker->janitor_comes = true;
		world_at(world_wakes_at(worker->process) + world_between(0, 20), janitor, worker);
		return;
	}
	free_ended(worker);
	if (worker->awaiting_hush)
		await_hush(worker);
	if (worker->phase == WORKER_UP)
		open_given(worker);
	else if (worker->phase != WORKER_GONE && !worker->places &&
	         sim_distribution_pending(worker->distribution) == 0)
		close_worker(worker);
	if (has_work(worker))
		call_janitor(worker);
}

static void call_janitor(struct worker *worker)
{
	if (worker->janitor_comes)
		return;
	worker->janitor_comes = true;
	world_after(world_between(1, JANITOR_MS), janitor, worker);
}

/* ---- what the group says ---- */

static void note_two_owners(const struct worker *worker)
{
	for (int process = 0; process < PROCESSES; process++)
		for (int p = 0; p < PARTITIONS; p++)
			if (process != worker->process && up[process] &&
			        is_updater(process) == is_updater(worker->process) && worker->given[p] &&
			        up[process]->given[p])
				mark(MARK_two_owners);
}

void worker_assigned(int process, const bool given[PARTITIONS])
{
	struct worker *worker = up[process];

	world_trace("process %d: given%s%s", process, given[0] ? " 0" : "", given[1] ? " 1" : "");
	for (int32_t p = 0; p < PARTITIONS; p++) {
		struct place *place = worker->current[p];
		worker->given[p] = given[p];
		if (!place || place->told_to_end)
			continue;
		if (!given[p]) {
			place_end(place);
		} else if (place->hushed) {
			mark(MARK_resumed_after_revoke);
			place->hushed = place->quiet = false;
			shard_resume(place->shard);
			sim_kafka_poke(place->kafka);
		}
	}
	note_two_owners(worker);
	open_given(worker);
	call_janitor(worker);
}

void worker_revoked(int process)
{
	struct worker *worker = up[process];

	world_trace("process %d: revoked", process);
	for (int32_t p = 0; p < PARTITIONS; p++) {
		struct place *place = worker->current[p];
		worker->given[p] = false;
		if (!place || place->told_to_end)
			continue;
		place->hushed = true;
		shard_hush(place->shard);
		sim_kafka_poke(place->kafka);
	}
	worker->awaiting_hush = true;
	worker->revoke_until = world_now() + REVOKE_MOST_MS;
	call_janitor(worker);
}

/* ---- lives ---- */

void worker_start(int process)
{
	struct worker *worker = memory_alloc(sizeof(*worker));
	bool updater = is_updater(process);
	struct error err;

	worker->process = process;
	worker->spec = pair_spec(updater);
	worker->next = workers;
	workers = up[process] = worker;
	sim_distribution_for(&(struct sim_owner){.process = process,
	        .is_owner = is_owner,
	        .wake = wake,
	        .objection = objection,
	        .context = worker});
	if (worker->spec->open(worker, options_of[updater], &worker->shell, &err) != STATUS_OK) {
		fprintf(stderr, "cannot open a %s: %s\n", worker->spec->role, err.message);
		abort();
	}
	worker->distribution = sim_distribution_last();
	world_trace("process %d: a %s starts", process, worker->spec->role);
	group_comes(process);
}

void worker_crash(int process)
{
	struct worker *worker = up[process];

	mark(MARK_crash);
	world_trace("process %d: crashes", process);
	up[process] = NULL;
	worker->phase = WORKER_CRASHED;
	world_stall(process, 0);
	sim_distribution_crash(worker->distribution);
	for (struct place *place = worker->places; place; place = place->next) {
		sim_kafka_crash(place->kafka);
		if (!place->returned)
			place_end(place);
	}
	group_loses(process, false);
	call_janitor(worker);
}

void worker_stop(int process)
{
	struct worker *worker = up[process];

	world_trace("process %d: stops as planned", process);
	up[process] = NULL;
	worker->phase = WORKER_STOPPING;
	for (struct place *place = worker->places; place; place = place->next)
		if (!place->returned)
			place_end(place);
	group_loses(process, true);
	call_janitor(worker);
}

bool workers_are_gone(void)
{
	for (const struct worker *worker = workers; worker; worker = worker->next)
		if (worker->phase != WORKER_GONE)
			return false;
	return true;
}

bool workers_are_settled(void)
{
	for (int process = 0; process < PROCESSES; process++)
		for (int p = 0; p < PARTITIONS; p++)
			if (!up[process] || up[process]->given[p] != group_confirms(process, p))
				return false;
	return true;
}

void workers_end(void)
{
	while (workers) {
		struct worker *worker = workers;
		workers = worker->next;
		free(worker);
	}
}

/* ---- the engine's own calls ---- */

void worker_notice(struct worker *worker, const char *name, struct view bytes)
{
	struct notice_kept **at = &worker->notices;

	while (*at && strcmp((*at)->name, name) != 0)
		at = &(*at)->next;
	if (!*at) {
		*at = memory_alloc(sizeof(**at));
		(*at)->name = memory_text(name);
	}
	free((char *)(*at)->bytes.data);
	(*at)->bytes = (struct view){memory_copy(bytes.data, bytes.len), bytes.len};
	for (struct place *place = worker->places; place; place = place->next) {
		if (place->told_to_end)
			continue;
		shard_notice(place->shard, name, bytes);
		sim_kafka_poke(place->kafka);
	}
}

void worker_tell(struct worker *worker, struct view key, struct view value)
{
	(void)worker, (void)key, (void)value;
}
