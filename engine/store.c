#include "engine/store.h"

#include "base/memory.h"
#include "engine/route.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Keys of one partition agree in their hash with Kafka's seed, so the table has another. */
#define STORE_SEED 0x2545f491U

enum { SLOTS_FIRST = 64 };

struct store {
	struct cell **cells;
	uint32_t *slots; /* index + 1 of a cell; 0: free */
	uint32_t count, capacity, mask;
};

struct store *store_new(void)
{
	struct store *store = memory_alloc(sizeof(*store));

	store->slots = memory_alloc(SLOTS_FIRST * sizeof(*store->slots));
	store->mask = SLOTS_FIRST - 1;
	return store;
}

void store_free(struct store *store, void (*free_state)(void *state))
{
	if (!store)
		return;
	for (uint32_t i = 0; i < store->count; i++) {
		if (store->cells[i]->is_packed)
			free(store->cells[i]->packed);
		else if (store->cells[i]->state)
			free_state(store->cells[i]->state);
		free(store->cells[i]->effects);
		free(store->cells[i]);
	}
	free(store->cells);
	free(store->slots);
	free(store);
}

struct cell *store_find(const struct store *store, struct view key)
{
	uint32_t hash = route_hash(key, STORE_SEED);

	for (uint32_t at = hash & store->mask; store->slots[at]; at = (at + 1) & store->mask) {
		struct cell *cell = store->cells[store->slots[at] - 1];
		if (cell->hash == hash && view_equal(cell_key(cell), key))
			return cell;
	}
	return NULL;
}

/* The slot that holds value on the way of hash; with 0 the first free one. */
static uint32_t slot_of(const struct store *store, uint32_t hash, uint32_t value)
{
	uint32_t at = hash & store->mask;

	while (store->slots[at] != value)
		at = (at + 1) & store->mask;
	return at;
}

static void grow_slots(struct store *store)
{
	assert(store->mask < UINT32_MAX / 2);
	store->mask = store->mask * 2 + 1;
	free(store->slots);
	store->slots = memory_alloc((store->mask + 1UL) * sizeof(*store->slots));
	for (uint32_t i = 0; i < store->count; i++)
		store->slots[slot_of(store, store->cells[i]->hash, 0)] = i + 1;
}

struct cell *store_add(struct store *store, struct view key)
{
	assert(key.len <= ROUTE_KEY_MAX && !store_find(store, key));
	if (store->count == store->capacity) {
		store->capacity = store->capacity ? store->capacity * 2 : 16;
		store->cells = memory_resize(store->cells, store->capacity * sizeof(*store->cells));
	}
	if ((store->count + 1UL) * 4 > (store->mask + 1UL) * 3)
		grow_slots(store);
	struct cell *cell = memory_alloc(sizeof(*cell) + key.len);
	memcpy(cell->key, key.data, key.len);
	cell->key_len = (uint16_t)key.len;
	cell->hash = route_hash(key, STORE_SEED);
	timer_init(&cell->timer);
	cell->index = store->count;
	store->cells[store->count++] = cell;
	store->slots[slot_of(store, cell->hash, 0)] = cell->index + 1;
	return cell;
}

/* Empties a slot and moves back what it had pushed on, so that no search meets a hole (Knuth 6.4 R). */
static void free_slot(struct store *store, uint32_t hole)
{
	for (uint32_t at = (hole + 1) & store->mask; store->slots[at]; at = (at + 1) & store->mask) {
		uint32_t home = store->cells[store->slots[at] - 1]->hash & store->mask;
		if (((at - home) & store->mask) >= ((at - hole) & store->mask)) {
			store->slots[hole] = store->slots[at];
			hole = at;
		}
	}
	store->slots[hole] = 0;
}

void store_remove(struct store *store, struct cell *cell)
{
	struct cell *last = store->cells[store->count - 1];

	free_slot(store, slot_of(store, cell->hash, cell->index + 1));
	if (last != cell) {
		store->slots[slot_of(store, last->hash, last->index + 1)] = cell->index + 1;
		store->cells[cell->index] = last;
		last->index = cell->index;
	}
	store->count--;
	free(cell->effects);
	free(cell);
}

size_t store_count(const struct store *store)
{
	return store->count;
}

struct cell *store_at(const struct store *store, size_t index)
{
	assert(index < store->count);
	return store->cells[index];
}
