#ifndef ENGINE_EFFECTS_TABLE_H
#define ENGINE_EFFECTS_TABLE_H

#include "engine/effects.h"
#include "engine/store.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

/* What the states of a shard call for, per key and tag: waiting in its lane (first in, first out), then under
 * way, until its completion comes. A key is derived anew when its state changed, and only then: what is
 * listed and not known joins its lane's line; what is known and no longer listed leaves the line, or, under
 * way, is cancelled, and keeps its place in the lane until its completion comes. */
struct effect {
	struct cell *cell;
	struct lane *lane;
	TAILQ_ENTRY(effect) entry; /* in its lane's line, or among all that are under way */
	uint64_t handle;           /* the effector's, while under way */
	enum { EFFECT_WAITING, EFFECT_UNDER_WAY, EFFECT_CANCELLED } phase;
	bool early;
	uint32_t tag_len;
	char tag[];
};

static inline struct view effect_tag(const struct effect *effect)
{
	return (struct view){effect->tag, effect->tag_len};
}

struct effects_table;

/* cancel(context, handle) is called for each effect under way that is no longer wanted, once. */
struct effects_table *effects_table_new(
        uint32_t lane_limit, void (*cancel)(void *context, uint64_t handle), void *context);
void effects_table_free(struct effects_table *table); /* before the store; cancels nothing; NULL is fine */

void effects_table_derive(struct effects_table *table, struct cell *cell,
        void (*list)(const void *state, struct effects *effects));

/* The next effect whose lane has room, now under way; NULL: none. early, where not NULL: only such as were
 * wanted early, in lanes that it is true for. Its starter sets handle. */
typedef bool effects_lane_filter(void *context, struct view lane);
struct effect *effects_table_take(struct effects_table *table, effects_lane_filter *early, void *context);
void effects_table_put_back(struct effects_table *table, struct effect *effect); /* to the end of its line */
void effects_table_ended(struct effects_table *table, struct effect *effect);    /* it is gone afterwards */
void effects_table_cancel_all(struct effects_table *table);

size_t effects_table_waiting(const struct effects_table *table);
size_t effects_table_under_way(const struct effects_table *table); /* cancelled ones too */

#endif
