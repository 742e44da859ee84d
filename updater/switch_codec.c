/* Rows of the switch to and from bytes, and its facts to records. */
#include "updater/switch_codec.h"

#include "base/memory.h"
#include "updater/switch_state.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- ids and digests: the bits that they are, where they have a usual form ---- */

enum id_form { ID_TEXT, ID_HEX, ID_UUID, ID_DIGEST, ID_ABSENT };
static const char *const id_shapes[] = {
        [ID_HEX] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        [ID_UUID] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx",
        [ID_DIGEST] = "sha256:zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
};

static bool is_digit_place(char shape)
{
	return shape == 'x' || shape == 'z';
}

static int hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static bool has_shape(const char *id, const char *shape)
{
	for (; *shape; id++, shape++)
		if (is_digit_place(*shape) ? hex_value(*id) < 0 : *id != *shape)
			return false; /* also at the end of id */
	return !*id;
}

static void pack_id(struct buffer *out, const char *id)
{
	unsigned char bits[32] = {0};
	size_t digits = 0;

	if (!id) {
		pack_uint(out, ID_ABSENT);
		return;
	}
	for (enum id_form form = ID_HEX; form <= ID_DIGEST; form++) {
		const char *shape = id_shapes[form];

		if (!has_shape(id, shape))
			continue;
		for (size_t i = 0; shape[i]; i++) {
			if (!is_digit_place(shape[i]))
				continue;
			unsigned char *byte = &bits[digits++ / 2];

			*byte = (unsigned char)(*byte << 4 | hex_value(id[i]));
		}
		pack_uint(out, form);
		buffer_add(out, bits, digits / 2);
		return;
	}
	pack_uint(out, ID_TEXT);
	pack_text(out, id);
}

/* NULL where absent or the input is damaged (in->failed). */
static char *unpack_id(struct unpacker *in)
{
	uint64_t form = unpack_uint(in);

	if (in->failed || form == ID_ABSENT)
		return NULL;
	if (form == ID_TEXT)
		return unpack_text(in);
	if (form > ID_DIGEST) {
		in->failed = true;
		return NULL;
	}
	char *id = memory_text(id_shapes[form]);
	size_t digits = 0;

	for (size_t i = 0; id[i]; i++) {
		if (!is_digit_place(id_shapes[form][i]))
			continue;
		if (in->at + digits / 2 >= in->end) {
			in->failed = true;
			break;
		}
		unsigned char byte = in->at[digits / 2];

		id[i] = "0123456789abcdef"[digits++ % 2 ? byte & 15 : byte >> 4];
	}
	if (!in->failed)
		in->at += digits / 2;
	return id;
}

/* ---- writing ---- */

static void write_release(const struct switch_release *release, struct buffer *out)
{
	pack_text(out, release->version);
	pack_id(out, release->release_id);
	pack_text(out, release->job_id);
	pack_id(out, release->traceparent);
	pack_int(out, release->job_position.partition);
	pack_int(out, release->job_position.offset);
	pack_int(out, release->offset);
	pack_uint(out, release->targets);
	pack_int(out, release->deadline_ms);
}

static void write_point(const struct switch_point *point, struct buffer *out)
{
	pack_uint(out, (uint64_t)(point->resolved | point->looking << 1));
	pack_uint(out, point->phase);
	pack_uint(out, point->attempt);
	pack_uint(out, point->failures);
	pack_uint(out, point->rechecks);
	pack_int(out, point->next_ms);
	pack_text(out, point->error_code);
	write_release(&point->desired, out);
	pack_id(out, point->current_version);
	pack_id(out, point->current_dp_id);
	pack_int(out, point->current_offset);
	pack_int(out, point->desired.time_ms);
}

static void write_staged(const struct switch_staged *staged, struct buffer *out)
{
	pack_id(out, staged->staged_id);
	pack_id(out, staged->dp_id);
	pack_id(out, staged->digest);
	pack_int(out, staged->offset);
}

static void write_outcome(
        const struct switch_tally *tally, const struct switch_outcome *outcome, struct buffer *out)
{
	pack_text(out, tally->version);
	pack_uint(out, tally->targets);
	pack_uint(out, outcome->state);
	pack_text(out, outcome->detail);
}

static void write_ended(const struct switch_state *state, struct buffer *out)
{
	pack_uint(out, state->ended_count);
	for (size_t i = 0; i < state->ended_count; i++)
		pack_int(out, state->ended[i]);
}

bool switch_fact_is_row(const struct switch_fact *fact)
{
	return fact->kind <= FACT_ENDED_ROW;
}

