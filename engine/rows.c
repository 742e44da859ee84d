#include "engine/rows.h"

#include "base/memory.h"
#include "engine/route.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS_FIRST = 64, BYTES_FIRST = 4096, GARBAGE_LEAST = 1 << 20 };
#define GONE UINT32_MAX

/* A row; its name and then its value lie behind it. Its place is its offset in words of 4 bytes, plus 1. */
struct row {
	uint32_t owner, next;         /* next: the owner's row before this one */
	uint32_t name_len, value_len; /* value_len GONE: removed */
	uint32_t room;                /* for the value */
};

struct slot {
	uint32_t hash, place; /* 0: free */
};

struct rows {
	char *bytes;
	size_t len, capacity, garbage;
	struct slot *slots;
	uint32_t mask, count;
	uint32_t *heads, head_count; /* by owner: the place of its newest row */
};

struct rows *rows_new(void)
{
	struct rows *rows = memory_alloc(sizeof(*rows));

	rows->slots = memory_alloc(SLOTS_FIRST * sizeof(*rows->slots));
	rows->mask = SLOTS_FIRST - 1;
	return rows;
}

static void release(struct rows *rows)
{
	free(rows->bytes);
	free(rows->slots);
	free(rows->heads);
}

void rows_free(struct rows *rows)
{
	if (!rows)
		return;
	release(rows);
	free(rows);
}

static struct row *row_at(const struct rows *rows, uint32_t place)
{
	return (struct row *)(void *)(rows->bytes + (place - 1UL) * 4);
}

static struct view name_of(const struct row *row)
{
	return (struct view){(const char *)(row + 1), row->name_len};
}

static size_t size_of(const struct row *row)
{
	return (sizeof(*row) + row->name_len + row->room + 3) & ~(size_t)3;
}

/* The slot of a row, or the free one where it would go. */
static struct slot *find(const struct rows *rows, uint32_t owner, struct view name, uint32_t hash)
{
	for (uint32_t at = hash & rows->mask;; at = (at + 1) & rows->mask) {
		struct slot *slot = &rows->slots[at];
		if (!slot->place)
			return slot;
		if (slot->hash != hash)
			continue;
		const struct row *row = row_at(rows, slot->place);
		if (row->owner == owner && view_equal(name_of(row), name))
			return slot;
	}
}

static void grow_slots(struct rows *rows)
{
	struct slot *old = rows->slots;
	uint32_t old_mask = rows->mask;

	assert(old_mask < UINT32_MAX / 2);
	rows->mask = old_mask * 2 + 1;
	rows->slots = memory_alloc((rows->mask + 1UL) * sizeof(*rows->slots));
	for (uint32_t i = 0; i <= old_mask; i++) {
		uint32_t at = old[i].hash & rows->mask;
		if (!old[i].place)
			continue;
		while (rows->slots[at].place)
			at = (at + 1) & rows->mask;
		rows->slots[at] = old[i];
	}
	free(old);
}

static void need_head(struct rows *rows, uint32_t owner)
{
	uint32_t count = rows->head_count ? rows->head_count : 64;

	while (count <= owner)
		count *= 2;
	if (count == rows->head_count)
		return;
	rows->heads = memory_resize(rows->heads, count * sizeof(*rows->heads));
	memset(rows->heads + rows->head_count, 0, (count - rows->head_count) * sizeof(*rows->heads));
	rows->head_count = count;
}

/* Appends a row and links it to its owner's; returns its place. */
static uint32_t append(struct rows *rows, uint32_t owner, struct view name, struct view value)
{
	struct row row = {.owner = owner,
	        .name_len = (uint32_t)name.len,
	        .value_len = (uint32_t)value.len,
	        .room = (uint32_t)value.len};
	size_t size = size_of(&row);

	if (rows->len + size > rows->capacity) {
		rows->capacity = rows->capacity ? rows->capacity : BYTES_FIRST;
		while (rows->len + size > rows->capacity)
			rows->capacity *= 2;
		rows->bytes = memory_resize(rows->bytes, rows->capacity);
	}
	assert(rows->len / 4 < UINT32_MAX - 1);
	uint32_t place = (uint32_t)(rows->len / 4) + 1;
	need_head(rows, owner);
	row.next = rows->heads[owner];
	rows->heads[owner] = place;
	memcpy(rows->bytes + rows->len, &row, sizeof(row));
	if (name.len)
		memcpy(rows->bytes + rows->len + sizeof(row), name.data, name.len);
	if (value.len)
		memcpy(rows->bytes + rows->len + sizeof(row) + name.len, value.data, value.len);
	rows->len += size;
	return place;
}

static void put_new(struct rows *rows, struct slot *slot, uint32_t owner, struct view name, struct view value,
        uint32_t hash)
{
	rows->count++;
	*slot = (struct slot){hash, append(rows, owner, name, value)};
	if ((rows->count + 1UL) * 4 > (rows->mask + 1UL) * 3)
		grow_slots(rows);
}

/* A row that is known: in its place, where the value has room there. */
static void put_again(struct rows *rows, struct slot *slot, struct view name, struct view value)
{
	struct row *row = row_at(rows, slot->place);
	uint32_t owner = row->owner;
	bool was_there = row->value_len != GONE;

	if (value.data && value.len <= row->room) {
		rows->garbage -= was_there ? 0 : size_of(row);
		row->value_len = (uint32_t)value.len;
		if (value.len)
			memcpy((char *)(row + 1) + row->name_len, value.data, value.len);
		return;
	}
	rows->garbage += was_there ? size_of(row) : 0;
	row->value_len = GONE;
	if (value.data)
		slot->place = append(rows, owner, name, value);
}

/* Only what is there, in new memory: a changelog that is not compacted yet has many values of a row. */
static void compact(struct rows *rows)
{
	struct rows *fresh = rows_new();

	for (size_t at = 0; at < rows->len;) {
		const struct row *row = row_at(rows, (uint32_t)(at / 4) + 1);
		if (row->value_len != GONE)
			rows_put(fresh, row->owner, name_of(row),
			        (struct view){(const char *)(row + 1) + row->name_len, row->value_len});
		at += size_of(row);
	}
	release(rows);
	*rows = *fresh;
	free(fresh);
}

void rows_put(struct rows *rows, uint32_t owner, struct view name, struct view value)
{
	uint32_t hash = route_hash(name, owner);
	struct slot *slot = find(rows, owner, name, hash);

	assert(value.len < GONE);
	if (slot->place)
		put_again(rows, slot, name, value);
	else if (value.data)
		put_new(rows, slot, owner, name, value, hash);
	if (rows->garbage > GARBAGE_LEAST && rows->garbage > rows->len / 2)
		compact(rows);
}

void rows_end(struct rows *rows)
{
	free(rows->slots);
	rows->slots = NULL;
}

bool rows_next(const struct rows *rows, uint32_t owner, uint32_t *cursor, struct view *ret_name,
        struct view *ret_value)
{
	uint32_t place = *cursor;

	if (place)
		place = row_at(rows, place)->next;
	else if (owner < rows->head_count)
		place = rows->heads[owner];
	while (place && row_at(rows, place)->value_len == GONE)
		place = row_at(rows, place)->next;
	if (!place)
		return false;
	const struct row *row = row_at(rows, place);
	*ret_name = name_of(row);
	*ret_value = (struct view){(const char *)(row + 1) + row->name_len, row->value_len};
	*cursor = place;
	return true;
}
