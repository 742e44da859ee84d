#include "tests/sim/sim_distribution.h"

#include "base/memory.h"
#include "distribution/catalogue.h"
#include "engine/route.h"
#include "tests/sim/checker.h"
#include "tests/sim/marks.h"
#include "tests/sim/points.h"
#include "tests/sim/sim_worker.h"

#include <stdlib.h>
#include <string.h>

enum { LEASE_MS = 5000, IN_FLIGHT_MS = 1000 };

enum op_kind { OP_TRANSFER, OP_SWITCH, OP_READ };
enum op_phase { OP_LOOKS, OP_ACTS, OP_ANSWERS };

struct op {
	enum op_kind kind;
	enum op_phase phase;
	struct distribution *distribution;
	uint64_t number;
	int package, version, point; /* point -1: not in the catalogue */
	int32_t partition;
	char dp_id[DP_ID_SIZE]; /* expected; "": any */
	struct sim_pointer wanted;
	void (*transfer_done)(const struct transfer_result *result, void *context);
	void (*pointer_done)(const struct pointer_result *result, void *context);
	void *context;

	bool in_flight; /* what it does is on its way already: neither stall nor death stops it */
	bool slow, canceled, answered;
	int64_t held_since; /* by a stall; 0: not */
	int events;
	struct transfer_result transfer;
	struct pointer_result pointer;
	char seen_dp_id[DP_ID_SIZE];
	struct op *next;
};

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

static void fail(struct op *op, enum status status, const char *code)
{
	struct error err;

	error_set(&err, status, code, "%s on %s", code, op->point < 0 ? "?" : point_names[op->point]);
	op->transfer = (struct transfer_result){.status = status, .err = err};
	op->pointer.outcome = POINTER_UNKNOWN;
	op->pointer.status = status;
	op->pointer.err = err;
	op->pointer.retry_after_ms = op->transfer.retry_after_ms = world_percent(5) ? 3000 : 0;
}

/* Whether nobody wants it any more, and it goes on all the same. */
static bool is_zombie(const struct op *op)
{
	const struct sim_owner *owner = &op->distribution->owner;

	return op->canceled || op->distribution->crashed || !owner->is_owner(owner->context, op->partition);
}

/* Whether the point can be spoken with, and is who it should be. */
static bool reach(struct op *op)
{
	struct sim_point *point = op->point < 0 ? NULL : point_at(op->point);

	if (!point) {
		fail(op, STATUS_RETRY, "dp_unknown");
	} else if (point->unreachable_until > world_now()) {
		mark(MARK_point_unreachable);
		fail(op, STATUS_RETRY, "dp_unreachable");
	} else if (!point->dp_id[0]) {
		mark(MARK_point_not_initialised);
		fail(op, STATUS_RETRY, "dp_not_initialised");
	} else if (op->dp_id[0] && strcmp(op->dp_id, point->dp_id) != 0 &&
	           !(op->kind == OP_TRANSFER && point_replaces(point, op->dp_id))) {
		mark(MARK_point_changed);
		fail(op, STATUS_RETRY, "dp_id_changed");
	} else {
		return true;
	}
	return false;
}

static void seal(struct op *op)
{
	struct sim_point *point = point_at(op->point);

	if (op->distribution->crashed)
		mark(MARK_transfer_of_the_dead);
	else if (is_zombie(op))
		mark(MARK_transfer_of_a_zombie);
	point_seal(op->point, op->package, op->version, op->wanted.digest);
	memcpy(op->seen_dp_id, point->dp_id, DP_ID_SIZE);
	op->transfer = (struct transfer_result){.status = STATUS_OK,
	        .dp_id = op->seen_dp_id,
	        .replaces = op->dp_id[0] && strcmp(op->dp_id, point->dp_id) != 0 ? op->dp_id : NULL,
	        .files = 1,
	        .bytes = 100,
	        .bytes_sent = 100,
	        .read_back = "full"};
}

static void act_transfer(struct op *op)
{
	const struct chance *chance = world_chance();

	if (!reach(op))
		return;
	if (world_percent(chance->transfer_reject)) {
		mark(MARK_transfer_reject);
		fail(op, STATUS_REJECT, "source_missing");
		return;
	}
	if (world_percent(chance->transfer_retry)) {
		mark(MARK_transfer_retry);
		fail(op, STATUS_RETRY, world_percent(50) ? "dp_error" : "read_back_mismatch");
		return;
	}
	seal(op);
	if (world_percent(chance->transfer_answer_lost)) {
		mark(MARK_transfer_answer_lost);
		fail(op, STATUS_RETRY, "dp_timeout");
	} else {
		mark(MARK_transfer_ok);
	}
}

static bool same_log(const struct sim_pointer *a, const struct sim_pointer *b)
{
	return a->set && strcmp(a->log_id, b->log_id) == 0 && a->partition == b->partition;
}

