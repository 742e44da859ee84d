#include "engine/effects.h"

#include "base/arena.h"
#include "base/map.h"
#include "base/memory.h"
#include "engine/effects_table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { LANE_LIMIT_DEFAULT = 64 };

TAILQ_HEAD(line, effect);

struct lane {
	struct line waiting;
	uint32_t under_way;
	bool ready; /* among the table's ready ones */
	LIST_ENTRY(lane) ready_entry;
	size_t name_len;
	char name[];
};

struct want {
	struct view tag, lane;
	bool early, known;
};

/* What the machine lists for one key. */
struct effects {
	struct arena arena;
	struct want *wants, **sorted;
	size_t count, capacity;
};

struct effects_table {
	uint32_t lane_limit;
	void (*cancel)(void *context, uint64_t handle);
	void *context;
	struct map *lanes;
	LIST_HEAD(, lane) ready; /* lanes that may have something to start */
	struct line under_way;
	size_t waiting_count, under_way_count;
	struct effects listed;
};

void effects_want(struct effects *effects, struct view tag, struct view lane, bool early)
{
	if (effects->count == effects->capacity) {
		effects->capacity = effects->capacity ? effects->capacity * 2 : 16;
		effects->wants = memory_resize(effects->wants, effects->capacity * sizeof(*effects->wants));
		effects->sorted =
		        memory_resize(effects->sorted, effects->capacity * sizeof(*effects->sorted));
	}
	effects->wants[effects->count++] = (struct want){.tag = arena_copy(&effects->arena, tag),
	        .lane = arena_copy(&effects->arena, lane),
	        .early = early};
}

struct effects_table *effects_table_new(
        uint32_t lane_limit, void (*cancel)(void *context, uint64_t handle), void *context)
{
	struct effects_table *table = memory_alloc(sizeof(*table));

	table->lane_limit = lane_limit ? lane_limit : LANE_LIMIT_DEFAULT;
	table->cancel = cancel;
	table->context = context;
	table->lanes = map_new();
	LIST_INIT(&table->ready);
	TAILQ_INIT(&table->under_way);
	return table;
}

static void line_free(struct line *line)
{
	struct effect *effect;

	while ((effect = TAILQ_FIRST(line))) {
		TAILQ_REMOVE(line, effect, entry);
		free(effect);
	}
}

static void lane_free(void *value)
{
	struct lane *lane = value;

	line_free(&lane->waiting);
	free(lane);
}

void effects_table_free(struct effects_table *table)
{
	if (!table)
		return;
	line_free(&table->under_way);
	map_free(table->lanes, lane_free);
	arena_release(&table->listed.arena);
	free(table->listed.wants);
	free(table->listed.sorted);
	free(table);
}

static struct lane *lane_of(struct effects_table *table, struct view name)
{
	struct lane *lane = map_get(table->lanes, name);

	if (!lane) {
		lane = memory_alloc(sizeof(*lane) + name.len);
		lane->name_len = name.len;
		if (name.len)
			memcpy(lane->name, name.data, name.len);
		TAILQ_INIT(&lane->waiting);
		map_put(table->lanes, name, lane);
	}
	return lane;
}

static bool lane_can_start(const struct effects_table *table, const struct lane *lane)
{
	return !TAILQ_EMPTY(&lane->waiting) && lane->under_way < table->lane_limit;
}

static void lane_note_ready(struct effects_table *table, struct lane *lane)
{
	if (lane->ready || !lane_can_start(table, lane))
		return;
	lane->ready = true;
	LIST_INSERT_HEAD(&table->ready, lane, ready_entry);
}

static void lane_drop_if_unused(struct effects_table *table, struct lane *lane)
{
	if (lane->ready || !TAILQ_EMPTY(&lane->waiting) || lane->under_way)
		return;
	map_remove(table->lanes, (struct view){lane->name, lane->name_len});
	free(lane);
}

static void enqueue(struct effects_table *table, struct effect *effect)
{
	effect->phase = EFFECT_WAITING;
	TAILQ_INSERT_TAIL(&effect->lane->waiting, effect, entry);
	table->waiting_count++;
	lane_note_ready(table, effect->lane);
}

static void dequeue(struct effects_table *table, struct effect *effect)
{
	TAILQ_REMOVE(&effect->lane->waiting, effect, entry);
	table->waiting_count--;
}

static struct effect *effect_new(struct effects_table *table, struct cell *cell, const struct want *want)
{
	struct effect *effect = memory_alloc(sizeof(*effect) + want->tag.len);

	effect->cell = cell;
	effect->lane = lane_of(table, want->lane);
	effect->early = want->early;
	effect->tag_len = (uint32_t)want->tag.len;
	if (want->tag.len)
		memcpy(effect->tag, want->tag.data, want->tag.len);
	return effect;
}

static void cancel(struct effects_table *table, struct effect *effect)
{
	if (effect->phase != EFFECT_UNDER_WAY)
		return;
	effect->phase = EFFECT_CANCELLED;
	table->cancel(table->context, effect->handle);
}

/* No longer wanted. True: gone at once; false: it stays until its completion comes. */
static bool drop(struct effects_table *table, struct effect *effect)
{
	if (effect->phase != EFFECT_WAITING) {
		cancel(table, effect);
		return false;
	}
	struct lane *lane = effect->lane;
	dequeue(table, effect);
	free(effect);
	lane_drop_if_unused(table, lane);
	return true;
}

static int by_tag(const void *left, const void *right)
{
	return view_compare((*(struct want *const *)left)->tag, (*(struct want *const *)right)->tag);
}

