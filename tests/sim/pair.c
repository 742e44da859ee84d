#include "tests/sim/pair.h"

#include "base/memory.h"
#include "stager/gate_state.h"
#include "stager/stager.h"
#include "tests/sim/marks.h"
#include "tests/sim/world.h"
#include "updater/switch.h"
#include "updater/updater.h"

#include <stdlib.h>
#include <string.h>

static struct worker_spec inner[2], paired[2]; /* of the stager, of the updater */

struct row {
	struct view name, value; /* owned */
};

/* A state and all its rows as last written. */
struct pair {
	const struct worker_spec *inner;
	void *shell, *state;
	void *rebuilt;   /* from the rows, and told of each that changed since; NULL: not yet, or one has gone
	                  */
	struct view key; /* owned */
	struct row *rows;
	size_t count, capacity;
};

static struct view copy(struct view bytes)
{
	return (struct view){memory_copy(bytes.data, bytes.len), bytes.len};
}

static struct row *find_row(const struct pair *pair, struct view name)
{
	for (size_t i = 0; i < pair->count; i++)
		if (view_equal(pair->rows[i].name, name))
			return &pair->rows[i];
	return NULL;
}

static void forget_rebuilt(struct pair *pair)
{
	if (pair->rebuilt)
		pair->inner->machine.state_free(pair->rebuilt);
	pair->rebuilt = NULL;
}

static void load_rebuilt(struct pair *pair, struct view name, struct view value)
{
	struct error err;

	if (pair->inner->machine.state_load(pair->rebuilt, name, value, &err) != STATUS_OK)
		world_violation("pair", "row %.*s does not load: %s", (int)name.len, name.data, err.message);
}

static void put_row(struct pair *pair, struct view name, struct view value)
{
	struct row *row = find_row(pair, name);

	if (pair->rebuilt)
		load_rebuilt(pair, name, value);
	if (!row) {
		if (pair->count == pair->capacity) {
			pair->capacity = pair->capacity ? 2 * pair->capacity : 16;
			pair->rows = memory_resize(pair->rows, pair->capacity * sizeof(*pair->rows));
		}
		row = &pair->rows[pair->count++];
		*row = (struct row){.name = copy(name)};
	}
	char *bytes = memory_resize((char *)row->value.data, value.len + 1);
	memcpy(bytes, value.data, value.len);
	bytes[value.len] = '\0';
	row->value = (struct view){bytes, value.len};
}

static void remove_row(struct pair *pair, struct view name)
{
	struct row *row = find_row(pair, name);

	if (!row)
		return;
	forget_rebuilt(pair);
	free((char *)row->name.data);
	free((char *)row->value.data);
	*row = pair->rows[--pair->count];
}

/* "<key>/<row>" */
static void follow_rows(struct pair *pair, const struct outbox *out, size_t from)
{
	for (size_t i = from; i < outbox_count(out); i++) {
		const struct outbox_message *message = outbox_message(out, i);
		if (message->kind != OUTBOX_ROW)
			continue;
		struct view name = {
		        message->key.data + pair->key.len + 1, message->key.len - pair->key.len - 1};
		if (message->key.len <= pair->key.len ||
		        memcmp(message->key.data, pair->key.data, pair->key.len) != 0)
			world_violation("pair", "a row of another key");
		else if (message->value.data)
			put_row(pair, name, message->value);
		else
			remove_row(pair, name);
	}
}

static bool is_same(const struct pair *pair, const void *rebuilt)
{
	const struct machine *machine = &pair->inner->machine;
	bool same = pair->inner == &inner[1]
	                    ? switch_state_equal(pair->state, rebuilt) && switch_state_is_counted(pair->state)
	                    : gate_state_equal(pair->state, rebuilt) && gate_state_is_counted(pair->state);

	return same && machine->wake_at(pair->state) == machine->wake_at(rebuilt) &&
	       machine->state_is_empty(pair->state) == machine->state_is_empty(rebuilt);
}

static void rebuild(struct pair *pair)
{
	pair->rebuilt = pair->inner->machine.state_new(pair->shell, pair->key);
	for (size_t i = 0; i < pair->count; i++)
		load_rebuilt(pair, pair->rows[i].name, pair->rows[i].value);
}

static void check(struct pair *pair)
{
	mark(MARK_pair_checked);
	if (!pair->rebuilt)
		rebuild(pair);
	if (!is_same(pair, pair->rebuilt))
		world_violation("pair", "the %s's state of %.*s is not what its rows give", pair->inner->role,
		        (int)pair->key.len, pair->key.data);
}

/* ---- the machine around the machine ---- */

static void *pair_new(const struct worker_spec *spec, void *shell, struct view key)
{
	struct pair *pair = memory_alloc(sizeof(*pair));

	*pair = (struct pair){.inner = spec, .shell = shell, .key = copy(key)};
	pair->state = spec->machine.state_new(shell, key);
	return pair;
}

