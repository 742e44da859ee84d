#ifndef UPDATER_ATTEMPT_H
#define UPDATER_ATTEMPT_H

#include "engine/worker.h"
#include "updater/switch.h"

/* One attempt under way: a task carried out by the distribution room, and its answer on its way back. */
struct attempt;

/* Starts task on distribution; token gets the attempt as its result, exactly once. Returns the number to
 * cancel by. */
uint64_t attempt_start(struct distribution *distribution, const struct switch_task *task,
        const struct claim *claim, struct completion *token);
/* Answers at once that the attempt was not made: its task is no longer wanted. */
void attempt_refuse(struct completion *token);

/* Of a completion's result; NULL: it was not made. Valid as long as the result. */
const struct switch_answer *attempt_answer(const struct attempt *attempt, int32_t *ret_partition);

#endif
