/* Rows as bytes, and facts as records. */
#include "gate_script.h"

#include "base/memory.h"
#include "schemas/record.h"
#include "stager/gate_codec.h"
#include "stager/gate_sink.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* A package with something in every field: staged, retrying and failed DPs, live and ended jobs. */
static void fill(struct gate_world *world)
{
	static const char *const steps[] = {"create c1 1.0 paris,tokyo", "staged 1.0 paris",
	        "update u1 1.0 paris", "update u2 1.0 tokyo all", "fails 1.0 tokyo point dp_full",
	        "create c2 2.0 rome url", "fails 2.0 rome final manifest_lost", "update u3 9.0"};

	gate_world_init(world);
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
		gate_world_step(world, steps[i]);
}

struct row_copy {
	struct view name, value;
};

struct rows {
	struct row_copy all[40];
	size_t count;
};

static void collect(struct view name, void *value, void *context)
{
	struct rows *rows = context;

	rows->all[rows->count++] = (struct row_copy){name, *(struct view *)value};
}

Test(gate_row_load, refuses_a_row_of_a_newer_schema)
{
	struct gate_state *state = gate_state_new("PKG", &gate_limits_default);
	struct error err;
	struct buffer value;

	buffer_init(&value, 10);
	pack_uint(&value, GATE_ROW_SCHEMA + 1);
	cr_assert_eq(gate_row_load(state, view_text("v/1.0"), buffer_view(&value), &err), STATUS_FATAL);
	cr_assert_str_eq(err.code, "newer_schema");
	cr_assert(gate_state_is_empty(state));
	buffer_release(&value);
	gate_state_free(state);
}

Test(gate_row_load, refuses_every_row_that_is_cut_or_goes_on)
{
	struct gate_world world;
	struct rows rows = {.count = 0};
	size_t refused = 0;

	fill(&world);
	map_each(world.rows, collect, &rows);
	for (size_t i = 0; i < rows.count; i++) {
		struct row_copy row = rows.all[i];
		char longer[1000];
		struct error err;

		memcpy(longer, row.value.data, row.value.len);
		longer[row.value.len] = 0;
		for (size_t len = 0; len <= row.value.len + 1; len++) {
			struct gate_state *state = gate_state_new("PKG", &gate_limits_default);
			char *exact = malloc(len ? len : 1); /* so that reading past the end is seen */

			memcpy(exact, longer, len);
			if (len == row.value.len)
				cr_expect_eq(gate_row_load(state, row.name, (struct view){exact, len}, &err),
				        STATUS_OK);
			else {
				cr_expect_eq(gate_row_load(state, row.name, (struct view){exact, len}, &err),
				        STATUS_FATAL, "%.*s cut to %zu of %zu", (int)row.name.len,
				        row.name.data, len, row.value.len);
				cr_expect_str_eq(err.code, "row_damaged");
				refused++;
			}
			free(exact);
			gate_state_free(state);
		}
	}
	cr_assert_gt(refused, 200);
	gate_world_release(&world);
}

Test(gate_row_load, takes_jobs_as_the_schema_before_wrote_them)
{
	struct gate_state *state = gate_state_new("PKG", &gate_limits_default);
	struct gate_world world;
	int64_t since;
	struct error err;

	gate_world_init(&world);
	gate_world_step(&world, "update u1 1.0 paris");
	const struct view *row = map_get(world.rows, view_text("j/u1"));
	char *old = memory_copy(row->data, row->len - 3); /* without accepted_ms: 1,000,000 */
	old[0] = 1;
	cr_assert_eq(gate_row_load(state, view_text("j/u1"), (struct view){old, row->len - 3}, &err),
	        STATUS_OK, "%s", err.message);
	cr_assert_eq(gate_held(state, &since), 1);
	cr_assert_eq(since, INT64_MAX, "nobody knows");
	free(old);
	gate_state_free(state);
	gate_world_release(&world);
}

Test(gate_row_load, refuses_names_that_no_row_has)
{
	static const char *const names[] = {"", "v", "x/1.0", "d/1.0"};
	struct gate_state *state = gate_state_new("PKG", &gate_limits_default);
	struct error err;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		cr_expect_eq(gate_row_load(state, view_text(names[i]), view_text("\x01"), &err), STATUS_FATAL,
		        "%s", names[i]);
	gate_state_free(state);
}

Test(gate_row_load, takes_a_row_in_place_of_the_one_before)
{
	struct gate_world world;
	struct rows rows = {.count = 0};
	struct gate_state *twice;
	struct error err;

	fill(&world);
	map_each(world.rows, collect, &rows);
	twice = gate_state_new(world.state->package, &world.limits);
	for (size_t i = 0; i < 2 * rows.count; i++) {
		const struct row_copy *row = &rows.all[i % rows.count];
		cr_assert_eq(gate_row_load(twice, row->name, row->value, &err), STATUS_OK);
	}
	cr_assert(gate_state_equal(twice, world.state));
	gate_state_free(twice);
	gate_world_release(&world);
}

