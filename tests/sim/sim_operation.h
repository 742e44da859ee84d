#ifndef SIM_OPERATION_H
#define SIM_OPERATION_H

#include "tests/sim/points.h"
#include "tests/sim/sim_distribution.h"

/* One transfer, switch or look under way: what it does to a distribution point, and what it will answer. When
 * it does so is sim_distribution.c's. */
enum op_kind { OP_TRANSFER, OP_SWITCH, OP_READ };
enum op_phase { OP_LOOKS, OP_ACTS, OP_ANSWERS };

struct op {
	enum op_kind kind;
	enum op_phase phase;
	struct distribution *distribution;
	const struct sim_owner *owner;
	bool crashed; /* its process did */
	uint64_t number;
	int package, version, point; /* point -1: not in the catalogue */
	int32_t partition;
	char dp_id[DP_ID_SIZE]; /* expected; "": any */
	struct sim_pointer wanted;
	void (*transfer_done)(const struct transfer_result *result, void *context);
	void (*pointer_done)(const struct pointer_result *result, void *context);
	void *context;

	const char *unfit; /* its manifest is: the code; NULL: it is not */
	bool in_flight;    /* what it does is on its way already: neither stall nor death stops it */
	bool slow, canceled, answered;
	int64_t held_since; /* by a stall; 0: not */
	int events;
	struct transfer_result transfer;
	struct pointer_result pointer;
	char seen_dp_id[DP_ID_SIZE];
	struct op *next;
};

/* Does what comes next; true: the answer follows. */
bool op_step(struct op *op);
void op_cancel(struct op *op);          /* the answer is that it was canceled */
bool op_is_fenced(const struct op *op); /* the point refuses it where it is stale */

#endif
