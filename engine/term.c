#include "engine/term.h"

#include "base/memory.h"
#include "engine/anchor.h"
#include "engine/route.h"
#include "engine/rows.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct term *term_new(const struct worker_spec *spec, void *shell, int32_t partition, uint64_t number,
        uint32_t lane_limit, uint32_t recent_states)
{
	struct term *term = memory_alloc(sizeof(*term));

	term->spec = spec;
	term->shell = shell;
	term->number = number;
	term->claim.partition = partition;
	progress_init(&term->progress);
	progress_init(&term->anchor);
	term->store = store_new();
	term->timers = timers_new();
	term->effects = effects_table_new(lane_limit, spec->effector.cancel, shell);
	term->oldest = timers_new();
	term->rows = rows_new();
	term->recent_most = recent_states && recent_states < TERM_RECENT ? recent_states : TERM_RECENT;
	packer_init(&term->packer);
	return term;
}

void term_free(struct term *term)
{
	if (!term)
		return;
	rows_free(term->rows);
	for (size_t i = 0; i < store_count(term->store); i++)
		free(store_at(term->store, i)->waits);
	effects_table_free(term->effects);
	timers_free(term->timers);
	timers_free(term->oldest);
	store_free(term->store, term->spec->machine.state_free);
	packer_release(&term->packer);
	free(term->touched);
	free(term);
}

/* ---- states, packed or not */

static void need_state(struct term *term, struct cell *cell)
{
	struct packed *packed = cell->packed;

	if (!cell->is_packed)
		return;
	cell->state = packed_open(&term->spec->machine, term->shell, cell_key(cell), packed);
	cell->is_packed = false;
	free(packed);
}

/* Nothing but an event will change it, and it waits for none. */
static bool is_at_rest(const struct cell *cell)
{
	return !cell->touched && !cell->waits && cell->effect_count == 0 && cell->timer.when == INT64_MAX;
}

static void put_away(struct term *term, struct cell *cell)
{
	struct packed *packed;

	if (cell->is_packed || !is_at_rest(cell))
		return; /* once it rests it was touched and settled, and so comes by again */
	packed = packed_of(&term->packer, &term->spec->machine, cell->state);
	if (!packed)
		return;
	term->spec->machine.state_free(cell->state);
	cell->packed = packed;
	cell->is_packed = true;
}

static void forget_recent(struct term *term, struct cell *cell)
{
	if (cell->recent)
		term->recent[cell->recent - 1] = NULL;
	cell->recent = 0;
}

