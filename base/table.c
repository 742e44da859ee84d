/* Sorted tables of named items. */
#include "base/table.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char *name_at(const struct table *table, size_t index)
{
	return *(const char *const *)table->items[index];
}

/* The place of name, or where it would go. */
static size_t place_of(const struct table *table, const char *name, bool *ret_found)
{
	size_t low = 0, high = table->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(name_at(table, middle), name);

		if (order == 0) {
			*ret_found = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*ret_found = false;
	return low;
}

void table_release(struct table *table, void (*free_item)(void *item))
{
	for (size_t i = 0; free_item && i < table->count; i++)
		free_item(table->items[i]);
	free(table->items);
	*table = (struct table){0};
}

void *table_find(const struct table *table, const char *name)
{
	bool found;
	size_t place = place_of(table, name, &found);

	return found ? table->items[place] : NULL;
}

void table_add(struct table *table, void *item)
{
	bool found;
	size_t place = place_of(table, *(const char *const *)item, &found);

	assert(!found);
	if (table->count == table->capacity) {
		table->capacity = table->capacity ? table->capacity * 2 : 1;
		table->items = memory_resize(table->items, table->capacity * sizeof(*table->items));
	}
	memmove(table->items + place + 1, table->items + place,
	        (table->count - place) * sizeof(*table->items));
	table->items[place] = item;
	table->count++;
}

void *table_remove(struct table *table, const char *name)
{
	bool found;
	size_t place = place_of(table, name, &found);

	if (!found)
		return NULL;
	void *item = table->items[place];

	table->count--;
	memmove(table->items + place, table->items + place + 1,
	        (table->count - place) * sizeof(*table->items));
	return item;
}

bool table_equal(const struct table *a, const struct table *b, bool (*equal)(const void *a, const void *b))
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!equal(a->items[i], b->items[i]))
			return false;
	return true;
}
