#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/bytes.h"

/* Memory that is given out piece by piece and taken back all at once. What was given stays where it is until
 * arena_clear(), which keeps a bounded part for the next round. */
struct arena_block;
struct arena {
	struct arena_block *first, *current;
};

void *arena_alloc(struct arena *arena, size_t size);            /* not zeroed; aligned for any object */
struct view arena_copy(struct arena *arena, struct view bytes); /* absent stays absent */
struct view arena_text(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
void arena_clear(struct arena *arena);
void arena_release(struct arena *arena);

#endif
