#include "distribution/ahead.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct operation *ahead_add(
        struct ahead *ahead, struct operation operation, bool (*goes_on)(const struct operation *operation))
{
	if (ahead->next)
		ahead_release(ahead); /* of what was done before */
	assert(ahead->count < AHEAD_MAX && !ahead->under_way);
	if (!ahead->operations)
		ahead->operations = memory_alloc(AHEAD_MAX * sizeof(*ahead->operations));
	struct operation *last = &ahead->operations[ahead->count++];
	*last = operation;
	last->goes_on = goes_on;
	if (ahead->count > 1)
		last[-1].next = last;
	return last;
}

static void on_done(struct operation *first)
{
	struct ahead *ahead = first->context;

	first->result.reached = true;
	ahead->under_way = false;
	ahead->done(ahead->context);
}

void ahead_start(struct ahead *ahead, struct driver *driver, void (*done)(void *context), void *context)
{
	struct operation *first = ahead->operations;

	ahead->driver = driver;
	ahead->done = done;
	ahead->context = context;
	ahead->under_way = true;
	first->done = on_done;
	first->context = ahead;
	first->flow = context;
	driver->ops->submit(driver, first);
}

void ahead_cancel(struct ahead *ahead)
{
	if (ahead->under_way)
		ahead->driver->ops->cancel(ahead->driver, ahead->operations);
}

bool ahead_has(const struct ahead *ahead, enum operation_kind kind, const char *path)
{
	const struct operation *next = ahead->next < ahead->count ? &ahead->operations[ahead->next] : NULL;

	return next && next->result.reached && next->kind == kind && strcmp(next->path, path) == 0;
}

bool ahead_take(struct ahead *ahead, struct operation *wanted)
{
	if (!ahead_has(ahead, wanted->kind, wanted->path)) {
		ahead_release(ahead);
		return false;
	}
	wanted->result = ahead->operations[ahead->next++].result;
	return true;
}

const struct operation *ahead_find(const struct ahead *ahead, enum operation_kind kind)
{
	for (size_t i = 0; i < ahead->count && ahead->operations[i].result.reached; i++)
		if (ahead->operations[i].kind == kind)
			return &ahead->operations[i];
	return NULL;
}

void ahead_release(struct ahead *ahead)
{
	assert(!ahead->under_way);
	for (size_t i = ahead->next; i < ahead->count; i++)
		free(ahead->operations[i].result.data);
	free(ahead->operations);
	ahead->operations = NULL;
	ahead->count = ahead->next = 0;
}
