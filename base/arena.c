#include "base/arena.h"

#include "base/memory.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_FIRST = 8 << 10, BLOCK_MOST = 1 << 20, KEEP_MOST = 2 << 20 };

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	alignas(max_align_t) char bytes[];
};

static struct arena_block *new_block(size_t size)
{
	struct arena_block *block = memory_resize(NULL, sizeof(*block) + size);

	block->next = NULL;
	block->used = 0;
	block->size = size;
	return block;
}

/* The next block with room: one kept from an earlier round, or a new one behind the current. */
static struct arena_block *next_block(struct arena *arena, size_t need)
{
	struct arena_block *current = arena->current;

	if (current && current->next && current->next->size >= need)
		return current->next;
	size_t size = current ? current->size * 2 : BLOCK_FIRST;
	if (size > BLOCK_MOST)
		size = BLOCK_MOST;
	struct arena_block *block = new_block(size < need ? need : size);
	if (current) {
		block->next = current->next;
		current->next = block;
	} else {
		arena->first = block;
	}
	return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	struct arena_block *block = arena->current;

	size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (!block || size > block->size - block->used) {
		block = next_block(arena, size);
		block->used = 0;
		arena->current = block;
	}
	void *piece = block->bytes + block->used;
	block->used += size;
	return piece;
}

struct view arena_copy(struct arena *arena, struct view bytes)
{
	if (!bytes.data)
		return bytes;
	char *copy = arena_alloc(arena, bytes.len);
	if (bytes.len)
		memcpy(copy, bytes.data, bytes.len);
	return (struct view){copy, bytes.len};
}

struct view arena_text(struct arena *arena, const char *format, ...)
{
	va_list args, again;

	va_start(args, format);
	va_copy(again, args);
	int len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0)
		len = 0;
	char *text = arena_alloc(arena, (size_t)len + 1);
	vsnprintf(text, (size_t)len + 1, format, again);
	va_end(again);
	return (struct view){text, (size_t)len};
}

static void free_blocks(struct arena_block *block)
{
	while (block) {
		struct arena_block *next = block->next;
		free(block);
		block = next;
	}
}

void arena_clear(struct arena *arena)
{
	size_t kept = 0;
	struct arena_block **at = &arena->first;
	bool used = arena->current != NULL;

	/* what was used now will be again; of the rest a little */
	while (*at && (used || kept + (*at)->size <= KEEP_MOST)) {
		used = used && *at != arena->current;
		kept += (*at)->size;
		at = &(*at)->next;
	}
	free_blocks(*at);
	*at = NULL;
	arena->current = arena->first;
	if (arena->current)
		arena->current->used = 0;
}

void arena_release(struct arena *arena)
{
	free_blocks(arena->first);
	*arena = (struct arena){0};
}
