/* What the switch remembers: making, comparing and naming it. */
#include "updater/switch_state.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct switch_state *switch_state_new(struct view package_id, const struct switch_rules *rules)
{
	struct switch_state *state = memory_alloc(sizeof(*state));

	state->package_id = memory_copy(package_id.data, package_id.len);
	state->rules = rules;
	state->pending = timers_new();
	return state;
}

void switch_staged_free(void *item)
{
	struct switch_staged *staged = item;

	if (!staged)
		return;
	free((char *)staged->name);
	free(staged->staged_id);
	free(staged->dp_id);
	free(staged);
}

void switch_release_clear(struct switch_release *release)
{
	free(release->version);
	free(release->release_id);
	free(release->job_id);
	free(release->traceparent);
	*release = (struct switch_release){0};
}

void switch_point_free(void *item)
{
	struct switch_point *point = item;

	if (!point)
		return;
	free((char *)point->name);
	switch_release_clear(&point->desired);
	free(point->error_code);
	free(point->current_version);
	free(point->current_dp_id);
	free(point);
}

void switch_outcome_free(void *item)
{
	struct switch_outcome *outcome = item;

	if (!outcome)
		return;
	free((char *)outcome->name);
	free(outcome->detail);
	free(outcome);
}

void switch_tally_free(void *item)
{
	struct switch_tally *tally = item;

	if (!tally)
		return;
	table_release(&tally->outcomes, switch_outcome_free);
	free((char *)tally->name);
	free(tally->job_id);
	free(tally->version);
	free(tally);
}

void switch_state_free(struct switch_state *state)
{
	if (!state)
		return;
	table_release(&state->staged, switch_staged_free);
	table_release(&state->points, switch_point_free);
	table_release(&state->tallies, switch_tally_free);
	timers_free(state->pending);
	free(state->package_id);
	free(state);
}

bool switch_state_is_empty(const struct switch_state *state)
{
	return !state->staged.count && !state->points.count && !state->tallies.count && !state->ended_count;
}

static bool staged_equal(const void *one, const void *other)
{
	const struct switch_staged *a = one, *b = other;

	return text_equal(a->name, b->name) && text_equal(a->staged_id, b->staged_id) &&
	       text_equal(a->dp_id, b->dp_id) && text_equal(a->digest, b->digest) && a->offset == b->offset;
}

static bool release_equal(const struct switch_release *a, const struct switch_release *b)
{
	return text_equal(a->version, b->version) && text_equal(a->release_id, b->release_id) &&
	       text_equal(a->job_id, b->job_id) && text_equal(a->traceparent, b->traceparent) &&
	       position_equal(a->job_position, b->job_position) && a->offset == b->offset &&
	       a->targets == b->targets && a->deadline_ms == b->deadline_ms && a->time_ms == b->time_ms;
}

static bool point_equal(const void *one, const void *other)
{
	const struct switch_point *a = one, *b = other;

	return text_equal(a->name, b->name) && release_equal(&a->desired, &b->desired) &&
	       a->resolved == b->resolved && a->looking == b->looking && a->phase == b->phase &&
	       a->attempt == b->attempt && a->failures == b->failures && a->rechecks == b->rechecks &&
	       a->next_ms == b->next_ms && text_equal(a->error_code, b->error_code) &&
	       text_equal(a->current_version, b->current_version) &&
	       text_equal(a->current_dp_id, b->current_dp_id) && a->current_offset == b->current_offset;
}

static bool outcome_equal(const void *one, const void *other)
{
	const struct switch_outcome *a = one, *b = other;

	return text_equal(a->name, b->name) && a->state == b->state && text_equal(a->detail, b->detail);
}

static bool tally_equal(const void *one, const void *other)
{
	const struct switch_tally *a = one, *b = other;

	return text_equal(a->name, b->name) && text_equal(a->job_id, b->job_id) &&
	       text_equal(a->version, b->version) && position_equal(a->position, b->position) &&
	       a->targets == b->targets && table_equal(&a->outcomes, &b->outcomes, outcome_equal);
}

bool switch_state_equal(const struct switch_state *a, const struct switch_state *b)
{
	return text_equal(a->package_id, b->package_id) &&
	       table_equal(&a->staged, &b->staged, staged_equal) &&
	       table_equal(&a->points, &b->points, point_equal) &&
	       table_equal(&a->tallies, &b->tallies, tally_equal) && a->ended_count == b->ended_count &&
	       memcmp(a->ended, b->ended, a->ended_count * sizeof(*a->ended)) == 0;
}