void switch_row_write(const struct switch_fact *fact, struct buffer *name, struct buffer *value)
{
	assert(switch_fact_is_row(fact));
	if (fact->kind != FACT_OUTCOME_GONE)
		pack_uint(value, SWITCH_ROW_SCHEMA);
	switch (fact->kind) {
	case FACT_STAGED_ROW:
		buffer_add_format(name, "s/%s", fact->staged->name);
		write_staged(fact->staged, value);
		break;
	case FACT_POINT_ROW:
		buffer_add_format(name, "d/%s", fact->point->name);
		write_point(fact->point, value);
		break;
	case FACT_OUTCOME_ROW:
	case FACT_OUTCOME_GONE:
		buffer_add_format(name, "j/%s/%s", fact->tally->name, fact->outcome->name);
		if (fact->kind == FACT_OUTCOME_ROW)
			write_outcome(fact->tally, fact->outcome, value);
		break;
	default:
		buffer_add_text(name, "e");
		write_ended(fact->state, value);
	}
}

/* ---- all of a state's ---- */

static void tally_rows(const struct switch_tally *tally,
        void (*row)(const struct switch_fact *row, void *context), void *context)
{
	for (size_t i = 0; i < tally->outcomes.count; i++)
		row(&(struct switch_fact){.kind = FACT_OUTCOME_ROW,
		            .tally = tally,
		            .outcome = tally->outcomes.items[i]},
		        context);
}

static bool has_attempt(const struct switch_state *state)
{
	for (size_t i = 0; i < state->points.count; i++)
		if (((const struct switch_point *)state->points.items[i])->phase == POINT_DUE)
			return true;
	return false;
}

bool switch_rows(const struct switch_state *state, void (*row)(const struct switch_fact *row, void *context),
        void *context)
{
	if (has_attempt(state))
		return false;
	for (size_t i = 0; i < state->staged.count; i++)
		row(&(struct switch_fact){.kind = FACT_STAGED_ROW, .staged = state->staged.items[i]},
		        context);
	for (size_t i = 0; i < state->points.count; i++)
		row(&(struct switch_fact){.kind = FACT_POINT_ROW, .point = state->points.items[i]}, context);
	for (size_t i = 0; i < state->tallies.count; i++)
		tally_rows(state->tallies.items[i], row, context);
	if (state->ended_count)
		row(&(struct switch_fact){.kind = FACT_ENDED_ROW, .state = state}, context);
	return true;
}

void switch_record_write(const struct switch_fact *fact, struct buffer *value)
{
	if (fact->kind == FACT_UPDATED)
		updated_write(fact->updated, value);
	else if (fact->kind == FACT_POINT_STATUS)
		dp_status_write(fact->point_status, value);
	else if (fact->kind == FACT_JOB_STATUS)
		job_status_write(fact->job_status, value);
	else
		assert(!"a fact that is no record");
}

/* ---- loading ---- */

/* What a row of a kind needs: each fills what it loads and answers whether the bytes made sense. */
static bool load_staged(struct switch_state *state, const char *name, struct unpacker *in)
{
	struct switch_staged *staged = memory_alloc(sizeof(*staged));
	char *digest;

	staged->name = memory_text(name);
	staged->staged_id = unpack_id(in);
	staged->dp_id = unpack_id(in);
	digest = unpack_id(in);
	staged->offset = unpack_int(in);
	bool good =
	        unpack_ended(in) && staged->staged_id && staged->dp_id && digest && digest_is_valid(digest);

	if (good)
		memcpy(staged->digest, digest, DIGEST_SIZE);
	free(digest);
	if (!good) {
		switch_staged_free(staged);
		return false;
	}
	switch_staged_free(table_remove(&state->staged, name));
	table_add(&state->staged, staged);
	return true;
}

static void load_release(struct unpacker *in, struct switch_release *release)
{
	release->version = unpack_text(in);
	release->release_id = unpack_id(in);
	release->job_id = unpack_text(in);
	release->traceparent = unpack_id(in);
	release->job_position.partition = (int32_t)unpack_int(in);
	release->job_position.offset = unpack_int(in);
	release->offset = unpack_int(in);
	release->targets = (uint32_t)unpack_uint(in);
	release->deadline_ms = unpack_int(in);
}