/* What the pointer shows, as the answer to whoever wants op's. */
static enum pointer_outcome compare(const struct op *op)
{
	const struct sim_pointer *here = &point_at(op->point)->pointers[op->package];

	if (here->set && strcmp(here->release_id, op->wanted.release_id) == 0)
		return POINTER_IS_WANTED;
	return same_log(here, &op->wanted) && here->fence > op->wanted.fence ? POINTER_IS_NEWER
	                                                                     : POINTER_IS_OTHER;
}

static void see(struct op *op, enum pointer_outcome outcome)
{
	op->pointer = (struct pointer_result){.outcome = outcome, .status = STATUS_OK};
	if (outcome == POINTER_IS_NEWER)
		mark(MARK_pointer_newer);
}

static bool seal_is_there(struct op *op)
{
	const struct sim_content *content = &point_at(op->point)->contents[op->package][op->version];

	if (content->sealed && strcmp(content->digest, op->wanted.digest) == 0)
		return true;
	world_violation("I2", "a switch of %s on %s to %s, which is not there", package_names[op->package],
	        point_names[op->point], version_names[op->version]);
	fail(op, STATUS_RETRY, content->sealed ? "seal_differs" : "seal_missing");
	return false;
}

static void write_pointer(struct op *op)
{
	bool zombie = is_zombie(op);

	mark(MARK_pointer_set);
	if (op->distribution->crashed)
		mark(MARK_pointer_of_the_dead);
	else if (zombie)
		mark(MARK_pointer_of_a_zombie);
	point_set(op->point, op->package, &op->wanted, zombie);
	see(op, POINTER_IS_WANTED);
	if (!world_percent(world_chance()->pointer_answer_lost))
		return;
	mark(MARK_pointer_answer_lost);
	fail(op, STATUS_RETRY, "dp_timeout");
	op->pointer.may_have_changed = true;
}

/* True: it goes on to write. */
static bool look(struct op *op)
{
	const struct chance *chance = world_chance();

	if (!reach(op))
		return false;
	if (world_percent(chance->pointer_unknown)) {
		mark(MARK_pointer_unknown);
		fail(op, STATUS_RETRY, "dp_timeout");
		op->pointer.may_have_changed = op->kind == OP_SWITCH && world_percent(50);
		return false;
	}
	if (op->kind == OP_SWITCH && point_at(op->point)->refuses_older &&
	        world_percent(chance->pointer_locked)) {
		mark(MARK_pointer_locked);
		fail(op, STATUS_RETRY, "locked");
		return false;
	}
	enum pointer_outcome outcome = compare(op);
	if (op->kind == OP_READ && outcome == POINTER_IS_OTHER)
		mark(MARK_pointer_read_other);
	see(op, outcome);
	return op->kind == OP_SWITCH && outcome == POINTER_IS_OTHER && seal_is_there(op);
}

/* Without a fence at the point: what was read may be old by now. */
static void act_unfenced(struct op *op)
{
	if (!reach(op) || !seal_is_there(op))
		return;
	write_pointer(op);
}

static void schedule(struct op *op, int64_t delay_ms);

/* One step of an operation that is neither held up nor too late; true: the answer follows. */
static bool step(struct op *op)
{
	bool fenced = op->point >= 0 && point_at(op->point)->refuses_older;

	if (op->kind == OP_TRANSFER) {
		act_transfer(op);
		return true;
	}
	if (op->phase == OP_ACTS) {
		act_unfenced(op);
		return true;
	}
	if (!look(op))
		return true;
	if (fenced) {
		write_pointer(op);
		return true;
	}
	op->phase = OP_ACTS;
	return false;
}

static void go_on(struct op *op)
{
	if (!step(op)) {
		schedule(op, world_between(1, op->slow ? 15000 : 300));
		return;
	}
	op->phase = OP_ANSWERS;
	schedule(op, world_between(1, op->slow ? 40000 : 100));
}

static void cancel_now(struct op *op)
{
	mark(op->kind == OP_TRANSFER ? MARK_transfer_canceled : MARK_pointer_canceled);
	fail(op, STATUS_RETRY, "canceled");
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
		cancel_now(op);
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
	op->number = ++distribution->last_number;
	op->package = name_index(package_names, PACKAGES, package);
	op->version = op->wanted.version = name_index(version_names, VERSIONS, version);
	op->point =
	        catalogue_find(distribution->catalogue, point) ? name_index(point_names, POINTS, point) : -1;
	op->partition = route_partition(view_text(package), PARTITIONS);
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

	if (spec->manifest && strcmp(spec->manifest->digest, spec->manifest_digest) != 0)
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
}

void distribution_close(struct distribution *distribution)
{
	if (!distribution)
		return;
	distribution->closed = true;
	for (struct op *op = distribution->ops; op; op = op->next)
		if (!op->answered) {
			if (op->phase != OP_ANSWERS)
				cancel_now(op);
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
