#ifndef DISTRIBUTION_AHEAD_H
#define DISTRIBUTION_AHEAD_H

#include "distribution/driver.h"

/* What will be wanted if all goes as hoped, given to a driver at once: where it can, all of it takes one way
 * to a thread and back, and not one each. What came of it is then found by the steps that want it (step.h),
 * in the same order, and each judges it as if it had just asked: so what is hoped for decides nothing. The
 * first step that wants something else ends it; what is left is forgotten. */
enum { AHEAD_MAX = 12 };

struct ahead { /* all zero is empty */
	struct operation *operations;
	size_t count, next;
	struct driver *driver;
	bool under_way;
	void (*done)(void *context);
	void *context;
};

/* One more behind the others: built by what builds the step's, so that it is no other one. goes_on: whether
 * the next one is still wanted behind it; what it compares with is the caller's to fill in. */
struct operation *ahead_add(
        struct ahead *ahead, struct operation operation, bool (*goes_on)(const struct operation *operation));
/* done() comes exactly once, never from within; context is the flow too. */
void ahead_start(struct ahead *ahead, struct driver *driver, void (*done)(void *context), void *context);
void ahead_cancel(struct ahead *ahead); /* a wish; nothing under way is fine */

/* Whether the wanted operation was carried out, and is the next one that was. */
bool ahead_has(const struct ahead *ahead, enum operation_kind kind, const char *path);
bool ahead_take(struct ahead *ahead, struct operation *wanted); /* and gives it the result */
/* The one of that kind, where it was carried out; NULL. */
const struct operation *ahead_find(const struct ahead *ahead, enum operation_kind kind);
void ahead_release(struct ahead *ahead); /* nothing may be under way */

#endif