/* What was used lately will likely be used again: it stays unpacked until as many others were used. */
static void note_recent(struct term *term, struct cell *cell)
{
	struct cell **place = &term->recent[term->recent_next], *oldest = *place;

	if (cell->recent)
		return;
	if (oldest) {
		forget_recent(term, oldest);
		put_away(term, oldest);
	}
	*place = cell;
	cell->recent = (uint8_t)(term->recent_next + 1);
	term->recent_next = (term->recent_next + 1) % term->recent_most;
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

static void apply(struct term *term, void *state, struct event *event, int64_t now_ms, struct outbox *outbox)
{
	struct view none = {NULL, 0};

	event->waiting = term->waiting;
	outbox_about(outbox, event->key, event->record ? event->record->traceparent : none);
	term->spec->machine.apply(term->shell, state, event, now_ms, outbox);
}

static void note_applied(struct term *term, struct cell *cell)
{
	note_waiting(term, cell);
	touch(term, cell);
}

void term_apply(
        struct term *term, struct cell *cell, struct event *event, int64_t now_ms, struct outbox *outbox)
{
	if (cell)
		need_state(term, cell);
	apply(term, cell ? cell->state : NULL, event, now_ms, outbox);
	if (cell)
		note_applied(term, cell);
}

void term_notify(
        struct term *term, struct cell *cell, struct event *event, int64_t now_ms, struct outbox *outbox)
{
	const struct machine *machine = &term->spec->machine;
	size_t said = outbox_count(outbox);

	if (!cell->is_packed) {
		term_apply(term, cell, event, now_ms, outbox);
		return;
	}
	void *state = packed_open(machine, term->shell, cell_key(cell), cell->packed);
	apply(term, state, event, now_ms, outbox);
	if (outbox_count(outbox) == said && !outbox_is_overfull(outbox)) {
		machine->state_free(state); /* every change is a row: it is what its bytes say */
		return;
	}
	free(cell->packed);
	cell->state = state;
	cell->is_packed = false;
	note_applied(term, cell);
}

/* False: there was nothing left of it, and it is gone. */
static bool settle(struct term *term, struct cell *cell)
{
	const struct machine *machine = &term->spec->machine;

	cell->touched = false;
	timers_set(term->timers, &cell->timer, machine->wake_at(cell->state));
	effects_table_derive(term->effects, cell, machine->effects);
	if (cell->effect_count == 0 && machine->state_is_empty(cell->state)) {
		assert(!cell->waits);
		timers_set(term->timers, &cell->timer, INT64_MAX);
		machine->state_free(cell->state);
		forget_recent(term, cell);
		store_remove(term->store, cell);
		return false;
	}
	return true;
}

void term_settle(struct term *term)
{
	for (size_t i = 0; i < term->touched_count; i++)
		if (settle(term, term->touched[i]))
			note_recent(term, term->touched[i]);
	term->touched_count = 0;
}

/* ---- restoring */

/* In term->rows: the engine's own rows, and whatever else is no state's, have owner 0. */
static uint32_t owner_of(const struct cell *cell)
{
	return cell->index + 1;
}

/* "<key>/<row>" */
static bool split(struct view key, struct view *ret_name, struct view *ret_row)
{
	const char *slash = key.len ? memchr(key.data, '/', key.len) : NULL;

	if (!slash)
		return false;
	*ret_name = (struct view){key.data, (size_t)(slash - key.data)};
	*ret_row = (struct view){slash + 1, key.len - ret_name->len - 1};
	return route_key_has_state(*ret_name);
}

enum status term_collect_row(struct view key, struct view value, void *context, struct error *err)
{
	struct term *term = context;
	struct view name, row;

	(void)err;
	term->row_count++;
	if (!split(key, &name, &row)) {
		rows_put(term->rows, 0, key, value);
		return STATUS_OK;
	}
	struct cell *cell = store_find(term->store, name);
	if (!cell)
		cell = store_add(term->store, name);
	rows_put(term->rows, owner_of(cell), row, value);
	return STATUS_OK;
}

static enum status load_own(struct term *term, struct error *err)
{
	enum status status = STATUS_OK;
	struct view key, value;
	uint32_t cursor = 0;

	while (status == STATUS_OK && rows_next(term->rows, 0, &cursor, &key, &value))
		if (view_is(key, PROGRESS_ROW))
			status = progress_parse(value, &term->progress, err);
		else if (view_is(key, ANCHOR_ROW))
			status = progress_parse(value, &term->anchor, err);
		else if (key.len == 0 || key.data[0] != '@') /* @claim, @run, @genesis say nothing to us */
			status = error_set(err, STATUS_FATAL, "state_damaged",
			        "the changelog has a row \"%.*s\", which no version wrote: "
			        "find out what else writes to it",
			        (int)(key.len < 100 ? key.len : 100), key.data);
	return status;
}

static enum status load_state(struct term *term, struct cell *cell, struct error *err)
{
	const struct machine *machine = &term->spec->machine;
	enum status status = STATUS_OK;
	struct view row, value;
	uint32_t cursor = 0;

	cell->state = machine->state_new(term->shell, cell_key(cell));
	while (status == STATUS_OK && rows_next(term->rows, owner_of(cell), &cursor, &row, &value))
		status = machine->state_load(cell->state, row, value, err);
	return status;
}

enum status term_load(struct term *term, struct error *err)
{
	assert(term->touched_count == 0);
	rows_end(term->rows);
	enum status status = load_own(term, err);
	/* downwards: a removed cell's place is taken by one that was visited already */
	for (size_t i = store_count(term->store); i-- > 0 && status == STATUS_OK;) {
		struct cell *cell = store_at(term->store, i);
		status = load_state(term, cell, err);
		if (status != STATUS_OK)
			break;
		note_waiting(term, cell);
		if (settle(term, cell))
			put_away(term, cell);
	}
	rows_free(term->rows);
	term->rows = NULL;
	return status;
}