Test(gate_row_value, takes_about_a_hundred_bytes_for_a_staged_dp)
{
	struct gate_world world;
	const struct view *row;

	gate_world_init(&world);
	gate_world_step(&world, "create c-17 1.0 paris");
	gate_world_step(&world, "staged 1.0 paris 7d0f3c52-6f0e-4c1b-9a55-0d2f2f1f9c11");
	row = map_get(world.rows, view_text("d/1.0/paris"));
	cr_assert_not_null(row);
	cr_assert_leq(row->len, 110, "%zu", row->len);
	gate_world_release(&world);
}

/* ---- facts */

static struct outbox *outbox_of(const struct gate_fact *fact, bool cloudevents)
{
	struct outbox *outbox = outbox_new();
	struct gate_sink sink;

	outbox_about(outbox, view_text("PKG"), (struct view){NULL, 0});
	gate_sink_init(&sink, outbox, cloudevents);
	sink.out.fact(fact, sink.out.context);
	cr_assert_eq(outbox_count(outbox), 1);
	cr_assert(!outbox_is_overfull(outbox));
	return outbox;
}

Test(gate_sink, writes_what_the_updater_reads_to_its_topic)
{
	struct gate_fact fact = {.kind = FACT_STAGED,
	        .traceparent = "00-aa-bb-01",
	        .staged = {.type = STAGED_RELEASE,
	                .id = "0123456789abcdef0123456789abcdef",
	                .time_ms = 1000,
	                .package_id = "PKG",
	                .version = "1.0",
	                .distribution_point = "paris",
	                .job_id = "@3-7",
	                .job_position = {3, 7},
	                .dp_id = "7d0f3c52-6f0e-4c1b-9a55-0d2f2f1f9c11",
	                .digest = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
	                .staged_id = "fedcba9876543210fedcba9876543210",
	                .targets = 2,
	                .deadline_ms = 5000}};
	struct outbox *outbox = outbox_of(&fact, false);
	const struct outbox_message *message = outbox_message(outbox, 0);
	struct staged_record *record;
	struct error err;

	cr_assert_eq(message->kind, OUTBOX_RECORD);
	cr_assert_eq(message->output, OUTPUT_STAGED);
	cr_assert(view_is(message->key, "PKG"));
	cr_assert_eq(staged_parse(message->key, message->value, &record, &err), STATUS_OK, "%s", err.message);
	cr_assert_eq(record->type, STAGED_RELEASE);
	cr_assert_eq(record->job_position.offset, 7);
	cr_assert_eq(record->targets, 2);
	cr_assert_eq(message->header_count, 1);
	cr_assert(view_is(message->headers[0].value, "00-aa-bb-01"));
	staged_free(record);
	outbox_free(outbox);
}

Test(gate_sink, leaves_annotations_out_where_the_status_would_be_too_large)
{
	static char annotations[RECORD_VALUE_MAX];
	struct gate_fact fact = {.kind = FACT_JOB,
	        .job = {.id = "0123456789abcdef0123456789abcdef",
	                .job_id = "c1",
	                .package_id = "PKG",
	                .version = "1.0",
	                .state = JOB_ACCEPTED,
	                .annotations = annotations}};
	struct outbox *outbox;
	struct status_event event;
	struct error err;

	memset(annotations, 'x', sizeof(annotations) - 1);
	memcpy(annotations, "{\"ticket\":\"", 11);
	memcpy(annotations + sizeof(annotations) - 3, "\"}", 2);
	outbox = outbox_of(&fact, false);
	cr_assert_eq(outbox_message(outbox, 0)->output, OUTPUT_STATUS);
	cr_assert_leq(outbox_message(outbox, 0)->value.len, 1000);
	cr_assert_eq(status_parse(outbox_message(outbox, 0)->value, &event, &err), STATUS_OK);
	cr_assert_str_eq(event.state, "accepted");
	outbox_free(outbox);
}

Test(gate_sink, adds_the_headers_of_cloudevents_where_they_are_wanted)
{
	struct gate_fact fact = {.kind = FACT_DUPLICATE,
	        .duplicate = {.id = "0123456789abcdef0123456789abcdef",
	                .time_ms = 1000,
	                .job_id = "c1",
	                .package_id = "PKG",
	                .version = "1.0"}};
	struct outbox *outbox = outbox_of(&fact, true);
	const struct outbox_message *message = outbox_message(outbox, 0);
	const char *want[][2] = {{"ce_id", "0123456789abcdef0123456789abcdef"},
	        {"ce_type", "holdpoint.duplicate.v1"}, {"ce_subject", "PKG"},
	        {"ce_source", "/holdpoint/stager"}};

	for (size_t w = 0; w < 4; w++) {
		bool found = false;

		for (size_t i = 0; i < message->header_count; i++)
			found = found || (view_is(message->headers[i].name, want[w][0]) &&
			                         view_is(message->headers[i].value, want[w][1]));
		cr_expect(found, "%s", want[w][0]);
	}
	outbox_free(outbox);
}
