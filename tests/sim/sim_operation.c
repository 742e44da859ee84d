#include "tests/sim/sim_operation.h"

#include "tests/sim/marks.h"

#include <string.h>

static void fail(struct op *op, enum status status, const char *code)
{
	struct error err;

	error_set(&err, status, code, "%s on %s", code, op->point < 0 ? "?" : point_names[op->point]);
	op->transfer = (struct transfer_result){
	        .status = status, .err = err, .dp_id = op->seen_dp_id[0] ? op->seen_dp_id : NULL};
	op->pointer.outcome = POINTER_UNKNOWN;
	op->pointer.status = status;
	op->pointer.err = err;
	op->pointer.retry_after_ms = op->transfer.retry_after_ms = world_percent(5) ? 3000 : 0;
}

/* Whether nobody wants it any more, and it goes on all the same. */
static bool is_zombie(const struct op *op)
{
	const struct sim_owner *owner = op->owner;

	return op->canceled || op->crashed || !owner->is_owner(owner->context, op->partition);
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
		memcpy(op->seen_dp_id, point->dp_id, DP_ID_SIZE);
		return true;
	}
	return false;
}

static void seal(struct op *op)
{
	struct sim_point *point = point_at(op->point);

	if (op->crashed)
		mark(MARK_transfer_of_the_dead);
	else if (is_zombie(op))
		mark(MARK_transfer_of_a_zombie);
	point_seal(op->point, op->package, op->version, op->wanted.digest);
	op->transfer = (struct transfer_result){.status = STATUS_OK,
	        .dp_id = op->seen_dp_id,
	        .replaces = op->dp_id[0] && strcmp(op->dp_id, point->dp_id) != 0 ? op->dp_id : NULL,
	        .files = 1,
	        .bytes = WHOLE,
	        .bytes_sent = WHOLE,
	        .read_back = "full"};
}

/* As it should be: then nothing needs to be sent. */
static bool is_sealed_whole(const struct op *op)
{
	const struct sim_content *content = &point_at(op->point)->contents[op->package][op->version];

	return content->sealed && content->bytes == WHOLE && strcmp(content->digest, op->wanted.digest) == 0;
}

/* Sent, read back, sealed: whatever the point said of what was sent. */
static void store_and_seal(struct op *op)
{
	struct sim_content *content = &point_at(op->point)->contents[op->package][op->version];

	point_store(op->point, op->package, op->version);
	if (content->bytes != WHOLE) {
		fail(op, STATUS_RETRY, "read_back_mismatch");
		return;
	}
	seal(op);
	if (world_percent(world_chance()->transfer_answer_lost)) {
		mark(MARK_transfer_answer_lost);
		fail(op, STATUS_RETRY, "dp_timeout");
		point_tear(op->point, op->package, op->version);
	} else {
		mark(MARK_transfer_ok);
		content->vouched = true;
	}
}

static void act_transfer(struct op *op)
{
	const struct chance *chance = world_chance();

	if (!reach(op))
		return;
	if (op->unfit && !is_sealed_whole(op)) {
		fail(op, STATUS_REJECT, op->unfit);
		return;
	}
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
	store_and_seal(op);
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

	if (world_percent(world_chance()->short_seal)) {
		mark(MARK_seal_read_short);
		fail(op, STATUS_RETRY, "seal_differs");
		return false;
	}
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
	if (op->crashed)
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

bool op_is_fenced(const struct op *op)
{
	return op->kind == OP_SWITCH && op->point >= 0 && point_at(op->point)->refuses_older;
}

bool op_step(struct op *op)
{

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
	if (op_is_fenced(op)) {
		write_pointer(op);
		return true;
	}
	op->phase = OP_ACTS;
	return false;
}

void op_cancel(struct op *op)
{
	mark(op->kind == OP_TRANSFER ? MARK_transfer_canceled : MARK_pointer_canceled);
	fail(op, STATUS_RETRY, "canceled");
}
