#include "tests/sim/sim_distribution.h"

#include "base/memory.h"
#include "distribution/catalogue.h"
#include "engine/route.h"
#include "tests/sim/checker.h"
#include "tests/sim/marks.h"
#include "tests/sim/points.h"
#include "tests/sim/sim_operation.h"
#include "tests/sim/sim_worker.h"

#include <stdlib.h>
#include <string.h>

enum { LEASE_MS = 5000, IN_FLIGHT_MS = 1000 };

struct distribution {
	struct sim_owner owner;
	struct catalogue *catalogue;
	struct op *ops;
	uint64_t last_number;
	size_t pending;
	bool crashed, closed;
	int64_t crashed_at;

	int64_t watch_ms;
	void (*seen)(const struct identity_seen *seen, void *context);
	void *seen_context;
	char known[POINTS][DP_ID_SIZE];

	struct distribution *next;
};

static struct distribution *distributions;
static struct sim_owner next_owner;

void sim_distribution_for(const struct sim_owner *owner)
{
	next_owner = *owner;
}

struct distribution *sim_distribution_last(void)
{
	return distributions;
}

void sim_distributions_begin(void)
{
	distributions = NULL;
}

size_t sim_distribution_pending(const struct distribution *distribution)
{
	return distribution->pending;
}

void sim_distributions_end(void)
{
	while (distributions) {
		struct distribution *distribution = distributions;
		distributions = distribution->next;
		for (struct op *op = distribution->ops, *next; op; op = next) {
			next = op->next;
			free(op);
		}
		catalogue_unref(distribution->catalogue);
		free(distribution);
	}
}

enum status distribution_open(const struct distribution_options *options, struct catalogue *catalogue,
        struct distribution **ret, struct error *err)
{
	struct distribution *distribution = memory_alloc(sizeof(*distribution));

	(void)options;
	(void)err;
	distribution->owner = next_owner;
	distribution->catalogue = catalogue;
	distribution->next = distributions;
	distributions = *ret = distribution;
	return STATUS_OK;
}

void distribution_reload(struct distribution *distribution, struct catalogue *catalogue)
{
	catalogue_unref(distribution->catalogue);
	distribution->catalogue = catalogue;
}

bool distribution_refuses_older_fences(struct distribution *distribution, const char *distribution_point)
{
	int point = name_index(point_names, POINTS, distribution_point);

	(void)distribution;
	return point >= 0 && point_at(point)->refuses_older;
}

enum status distribution_init_point(struct distribution *distribution, const char *name, bool replace,
        const char *replaced, char ret_dp_id[DP_ID_SIZE], struct error *err)
{
	(void)distribution, (void)name, (void)replace, (void)replaced, (void)ret_dp_id;
	return error_set(err, STATUS_FATAL, "not_simulated", "only operators do this");
}

/* ---- one operation ---- */

static void op_unlink(struct op *op)
{
	struct op **at = &op->distribution->ops;

	while (*at != op)
		at = &(*at)->next;
	*at = op->next;
	free(op);
}

static void answer(struct op *op)
{
	struct distribution *distribution = op->distribution;

	op->answered = true;
	distribution->pending--;
	if (op->kind == OP_TRANSFER)
		op->transfer_done(&op->transfer, op->context);
	else
		op->pointer_done(&op->pointer, op->context);
	distribution->owner.wake(distribution->owner.context);
}

static void schedule(struct op *op, int64_t delay_ms);

static void go_on(struct op *op)
{
	if (!op_step(op)) {
		schedule(op, world_between(1, op->slow ? 15000 : 300));
		return;
	}
	op->phase = OP_ANSWERS;
	schedule(op, world_between(1, op->slow ? 40000 : 100));
}

/* A process that is stalled does nothing, but what it had sent arrives. */
static bool is_held_up(struct op *op)
{
	const struct distribution *distribution = op->distribution;

	if (distribution->crashed || !world_is_stalled(distribution->owner.process) ||
	        (op->in_flight && op->phase != OP_ANSWERS))
		return false;
	if (!op->held_since)
		op->held_since = world_now();
	schedule(op, world_wakes_at(distribution->owner.process) - world_now() + world_between(0, 50));
	return true;
}

