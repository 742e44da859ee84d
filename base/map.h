#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/bytes.h"

/* A hash map from bytes to a pointer. Keys are copied in; values stay the caller's. Iteration order is
 * unspecified, so pure code never iterates one. Not for sharing between threads. */
struct map;

struct map *map_new(void);
void map_free(
        struct map *map, void (*free_value)(void *value)); /* NULL map is fine; free_value may be NULL */
size_t map_count(const struct map *map);
void *map_get(const struct map *map, struct view key);        /* NULL where absent */
void *map_put(struct map *map, struct view key, void *value); /* returns the replaced value or NULL */
void *map_remove(struct map *map, struct view key);           /* returns the removed value or NULL */

/* Calls visit for each entry; visit may remove the entry it is given, and no other. */
void map_each(struct map *map, void (*visit)(struct view key, void *value, void *context), void *context);

#endif
