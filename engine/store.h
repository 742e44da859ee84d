#ifndef ENGINE_STORE_H
#define ENGINE_STORE_H

#include "base/bytes.h"
#include "engine/timers.h"

#include <stdbool.h>
#include <stdint.h>

struct effect;
struct packed;
struct waits;

/* All that a shard keeps of one key. */
struct cell {
	union {
		void *state; /* the machine's; NULL while its rows are still read */
		struct packed *packed;
	};
	struct timer timer;
	struct waits *waits;     /* NULL where nothing of it waits; the term's */
	struct effect **effects; /* waiting or under way; sorted by tag; the effect table's */
	uint32_t effect_count;
	uint32_t hash, index; /* the store's */
	uint16_t key_len;
	bool touched; /* its state changed since it was last settled */
	bool is_packed;
	uint8_t recent; /* its place among the term's states that were used lately, plus 1; 0: none */
	char key[];
};

static inline struct view cell_key(const struct cell *cell)
{
	return (struct view){cell->key, cell->key_len};
}

static inline struct cell *cell_of_timer(struct timer *timer)
{
	return (struct cell *)((char *)timer - offsetof(struct cell, timer));
}

/* The cells of a shard by key: open addressing over 32-bit slots, for up to some millions of keys at about
 * 100 bytes each, key included (base/map would take as much again), and an array of them, so that all can be
 * visited in bounded steps. Cells stay where they are until they are removed. */
struct store;

struct store *store_new(void);
void store_free(struct store *store, void (*free_state)(void *state)); /* NULL is fine */
struct cell *store_find(const struct store *store, struct view key);   /* NULL where absent */
struct cell *store_add(struct store *store, struct view key);          /* must be absent */
void store_remove(struct store *store, struct cell *cell); /* frees the cell, not its state; moves the last
                                                              one to its index */
size_t store_count(const struct store *store);
struct cell *store_at(const struct store *store, size_t index);

#endif