char *switch_staged_name(const char *version, const char *distribution_point)
{
	return memory_format("%s/%s", version, distribution_point);
}

char *switch_tally_name(const char *job_id, struct position position)
{
	return memory_format("%s/%d-%lld", job_id, (int)position.partition, (long long)position.offset);
}

void fact_id(char id[DIGEST_NAME_SIZE], const char *first, ...)
{
	struct buffer about;
	va_list more;

	buffer_init(&about, 4096);
	va_start(more, first);
	for (const char *text = first; text; text = va_arg(more, const char *))
		pack_text(&about, text);
	va_end(more);
	digest_name(buffer_view(&about), id);
	buffer_release(&about);
}

/* Whether point's attempt is wanted and can be made; fills *task. */
static bool task_of(
        const struct switch_state *state, const struct switch_point *point, struct switch_task *task)
{
	const struct switch_release *desired = &point->desired;

	if (point->phase != POINT_DUE)
		return false;
	char *name = switch_staged_name(desired->version, point->name);
	const struct switch_staged *staged = table_find(&state->staged, name);

	free(name);
	if (!staged)
		return false;
	*task = (struct switch_task){
	        .wish = point->looking ? POINTER_READ : POINTER_SWITCH,
	        .attempt = point->attempt,
	        .package_id = state->package_id,
	        .version = desired->version,
	        .distribution_point = point->name,
	        .dp_id = staged->dp_id,
	        .staged_id = staged->staged_id,
	        .release_id = desired->release_id,
	        .job_id = desired->job_id,
	        .traceparent = desired->traceparent,
	        .staged_offset = staged->offset,
	        .release_offset = desired->offset,
	};
	memcpy(task->digest, staged->digest, sizeof(task->digest));
	return true;
}

bool switch_next_task(const struct switch_state *state, size_t *cursor, struct switch_task *ret)
{
	while (*cursor < state->points.count)
		if (task_of(state, state->points.items[(*cursor)++], ret))
			return true;
	return false;
}

bool switch_find_task(const struct switch_state *state, const char *distribution_point, uint32_t attempt,
        struct switch_task *ret)
{
	const struct switch_point *point = table_find(&state->points, distribution_point);

	return point && point->attempt == attempt && task_of(state, point, ret);
}

int64_t switch_wake_at(const struct switch_state *state)
{
	int64_t wake_at = INT64_MAX;

	for (size_t i = 0; i < state->points.count; i++) {
		const struct switch_point *point = state->points.items[i];
		int64_t deadline = point->desired.deadline_ms + (point->looking ? state->rules->grace_ms : 0);

		if (point->phase == POINT_WAITING && point->next_ms < wake_at)
			wake_at = point->next_ms;
		if (!point->resolved && deadline < wake_at)
			wake_at = deadline;
	}
	return wake_at;
}

/* A release whose time is not known is pending as the others, since nobody knows when. */
#define SINCE_UNKNOWN (INT64_MAX - 1)

static int64_t pending_since(const struct switch_point *point)
{
	const struct switch_release *desired = &point->desired;

	if (point->phase == POINT_SETTLED ||
	        (point->current_version && point->current_offset == desired->offset))
		return INT64_MAX;
	return desired->time_ms > 0 ? desired->time_ms : SINCE_UNKNOWN;
}

void switch_note_pending(struct switch_state *state, struct switch_point *point)
{
	timers_set(state->pending, &point->pending, pending_since(point));
}

size_t switch_pending(const struct switch_state *state, int64_t *ret_since_ms)
{
	int64_t since_ms = timers_next(state->pending);

	*ret_since_ms = since_ms == SINCE_UNKNOWN ? INT64_MAX : since_ms;
	return timers_count(state->pending);
}

bool switch_state_is_counted(const struct switch_state *state)
{
	int64_t since_ms = INT64_MAX;
	size_t count = 0;

	for (size_t i = 0; i < state->points.count; i++) {
		int64_t since = pending_since(state->points.items[i]);

		count += since != INT64_MAX;
		since_ms = since < since_ms ? since : since_ms;
	}
	return timers_count(state->pending) == count && timers_next(state->pending) == since_ms;
}