static bool load_point(struct switch_state *state, const char *name, uint64_t schema, struct unpacker *in)
{
	struct switch_point *point = memory_alloc(sizeof(*point));
	uint64_t flags = unpack_uint(in), phase = unpack_uint(in);

	point->name = memory_text(name);
	point->resolved = flags & 1;
	point->looking = flags & 2;
	point->phase = (enum point_phase)phase;
	point->attempt = (uint32_t)unpack_uint(in);
	point->failures = (uint32_t)unpack_uint(in);
	point->rechecks = (uint32_t)unpack_uint(in);
	point->next_ms = unpack_int(in);
	point->error_code = unpack_text(in);
	load_release(in, &point->desired);
	point->current_version = unpack_id(in);
	point->current_dp_id = unpack_id(in);
	point->current_offset = unpack_int(in);
	if (schema >= 2)
		point->desired.time_ms = unpack_int(in);
	point->unanswered = phase == POINT_DUE;
	if (!unpack_ended(in) || !point->desired.release_id || flags > 3 || phase > POINT_WAITING ||
	        point->rechecks > SWITCH_RECHECKS) {
		switch_point_free(point);
		return false;
	}
	struct switch_point *known = table_remove(&state->points, name);
	if (known)
		timers_set(state->pending, &known->pending, INT64_MAX);
	switch_point_free(known);
	timer_init(&point->pending);
	table_add(&state->points, point);
	switch_note_pending(state, point);
	return true;
}

/* name: "<job id>/<partition>-<offset>/<dp>" */
static struct switch_tally *tally_named(struct switch_state *state, const char *name,
        struct position position, const char *job_id, size_t job_id_len, struct unpacker *in)
{
	char *version = unpack_text(in);
	uint32_t targets = (uint32_t)unpack_uint(in);
	struct switch_tally *tally = table_find(&state->tallies, name);

	if (tally) {
		free(version);
		return tally;
	}
	tally = memory_alloc(sizeof(*tally));
	tally->name = memory_text(name);
	tally->job_id = memory_copy(job_id, job_id_len);
	tally->version = version;
	tally->position = position;
	tally->targets = targets;
	table_add(&state->tallies, tally);
	return tally;
}

static bool load_outcome(struct switch_state *state, const char *row, struct unpacker *in)
{
	char *name = memory_text(row), *point = strrchr(name, '/'), *at;
	struct position position;
	bool good = false;

	if (point)
		*point++ = '\0';
	at = point ? strrchr(name, '/') : NULL;
	if (at && sscanf(at, "/%" SCNd32 "-%" SCNd64, &position.partition, &position.offset) == 2) {
		struct switch_tally *tally =
		        tally_named(state, name, position, name, (size_t)(at - name), in);
		struct switch_outcome *outcome = memory_alloc(sizeof(*outcome));
		uint64_t how = unpack_uint(in);

		outcome->name = memory_text(point);
		outcome->state = (enum job_state)how;
		outcome->detail = unpack_text(in);
		switch_outcome_free(table_remove(&tally->outcomes, point));
		table_add(&tally->outcomes, outcome);
		good = unpack_ended(in) && how <= JOB_REJECTED && job_state_is_final(outcome->state);
	}
	free(name);
	return good;
}

static bool load_ended(struct switch_state *state, struct unpacker *in)
{
	uint64_t count = unpack_uint(in);

	if (count > SWITCH_ENDED_MAX)
		return false;
	for (size_t i = 0; i < count; i++)
		state->ended[i] = unpack_int(in);
	state->ended_count = count;
	return unpack_ended(in);
}

static bool load_row(struct switch_state *state, const char *name, uint64_t schema, struct unpacker *in)
{
	if (strncmp(name, "s/", 2) == 0)
		return load_staged(state, name + 2, in);
	if (strncmp(name, "d/", 2) == 0)
		return load_point(state, name + 2, schema, in);
	if (strncmp(name, "j/", 2) == 0)
		return load_outcome(state, name + 2, in);
	return strcmp(name, "e") == 0 && load_ended(state, in);
}

enum status switch_row_load(
        struct switch_state *state, struct view name, struct view value, struct error *err)
{
	struct unpacker in = unpack_start(value);
	uint64_t schema = unpack_uint(&in);

	if (!in.failed && schema > SWITCH_ROW_SCHEMA)
		return error_set(err, STATUS_FATAL, "newer_schema",
		        "row %.*s of %s has schema %llu and this updater knows up to %d: run the version "
		        "that "
		        "wrote it, or a later one",
		        (int)name.len, name.data, state->package_id, (unsigned long long)schema,
		        SWITCH_ROW_SCHEMA);
	char *text = memory_copy(name.data, name.len);
	bool good =
	        !in.failed && schema >= 1 && strlen(text) == name.len && load_row(state, text, schema, &in);

	free(text);
	if (good)
		return STATUS_OK;
	return error_set(err, STATUS_FATAL, "row_damaged",
	        "row %.*s of %s cannot be read: the updater's changelog is damaged; restore it from a copy, "
	        "or find out who else writes to it",
	        (int)name.len, name.data, state->package_id);
}