static void pair_free(void *state)
{
	struct pair *pair = state;

	pair->inner->machine.state_free(pair->state);
	forget_rebuilt(pair);
	while (pair->count)
		remove_row(pair, pair->rows[0].name);
	free(pair->rows);
	free((char *)pair->key.data);
	free(pair);
}

static enum status pair_load(void *state, struct view row, struct view value, struct error *err)
{
	struct pair *pair = state;

	put_row(pair, row, value);
	return pair->inner->machine.state_load(pair->state, row, value, err);
}

/* Hands on the rows of the state within, each once it was compared. */
struct saving {
	struct row_writer writer; /* first */
	struct row_writer *out;
	const struct pair *pair;
	size_t count;
};

static void save_row(struct row_writer *writer)
{
	struct saving *saving = (struct saving *)writer;
	struct view name = buffer_view(&writer->name), value = buffer_view(&writer->value);
	const struct row *row = find_row(saving->pair, name);

	if (!row || !view_equal(row->value, value))
		world_violation("pair", "row %.*s is put away as nobody wrote it", (int)name.len, name.data);
	saving->count++;
	buffer_add(&saving->out->name, name.data, name.len);
	buffer_add(&saving->out->value, value.data, value.len);
	row_written(saving->out);
}

static bool pair_save(const void *state, struct row_writer *out)
{
	const struct pair *pair = state;
	struct saving saving = {.writer.take = save_row, .out = out, .pair = pair};

	buffer_init(&saving.writer.name, out->name.max);
	buffer_init(&saving.writer.value, out->value.max);
	bool put_away = pair->inner->machine.state_save(pair->state, &saving.writer);
	buffer_release(&saving.writer.name);
	buffer_release(&saving.writer.value);
	if (put_away && saving.count != pair->count)
		world_violation("pair", "%zu rows are put away, and it has %zu", saving.count, pair->count);
	if (put_away)
		mark(MARK_pair_put_away);
	return put_away;
}

static bool pair_is_empty(const void *state)
{
	const struct pair *pair = state;

	return pair->inner->machine.state_is_empty(pair->state);
}

static void pair_apply(const struct worker_spec *spec, void *shell, struct pair *pair,
        const struct event *event, int64_t now_ms, struct outbox *out)
{
	size_t before = outbox_count(out);

	spec->machine.apply(shell, pair ? pair->state : NULL, event, now_ms, out);
	if (!pair)
		return;
	follow_rows(pair, out, before);
	check(pair);
}

static void pair_effects(const void *state, struct effects *effects)
{
	const struct pair *pair = state;

	pair->inner->machine.effects(pair->state, effects);
}

static int64_t pair_wake_at(const void *state)
{
	const struct pair *pair = state;

	return pair->inner->machine.wake_at(pair->state);
}

static struct waiting pair_waiting(const void *state)
{
	const struct pair *pair = state;

	return pair->inner->machine.waiting(pair->state);
}

static enum effect_start pair_start(void *shell, const void *state, const struct effect_context *context,
        uint64_t *ret_effect, int64_t *ret_offset)
{
	const struct pair *pair = state;

	return pair->inner->effector.start(shell, pair->state, context, ret_effect, ret_offset);
}

/* What gets no state has to know its role. */
static void *new_stager_pair(void *shell, struct view key)
{
	return pair_new(&inner[0], shell, key);
}

static void *new_updater_pair(void *shell, struct view key)
{
	return pair_new(&inner[1], shell, key);
}

static void apply_stager_pair(
        void *shell, void *state, const struct event *event, int64_t now_ms, struct outbox *out)
{
	pair_apply(&inner[0], shell, state, event, now_ms, out);
}

static void apply_updater_pair(
        void *shell, void *state, const struct event *event, int64_t now_ms, struct outbox *out)
{
	pair_apply(&inner[1], shell, state, event, now_ms, out);
}

void pair_begin(void)
{
	inner[0] = (struct worker_spec){.role = "stager",
	        .machine = stager_machine,
	        .effector = stager_effector,
	        .options = stager_options,
	        .open = stager_open,
	        .close = stager_close};
	inner[1] = updater_spec;
	for (int updater = 0; updater < 2; updater++) {
		struct worker_spec *spec = &paired[updater];
		*spec = inner[updater];
		spec->machine = (struct machine){.state_new = updater ? new_updater_pair : new_stager_pair,
		        .state_free = pair_free,
		        .state_load = pair_load,
		        .state_save = pair_save,
		        .state_is_empty = pair_is_empty,
		        .apply = updater ? apply_updater_pair : apply_stager_pair,
		        .effects = pair_effects,
		        .wake_at = pair_wake_at,
		        .waiting = pair_waiting};
		spec->effector.start = pair_start;
	}
}

const struct worker_spec *pair_spec(bool updater)
{
	return &paired[updater];
}
