#include "engine/term.h"

#include "base/map.h"
#include "base/memory.h"
#include "engine/route.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct term *term_new(
        const struct worker_spec *spec, void *shell, int32_t partition, uint64_t number, uint32_t lane_limit)
{
	struct term *term = memory_alloc(sizeof(*term));

	term->spec = spec;
	term->shell = shell;
	term->number = number;
	term->claim.partition = partition;
	progress_init(&term->progress);
	term->store = store_new();
	term->timers = timers_new();
	term->effects = effects_table_new(lane_limit, spec->effector.cancel, shell);
	term->oldest = timers_new();
	term->rows = map_new();
	return term;
}

void term_free(struct term *term)
{
	if (!term)
		return;
	map_free(term->rows, free);
	for (size_t i = 0; i < store_count(term->store); i++)
		free(store_at(term->store, i)->waits);
	effects_table_free(term->effects);
	timers_free(term->timers);
	timers_free(term->oldest);
	store_free(term->store, term->spec->machine.state_free);
	free(term->touched);
	free(term);
}

static struct view *row_new(struct view value)
{
	struct view *row = memory_alloc(sizeof(*row) + value.len);

	*row = (struct view){(char *)(row + 1), value.len};
	if (value.len)
		memcpy(row + 1, value.data, value.len);
	return row;
}

enum status term_collect_row(struct view key, struct view value, void *context, struct error *err)
{
	struct term *term = context;

	(void)err;
	term->row_count++;
	free(value.data ? map_put(term->rows, key, row_new(value)) : map_remove(term->rows, key));
	return STATUS_OK;
}

struct loading {
	struct term *term;
	enum status status;
	struct error *err;
};

static enum status load_state_row(struct term *term, struct view key, struct view value, struct error *err)
{
	const char *slash = key.len ? memchr(key.data, '/', key.len) : NULL;
	struct view name = {key.data, slash ? (size_t)(slash - key.data) : 0};

	if (!slash || !route_key_has_state(name))
		return error_set(err, STATUS_FATAL, "state_damaged",
		        "the changelog has a row \"%.*s\", which no version wrote: find out what else writes "
		        "to it",
		        (int)(key.len < 100 ? key.len : 100), key.data ? key.data : "");
	struct view row = {slash + 1, key.len - name.len - 1};
	return term->spec->machine.state_load(term_cell(term, name)->state, row, value, err);
}

static void load_row(struct view key, void *value, void *context)
{
	struct loading *loading = context;
	const struct view *row = value;

	if (loading->status != STATUS_OK)
		return;
	if (view_is(key, PROGRESS_ROW))
		loading->status = progress_parse(*row, &loading->term->progress, loading->err);
	else if (key.len == 0 || key.data[0] != '@') /* @claim, @run, @genesis say nothing to us */
		loading->status = load_state_row(loading->term, key, *row, loading->err);
	if (loading->status == STATUS_OK)
		free(map_remove(loading->term->rows, key)); /* rows go as states come */
}

enum status term_load(struct term *term, struct error *err)
{
	struct loading loading = {term, STATUS_OK, err};

	map_each(term->rows, load_row, &loading);
	return loading.status;
}

struct cell *term_cell(struct term *term, struct view key)
{
	struct cell *cell = store_find(term->store, key);

	if (!cell) {
		cell = store_add(term->store, key);
		cell->state = term->spec->machine.state_new(term->shell, cell_key(cell));
	}
	return cell;
}

/* What of a cell waits. */
struct waits {
	struct timer since; /* in the term's heap, whose first is the oldest */
	uint32_t count;
};

static void note_waiting(struct term *term, struct cell *cell)
{
	struct waiting (*waiting)(const void *state) = term->spec->machine.waiting;

	if (!waiting)
		return;
	struct waiting now = waiting(cell->state);
	if (!now.count && !cell->waits)
		return;
	if (!cell->waits) {
		cell->waits = memory_alloc(sizeof(*cell->waits));
		timer_init(&cell->waits->since);
	}
	term->waiting = term->waiting - cell->waits->count + now.count;
	cell->waits->count = now.count;
	timers_set(term->oldest, &cell->waits->since, now.count ? now.since_ms : INT64_MAX);
	if (!now.count) {
		free(cell->waits);
		cell->waits = NULL;
	}
}

static void touch(struct term *term, struct cell *cell)
{
	if (cell->touched)
		return;
	if (term->touched_count == term->touched_capacity) {
		term->touched_capacity = term->touched_capacity ? term->touched_capacity * 2 : 64;
		term->touched = memory_resize(term->touched, term->touched_capacity * sizeof(*term->touched));
	}
	cell->touched = true;
	term->touched[term->touched_count++] = cell;
}

void term_apply(
        struct term *term, struct cell *cell, struct event *event, int64_t now_ms, struct outbox *outbox)
{
	event->waiting = term->waiting;
	struct view none = {NULL, 0};

	outbox_about(outbox, event->key, event->record ? event->record->traceparent : none);
	term->spec->machine.apply(term->shell, cell ? cell->state : NULL, event, now_ms, outbox);
	if (!cell)
		return;
	note_waiting(term, cell);
	touch(term, cell);
}

static void settle(struct term *term, struct cell *cell)
{
	const struct machine *machine = &term->spec->machine;

	cell->touched = false;
	timers_set(term->timers, &cell->timer, machine->wake_at(cell->state));
	effects_table_derive(term->effects, cell, machine->effects);
	if (cell->effect_count == 0 && machine->state_is_empty(cell->state)) {
		assert(!cell->waits);
		timers_set(term->timers, &cell->timer, INT64_MAX);
		machine->state_free(cell->state);
		store_remove(term->store, cell);
	}
}

void term_settle(struct term *term)
{
	for (size_t i = 0; i < term->touched_count; i++)
		settle(term, term->touched[i]);
	term->touched_count = 0;
}

void term_settle_all(struct term *term)
{
	assert(term->touched_count == 0);
	/* downwards: a removed cell's place is taken by one that was visited already */
	for (size_t i = store_count(term->store); i-- > 0;) {
		note_waiting(term, store_at(term->store, i));
		settle(term, store_at(term->store, i));
	}
}
