#include "distribution/agenda.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>

struct agenda {
	struct agenda_entry *first;
	uint64_t added; /* ever */
};

struct agenda *agenda_new(void)
{
	return memory_alloc(sizeof(struct agenda));
}

void agenda_free(struct agenda *agenda)
{
	free(agenda);
}

void agenda_add(
        struct agenda *agenda, struct agenda_entry *entry, int64_t at_ms, void (*call)(struct agenda_entry *))
{
	struct agenda_entry **at = &agenda->first;

	assert(!entry->pending);
	entry->call = call;
	entry->at_ms = at_ms;
	entry->pending = true;
	entry->order = agenda->added++;
	while (*at && (*at)->at_ms <= at_ms)
		at = &(*at)->next;
	entry->next = *at;
	*at = entry;
}

void agenda_remove(struct agenda *agenda, struct agenda_entry *entry)
{
	struct agenda_entry **at = &agenda->first;

	if (!entry->pending)
		return;
	while (*at != entry)
		at = &(*at)->next;
	*at = entry->next;
	entry->pending = false;
}

static struct agenda_entry *next_due(struct agenda *agenda, int64_t now_ms, uint64_t before)
{
	for (struct agenda_entry *entry = agenda->first; entry && entry->at_ms <= now_ms; entry = entry->next)
		if (entry->order < before)
			return entry;
	return NULL;
}

void agenda_run(struct agenda *agenda, int64_t now_ms)
{
	struct agenda_entry *entry;
	uint64_t before = agenda->added;

	while ((entry = next_due(agenda, now_ms, before))) {
		agenda_remove(agenda, entry);
		entry->call(entry);
	}
}

int64_t agenda_wait_ms(const struct agenda *agenda, int64_t now_ms, int64_t most)
{
	if (!agenda->first || agenda->first->at_ms - now_ms >= most)
		return most;
	return agenda->first->at_ms > now_ms ? agenda->first->at_ms - now_ms : 0;
}