/* Sorts the wants by tag, leaving out repeated tags. Returns how many are left. */
static size_t sort_wants(struct effects *listed)
{
	size_t unique = 0;
	bool in_order = true; /* as most machines list them */

	for (size_t i = 0; i < listed->count; i++) {
		listed->sorted[i] = &listed->wants[i];
		in_order = in_order && (i == 0 || by_tag(&listed->sorted[i - 1], &listed->sorted[i]) <= 0);
	}
	if (!in_order)
		qsort(listed->sorted, listed->count, sizeof(*listed->sorted), by_tag);
	for (size_t i = 0; i < listed->count; i++) {
		bool repeated = unique && view_equal(listed->sorted[i]->tag, listed->sorted[unique - 1]->tag);
		listed->sorted[i]->known = repeated;
		if (!repeated)
			listed->sorted[unique++] = listed->sorted[i];
	}
	return unique;
}

/* Marks what is known already, and drops what is no longer listed. */
static void keep_wanted(struct effects_table *table, struct cell *cell, struct want **wants, size_t count)
{
	uint32_t kept = 0;
	size_t at = 0;

	for (uint32_t i = 0; i < cell->effect_count; i++) {
		struct effect *effect = cell->effects[i];
		int order = 1;
		while (at < count && (order = view_compare(wants[at]->tag, effect_tag(effect))) < 0)
			at++;
		bool wanted = at < count && order == 0;
		if (wanted)
			wants[at]->known = true;
		if (wanted || !drop(table, effect))
			cell->effects[kept++] = effect;
	}
	cell->effect_count = kept;
}

static int effects_by_tag(const void *left, const void *right)
{
	return view_compare(
	        effect_tag(*(struct effect *const *)left), effect_tag(*(struct effect *const *)right));
}

/* New ones join their lanes in the order in which the machine listed them. */
static void add_unknown(struct effects_table *table, struct cell *cell)
{
	const struct effects *listed = &table->listed;
	uint32_t count = cell->effect_count;

	for (size_t i = 0; i < listed->count; i++)
		count += !listed->wants[i].known;
	if (count == cell->effect_count)
		return;
	cell->effects = memory_resize(cell->effects, count * sizeof(struct effect *));
	for (size_t i = 0; i < listed->count; i++) {
		if (listed->wants[i].known)
			continue;
		struct effect *effect = effect_new(table, cell, &listed->wants[i]);
		cell->effects[cell->effect_count++] = effect;
		enqueue(table, effect);
	}
	qsort(cell->effects, count, sizeof(struct effect *), effects_by_tag);
}

static void trim(struct cell *cell)
{
	if (cell->effect_count == 0) {
		free(cell->effects);
		cell->effects = NULL;
	}
}

void effects_table_derive(struct effects_table *table, struct cell *cell,
        void (*list)(const void *state, struct effects *effects))
{
	struct effects *listed = &table->listed;

	arena_clear(&listed->arena);
	listed->count = 0;
	list(cell->state, listed);
	if (listed->count == 0 && cell->effect_count == 0)
		return;
	keep_wanted(table, cell, listed->sorted, sort_wants(listed));
	add_unknown(table, cell);
	trim(cell);
}

static struct effect *start(struct effects_table *table, struct lane *lane)
{
	struct effect *effect = TAILQ_FIRST(&lane->waiting);

	dequeue(table, effect);
	lane->under_way++;
	effect->phase = EFFECT_UNDER_WAY;
	TAILQ_INSERT_TAIL(&table->under_way, effect, entry);
	table->under_way_count++;
	return effect;
}

struct effect *effects_table_take(struct effects_table *table, effects_lane_filter *early, void *context)
{
	for (struct lane *lane = LIST_FIRST(&table->ready), *next; lane; lane = next) {
		next = LIST_NEXT(lane, ready_entry);
		if (!lane_can_start(table, lane)) {
			LIST_REMOVE(lane, ready_entry);
			lane->ready = false;
			lane_drop_if_unused(table, lane);
		} else if (!early || (TAILQ_FIRST(&lane->waiting)->early &&
		                             early(context, (struct view){lane->name, lane->name_len}))) {
			return start(table, lane);
		}
	}
	return NULL;
}

static void leave_lane(struct effects_table *table, struct effect *effect)
{
	assert(effect->phase != EFFECT_WAITING);
	TAILQ_REMOVE(&table->under_way, effect, entry);
	table->under_way_count--;
	effect->lane->under_way--;
}

void effects_table_put_back(struct effects_table *table, struct effect *effect)
{
	leave_lane(table, effect);
	enqueue(table, effect);
}

void effects_table_ended(struct effects_table *table, struct effect *effect)
{
	struct cell *cell = effect->cell;
	struct lane *lane = effect->lane;
	struct effect **place =
	        bsearch(&effect, cell->effects, cell->effect_count, sizeof(effect), effects_by_tag);

	assert(place && *place == effect);
	size_t behind = (size_t)(cell->effects + cell->effect_count - (place + 1));
	memmove(place, place + 1, behind * sizeof(effect));
	cell->effect_count--;
	trim(cell);
	leave_lane(table, effect);
	free(effect);
	lane_note_ready(table, lane);
	lane_drop_if_unused(table, lane);
}

void effects_table_cancel_all(struct effects_table *table)
{
	struct effect *effect;

	TAILQ_FOREACH(effect, &table->under_way, entry)
		cancel(table, effect);
}

size_t effects_table_waiting(const struct effects_table *table)
{
	return table->waiting_count;
}

size_t effects_table_under_way(const struct effects_table *table)
{
	return table->under_way_count;
}