static bool is_dead(const struct op *op)
{
	const struct distribution *distribution = op->distribution;

	return distribution->crashed &&
	       (!op->in_flight || world_now() - distribution->crashed_at > IN_FLIGHT_MS);
}

/* Where no fence protects the point, the process itself does: it sends nothing after a gap in its clock. */
static bool is_late(const struct op *op)
{
	return op->kind == OP_SWITCH && op->point >= 0 && !point_at(op->point)->refuses_older &&
	       op->held_since && world_now() - op->held_since > LEASE_MS;
}

static void op_event(void *context)
{
	struct op *op = context;

	op->events--;
	if (op->answered) {
		if (op->events == 0)
			op_unlink(op);
		return;
	}
	if (is_held_up(op))
		return;
	if (op->phase == OP_ANSWERS) {
		answer(op);
		if (op->events == 0)
			op_unlink(op);
		return;
	}
	if (is_dead(op) || is_late(op) || (op->canceled && world_percent(80))) {
		op_cancel(op);
		op->phase = OP_ANSWERS;
		schedule(op, world_between(0, 20));
		return;
	}
	go_on(op);
}

static void schedule(struct op *op, int64_t delay_ms)
{
	op->events++;
	world_after(delay_ms, op_event, op);
}

static void check_alone(const struct op *op)
{
	for (const struct distribution *other = distributions; other; other = other->next)
		for (const struct op *twin = other->ops; twin; twin = twin->next) {
			if (twin == op || twin->answered || twin->package != op->package ||
			        twin->point != op->point)
				continue;
			if (op->kind == OP_TRANSFER && twin->kind == OP_TRANSFER &&
			        twin->version == op->version)
				mark(MARK_transfer_by_two);
			if (op->kind != OP_TRANSFER && twin->kind != OP_TRANSFER &&
			        twin->distribution == op->distribution && !twin->canceled)
				world_violation("one_switch",
				        "process %d has two switches of %s on %s under way",
				        other->owner.process, package_names[op->package],
				        point_names[op->point]);
		}
}

static void check_reasons(const struct op *op)
{
	const struct sim_owner *owner = &op->distribution->owner;
	bool fenced = op->kind != OP_TRANSFER && op->point >= 0 && point_at(op->point)->refuses_older;
	const char *objection =
	        op->distribution->crashed ? NULL : owner->objection(owner->context, op->partition, fenced);

	if (objection)
		world_violation("start", "process %d starts work of partition %d %s", owner->process,
		        (int)op->partition, objection);
	if (op->kind == OP_TRANSFER && op->point >= 0)
		checker_transfer_begins(op->point, op->package, op->version);
}

static struct op *submit(struct distribution *distribution, enum op_kind kind, const char *package,
        const char *version, const char *point)
{
	struct op *op = memory_alloc(sizeof(*op));

	op->kind = kind;
	op->distribution = distribution;
	op->owner = &distribution->owner;
	op->number = ++distribution->last_number;
	op->package = name_index(package_names, PACKAGES, package);
	op->version = op->wanted.version = name_index(version_names, VERSIONS, version);
	op->point =
	        catalogue_find(distribution->catalogue, point) ? name_index(point_names, POINTS, point) : -1;
	op->partition = route_partition(view_text(package), PARTITIONS);
	op->crashed = distribution->crashed;
	op->in_flight = world_percent(50);
	op->next = distribution->ops;
	distribution->ops = op;
	distribution->pending++;
	if (op->package < 0 || op->version < 0)
		world_violation("effects", "an effect for %s %s, which nobody asked for", package, version);
	check_alone(op);
	check_reasons(op);
	world_trace("process %d: %s of %s %s on %s begins", distribution->owner.process,
	        kind == OP_TRANSFER ? "transfer"
	        : kind == OP_SWITCH ? "switch"
	                            : "look",
	        package, version, point);
	unsigned strikes = world_chance()->strike_in_operation * (kind == OP_SWITCH ? 3 : 1);
	bool struck = !distribution->crashed && world_thousandth(strikes);
	op->slow = world_percent(struck ? 70 : world_chance()->slow_operation);
	if (struck)
		worker_strike(distribution->owner.process);
	schedule(op, op->slow              ? world_between(1000, 20000)
	             : kind == OP_TRANSFER ? world_between(1, 2000)
	                                   : world_between(1, 200));
	return op;
}

