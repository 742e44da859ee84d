/* Whether two gates remember the same: for comparing one with the one that its rows give. */
#include "stager/gate_state.h"

#include <string.h>

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool position_equal(struct position a, struct position b)
{
	return a.partition == b.partition && a.offset == b.offset;
}

static bool table_equal(
        const struct table *a, const struct table *b, bool (*equal)(const void *, const void *))
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!equal(a->items[i], b->items[i]))
			return false;
	return true;
}

static bool staging_equal(const void *one, const void *other)
{
	const struct gate_staging *a = one, *b = other;

	return same(a->name, b->name) && a->phase == b->phase && a->attempt == b->attempt &&
	       a->failures == b->failures && a->content_failures == b->content_failures &&
	       a->restages == b->restages && a->next_retry_ms == b->next_retry_ms &&
	       a->until_ms == b->until_ms && same(a->cause_id, b->cause_id) &&
	       position_equal(a->cause, b->cause) && same(a->dp_id, b->dp_id) &&
	       same(a->staged_id, b->staged_id) && same(a->error_code, b->error_code) &&
	       same(a->error_message, b->error_message);
}

static bool version_equal(const void *one, const void *other)
{
	const struct gate_version *a = one, *b = other;

	return same(a->name, b->name) && same(a->digest, b->digest) &&
	       same(a->manifest_url, b->manifest_url) && position_equal(a->source, b->source) &&
	       a->active == b->active && table_equal(&a->stagings, &b->stagings, staging_equal);
}

static bool point_equal(const void *one, const void *other)
{
	const struct gate_point *a = one, *b = other;

	return same(a->name, b->name) && position_equal(a->released, b->released) && same(a->dp_id, b->dp_id);
}

static bool targets_equal(const struct gate_work *a, const struct gate_work *b)
{
	if (a->target_count != b->target_count || !a->targets != !b->targets)
		return false;
	for (size_t i = 0; i < a->target_count; i++)
		if (!same(a->targets[i], b->targets[i]) || a->withheld[i] != b->withheld[i])
			return false;
	return true;
}

static bool work_equal(const struct gate_work *a, const struct gate_work *b)
{
	if (!a || !b)
		return a == b;
	return a->type == b->type && a->has_content == b->has_content && a->gate == b->gate &&
	       same(a->version, b->version) && a->deadline_ms == b->deadline_ms &&
	       a->accepted_ms == b->accepted_ms && same(a->traceparent, b->traceparent) &&
	       a->held_count == b->held_count && a->held_staged == b->held_staged && targets_equal(a, b);
}

static bool jobs_equal(struct gate_job *const *a, struct gate_job *const *b, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!same(a[i]->name, b[i]->name) || !same(a[i]->payload, b[i]->payload) ||
		        !position_equal(a[i]->position, b[i]->position) ||
		        a[i]->ended_number != b[i]->ended_number || !work_equal(a[i]->work, b[i]->work))
			return false;
	return true;
}

bool gate_state_equal(const struct gate_state *a, const struct gate_state *b)
{
	return same(a->package, b->package) && a->staging_count == b->staging_count &&
	       a->live_count == b->live_count && a->ended_count == b->ended_count &&
	       table_equal(&a->versions, &b->versions, version_equal) &&
	       table_equal(&a->points, &b->points, point_equal) &&
	       jobs_equal(a->live, b->live, a->live_count) && jobs_equal(a->ended, b->ended, a->ended_count);
}
