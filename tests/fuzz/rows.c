/* What is read from changelogs: rows by name and value, in any order. They are only ever written by the
 * program itself, so they need not be believed, but whatever is accepted must be lived with. */
#include "fuzz.h"

#include "stager/gate_codec.h"
#include "updater/switch_codec.h"

#include <string.h>

enum { ROWS_MAX = 64, TEXT_MAX = 4 << 20 };

/* ---- the gate's */

/* Rows that the state writes, kept as pieces. */
struct written {
	struct buffer name, value;
	struct gate_state *copy;
};

static void take_row(const struct gate_row *row, void *context)
{
	struct written *written = context;
	struct error err;

	buffer_clear(&written->name);
	buffer_clear(&written->value);
	gate_row_name(row, &written->name);
	if (row->gone)
		return;
	gate_row_value(row, &written->value);
	fuzz_note(buffer_view(&written->value));
	fuzz_require(gate_row_load(written->copy, buffer_view(&written->name), buffer_view(&written->value),
	                     &err) == STATUS_OK);
}

/* False: refused, and so would the shard be. */
static bool load_rows(struct gate_state *state, struct view input)
{
	struct view name, value;
	struct error err;

	for (int i = 0; i < ROWS_MAX && fuzz_piece(&input, &name) && fuzz_piece(&input, &value); i++) {
		enum status status = gate_row_load(state, name, value, &err);

		fuzz_note_status(status, &err);
		fuzz_require(status == STATUS_OK || status == STATUS_FATAL);
		if (status != STATUS_OK)
			return false;
	}
	return true;
}

static void take_effect(const struct gate_version *version, const struct gate_staging *staging, void *context)
{
	(void)version, (void)staging, (void)context;
}

void fuzz_gate_rows(struct view input)
{
	struct gate_state *state = gate_state_new("PKG", &gate_limits_default);
	struct written written = {.copy = gate_state_new("PKG", &gate_limits_default)};

	buffer_init(&written.name, TEXT_MAX);
	buffer_init(&written.value, TEXT_MAX);
	if (load_rows(state, input)) {
		gate_rows(state, take_row, &written);
		fuzz_require(gate_state_equal(state, written.copy));
		gate_effects(state, take_effect, NULL);
		gate_wake_at(state);
	}
	buffer_release(&written.name);
	buffer_release(&written.value);
	gate_state_free(written.copy);
	gate_state_free(state);
}

/* ---- the switch's */

void fuzz_switch_rows(struct view input)
{
	struct switch_state *state = switch_state_new(view_text("PKG"), &switch_rules_default);
	struct view name, value;
	struct switch_task task;
	struct error err;
	size_t cursor = 0;

	for (int i = 0; i < ROWS_MAX && fuzz_piece(&input, &name) && fuzz_piece(&input, &value); i++) {
		enum status status = switch_row_load(state, name, value, &err);

		fuzz_note_status(status, &err);
		fuzz_require(status == STATUS_OK || status == STATUS_FATAL);
		if (status != STATUS_OK)
			break;
	}
	while (switch_next_task(state, &cursor, &task))
		fuzz_require(task.release_id && task.dp_id);
	switch_wake_at(state);
	switch_state_free(state);
}
