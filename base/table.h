#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include "base/bytes.h"

/* Items sorted by name: found by bisection and, unlike a hash map's, met in the same order in every process,
 * which a pure state machine needs. An item is a struct whose first member is its name (const char *, unique
 * in its table); the table owns neither items nor names. */
struct table {
	void **items;
	size_t count, capacity;
};

void table_release(struct table *table, void (*free_item)(void *item)); /* free_item may be NULL */
void *table_find(const struct table *table, const char *name);          /* NULL where absent */
void table_add(struct table *table, void *item);                        /* its name must be new */
void *table_remove(struct table *table, const char *name); /* the removed item, NULL where absent */
/* As many items, and each equal to the one at its place. */
bool table_equal(const struct table *a, const struct table *b, bool (*equal)(const void *a, const void *b));

#endif
