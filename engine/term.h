#ifndef ENGINE_TERM_H
#define ENGINE_TERM_H

#include "engine/effects_table.h"
#include "engine/packed.h"
#include "engine/progress.h"
#include "engine/store.h"
#include "engine/timers.h"
#include "engine/worker.h"

enum { TERM_RECENT = 64 };

/* One term of office: all that a shard remembers from a claim until it is lost, and throws away as a whole.
 * Pure: no Kafka, no clock. */
struct term {
	const struct worker_spec *spec;
	void *shell;
	uint64_t number; /* of the shard's terms */
	struct claim claim;
	struct progress progress, anchor; /* anchor: see engine/anchor.h */
	struct store *store;
	struct timers *timers;
	struct effects_table *effects;
	struct timers *oldest; /* of what waits */
	size_t waiting;

	struct rows *rows; /* the last value of each, from the restore to term_load() */
	int64_t row_count;
	struct cell *recent[TERM_RECENT]; /* whose states are not packed though they may be at rest; a ring */
	size_t recent_next, recent_most;
	struct packer packer;
	struct cell **touched;
	size_t touched_count, touched_capacity;
};

struct term *term_new(const struct worker_spec *spec, void *shell, int32_t partition, uint64_t number,
        uint32_t lane_limit, uint32_t recent_states);
void term_free(struct term *term); /* cancels nothing; NULL is fine */

/* Restoring: every row in the log's order (older values and deletions too), then all into states once, each
 * settled. */
enum status term_collect_row(struct view key, struct view value, void *term, struct error *err);
must_check enum status term_load(struct term *term, struct error *err);

struct cell *term_cell(struct term *term, struct view key); /* made where there is none */
/* Applies one event to a cell (NULL: the key can have no state), which is then touched. */
void term_apply(
        struct term *term, struct cell *cell, struct event *event, int64_t now_ms, struct outbox *outbox);
/* The same of a notice, which every state hears and few change by: one that was put away and says nothing
 * stays so. */
void term_notify(
        struct term *term, struct cell *cell, struct event *event, int64_t now_ms, struct outbox *outbox);
/* Derives anew what touched states call for: timers, effects, and whether they are still needed at all. */
void term_settle(struct term *term);

#endif
