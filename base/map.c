#include "base/map.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>
#define uthash_fatal(message) abort()
#include <uthash.h>

struct entry {
	UT_hash_handle hh;
	void *value;
	size_t len;
	char key[];
};

struct map {
	struct entry *entries;
};

struct map *map_new(void)
{
	return memory_alloc(sizeof(struct map));
}

static struct entry *find(const struct map *map, struct view key)
{
	struct entry *entry;

	HASH_FIND(hh, map->entries, key.data, key.len, entry);
	return entry;
}

size_t map_count(const struct map *map)
{
	return HASH_COUNT(map->entries);
}

void *map_get(const struct map *map, struct view key)
{
	struct entry *entry = find(map, key);

	return entry ? entry->value : NULL;
}

void *map_put(struct map *map, struct view key, void *value)
{
	struct entry *entry = find(map, key);

	if (entry) {
		void *old = entry->value;
		entry->value = value;
		return old;
	}
	entry = memory_alloc(sizeof(*entry) + key.len);
	entry->value = value;
	entry->len = key.len;
	if (key.len)
		memcpy(entry->key, key.data, key.len);
	HASH_ADD_KEYPTR(hh, map->entries, entry->key, entry->len, entry);
	return NULL;
}

static void *remove_entry(struct map *map, struct entry *entry)
{
	void *value = entry->value;

	HASH_DEL(map->entries, entry);
	free(entry);
	return value;
}

void *map_remove(struct map *map, struct view key)
{
	struct entry *entry = find(map, key);

	return entry ? remove_entry(map, entry) : NULL;
}

void map_each(struct map *map, void (*visit)(struct view key, void *value, void *context), void *context)
{
	struct entry *entry, *next;

	HASH_ITER(hh, map->entries, entry, next)
	visit((struct view){entry->key, entry->len}, entry->value, context);
}

void map_free(struct map *map, void (*free_value)(void *value))
{
	struct entry *entry, *next;

	if (!map)
		return;
	HASH_ITER(hh, map->entries, entry, next)
	{
		void *value = remove_entry(map, entry);
		if (free_value)
			free_value(value);
	}
	free(map);
}
