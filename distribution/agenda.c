#include "distribution/agenda.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>

struct agenda {
	TAILQ_HEAD(, agenda_entry) entries; /* by their time */
	uint64_t added;                     /* ever */
};

struct agenda *agenda_new(void)
{
	struct agenda *agenda = memory_alloc(sizeof(*agenda));

	TAILQ_INIT(&agenda->entries);
	return agenda;
}

void agenda_free(struct agenda *agenda)
{
	free(agenda);
}

void agenda_add(
        struct agenda *agenda, struct agenda_entry *entry, int64_t at_ms, void (*call)(struct agenda_entry *))
{
	struct agenda_entry *later;

	assert(!entry->pending);
	entry->call = call;
	entry->at_ms = at_ms;
	entry->pending = true;
	entry->order = agenda->added++;
	TAILQ_FOREACH(later, &agenda->entries, entry)
		if (later->at_ms > at_ms)
			break;
	if (later)
		TAILQ_INSERT_BEFORE(later, entry, entry);
	else
		TAILQ_INSERT_TAIL(&agenda->entries, entry, entry);
}

void agenda_remove(struct agenda *agenda, struct agenda_entry *entry)
{
	if (!entry->pending)
		return;
	TAILQ_REMOVE(&agenda->entries, entry, entry);
	entry->pending = false;
}

static struct agenda_entry *next_due(struct agenda *agenda, int64_t now_ms, uint64_t before)
{
	struct agenda_entry *entry;

	TAILQ_FOREACH(entry, &agenda->entries, entry)
		if (entry->at_ms > now_ms || entry->order < before)
			break;
	return entry && entry->at_ms <= now_ms ? entry : NULL;
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
	const struct agenda_entry *first = TAILQ_FIRST(&agenda->entries);

	if (!first || first->at_ms - now_ms >= most)
		return most;
	return first->at_ms > now_ms ? first->at_ms - now_ms : 0;
}