uint64_t transfer_submit(struct distribution *distribution, const struct transfer_spec *spec)
{
	struct op *op =
	        submit(distribution, OP_TRANSFER, spec->package_id, spec->version, spec->distribution_point);

	bool differs = spec->manifest && strcmp(spec->manifest->digest, spec->manifest_digest) != 0;
	op->unfit = differs                                  ? "manifest_digest"
	            : !spec->manifest && !spec->manifest_url ? "manifest_lost"
	                                                     : NULL;
	if (differs && !checker_log_was_lost())
		world_violation("effects", "a transfer of %s %s with another manifest than its digest's",
		        spec->package_id, spec->version);
	snprintf(op->dp_id, sizeof(op->dp_id), "%s", spec->expected_dp_id ? spec->expected_dp_id : "");
	snprintf(op->wanted.digest, sizeof(op->wanted.digest), "%s", spec->manifest_digest);
	op->transfer_done = spec->done;
	op->context = spec->context;
	return op->number;
}

uint64_t pointer_submit(struct distribution *distribution, const struct pointer_spec *spec)
{
	struct op *op = submit(distribution, spec->wish == POINTER_READ ? OP_READ : OP_SWITCH,
	        spec->package_id, spec->version, spec->distribution_point);
	struct sim_pointer *wanted = &op->wanted;

	snprintf(op->dp_id, sizeof(op->dp_id), "%s", spec->dp_id);
	wanted->set = true;
	snprintf(wanted->digest, sizeof(wanted->digest), "%s", spec->digest);
	snprintf(wanted->release_id, sizeof(wanted->release_id), "%s", spec->release_id);
	snprintf(wanted->log_id, sizeof(wanted->log_id), "%s", spec->log_id);
	wanted->partition = spec->partition;
	wanted->fence = spec->fence;
	op->pointer_done = spec->done;
	op->context = spec->context;
	return op->number;
}

void distribution_cancel(struct distribution *distribution, uint64_t submission)
{
	for (struct op *op = distribution->ops; op; op = op->next)
		if (op->number == submission && !op->answered && !op->canceled) {
			op->canceled = true;
			if (op->phase != OP_ANSWERS)
				schedule(op, world_between(0, 30));
		}
}

void sim_distribution_crash(struct distribution *distribution)
{
	distribution->crashed = true;
	distribution->crashed_at = world_now();
	for (struct op *op = distribution->ops; op; op = op->next)
		op->crashed = true;
}

void distribution_close(struct distribution *distribution)
{
	if (!distribution)
		return;
	distribution->closed = true;
	for (struct op *op = distribution->ops; op; op = op->next)
		if (!op->answered) {
			if (op->phase != OP_ANSWERS)
				op_cancel(op);
			answer(op);
		}
}

/* ---- who the points are ---- */

static void look_at_point(struct distribution *distribution, int index)
{
	const struct sim_point *point = point_at(index);
	const char *replaces[IDENTITIES_MAX];

	if (point->unreachable_until > world_now() || !point->dp_id[0] ||
	        strcmp(point->dp_id, distribution->known[index]) == 0)
		return;
	memcpy(distribution->known[index], point->dp_id, DP_ID_SIZE);
	for (size_t i = 0; i < point->replaces_count; i++)
		replaces[i] = point->replaces[i];
	distribution->seen(&(struct identity_seen){.distribution_point = point_names[index],
	                           .dp_id = point->dp_id,
	                           .replaces = replaces,
	                           .replaces_count = point->replaces_count},
	        distribution->seen_context);
	distribution->owner.wake(distribution->owner.context);
}

static void watch_event(void *context)
{
	struct distribution *distribution = context;
	int process = distribution->owner.process;

	if (distribution->closed || distribution->crashed)
		return;
	if (world_is_stalled(process)) {
		world_at(world_wakes_at(process) + world_between(0, 50), watch_event, distribution);
		return;
	}
	for (int i = 0; i < POINTS; i++)
		look_at_point(distribution, i);
	world_after(distribution->watch_ms, watch_event, distribution);
}

void distribution_watch(struct distribution *distribution, int64_t interval_ms,
        void (*seen)(const struct identity_seen *seen, void *context), void *context)
{
	distribution->watch_ms = interval_ms;
	distribution->seen = seen;
	distribution->seen_context = context;
	world_after(world_between(0, 500), watch_event, distribution);
}
