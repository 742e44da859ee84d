#include "updater/switch_codec.h"
#include "world.h"

#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

Test(switch_row_load, refuses_a_row_of_a_newer_schema_with_words)
{
	struct switch_state *state = switch_state_new(view_text("PKG"), &switch_rules_default);
	const char newer = SWITCH_ROW_SCHEMA + 1;
	struct error err;

	cr_assert_eq(
	        switch_row_load(state, view_text("d/paris"), (struct view){&newer, 1}, &err), STATUS_FATAL);
	cr_assert_str_eq(err.code, "newer_schema");
	cr_assert(switch_state_is_empty(state));
	switch_state_free(state);
}

/* Every row cut short, and each with one byte too many. */
Test(switch_row_load, refuses_damaged_rows_and_never_reads_past_them)
{
	struct world world;
	struct error err;

	world_init(&world);
	world_run(&world, "staged 1.0 paris A\nrelease 1.0 paris A u1 5 1 1000000\nanswer paris wanted\n"
	                  "release 1.0 paris A u2 6 2 1000000\nanswer paris wanted");
	cr_assert_eq(world.row_count, 4, "one row of each kind");
	for (size_t i = 0; i < world.row_count; i++) {
		const struct world_row *row = &world.rows[i];

		for (size_t len = 0; len <= row->len + 1; len++) {
			struct switch_state *state = switch_state_new(view_text("PKG"), &world.rules);
			char *copy = malloc(len ? len : 1); /* exactly as long: a sanitizer sees the rest */

			memcpy(copy, row->value, len < row->len ? len : row->len);
			if (len > row->len)
				copy[row->len] = 1;
			enum status status =
			        switch_row_load(state, view_text(row->name), (struct view){copy, len}, &err);

			cr_assert_eq(status, len == row->len ? STATUS_OK : STATUS_FATAL,
			        "%s cut to %zu of %zu", row->name, len, row->len);
			switch_state_free(state);
			free(copy);
		}
	}
	world_release(&world);
}

Test(switch_row_load, refuses_names_that_no_row_has)
{
	static const char *const names[] = {"", "x/paris", "d", "j/", "j/u1", "j/u1/paris", "j/u1/x-y/paris"};
	struct error err;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct switch_state *state = switch_state_new(view_text("PKG"), &switch_rules_default);

		cr_assert_eq(
		        switch_row_load(state, view_text(names[i]), (struct view){"\1\0\0\3\0", 5}, &err),
		        STATUS_FATAL, "'%s'", names[i]);
		cr_assert_str_eq(err.code, "row_damaged");
		switch_state_free(state);
	}
}

static void release_with_real_ids(struct world *world)
{
	char digest[DIGEST_SIZE];
	struct staged_record staged = {.type = STAGED_STAGED,
	        .id = "0123456789abcdef0123456789abcdef",
	        .package_id = "PKG",
	        .version = "1.0",
	        .distribution_point = "paris",
	        .job_id = "c-1",
	        .dp_id = "7b0e8f5c-1d2e-4f3a-8b4c-5d6e7f809102",
	        .digest = digest,
	        .read_back = "full"};
	struct staged_record release = staged;

	digest_of(view_text("1.0"), digest);
	release.type = STAGED_RELEASE;
	release.id = "ffeeddccbbaa99887766554433221100";
	release.staged_id = staged.id;
	release.job_id = "u-18";
	release.job_position = (struct position){WORLD_PACKAGE_PARTITION, 123456};
	release.targets = 2;
	release.deadline_ms = INT64_C(1800000000000);
	world->now_ms = INT64_C(1790000000000);
	world_apply(
	        world, &(struct switch_event){
	                       .kind = SWITCH_RECORD, .position = {.offset = 1000000}, .record = &staged});
	world_apply(
	        world, &(struct switch_event){
	                       .kind = SWITCH_RECORD, .position = {.offset = 1000001}, .record = &release});
	world_run(world, "answer paris wanted");
}

Test(switch_row_write, packs_usual_ids_as_the_bits_that_they_are_and_gives_them_back)
{
	struct world world;
	struct switch_task task;

	world_init(&world);
	release_with_real_ids(&world);
	for (size_t i = 0; i < world.row_count; i++)
		cr_assert_leq(
		        world.rows[i].len, 100, "%s takes %zu bytes", world.rows[i].name, world.rows[i].len);
	world_run(&world, "restart\nstaged 1.0 paris other-disk");
	cr_assert(switch_find_task(world.state, "paris", 2, &task));
	cr_assert_str_eq(task.release_id, "ffeeddccbbaa99887766554433221100");
	cr_assert_str_eq(task.dp_id, "other-disk");
	world_release(&world);
}

/* ---- records ---- */

struct written {
	struct buffer text;
	enum switch_fact_kind kind;
};

static void write_fact(const struct switch_fact *fact, void *context)
{
	struct written *written = context;

	if (fact->kind == written->kind)
		switch_record_write(fact, &written->text);
}

Test(switch_record_write, cites_the_staged_event_and_the_release_that_an_update_rests_on)
{
	struct world world;
	struct written written = {.kind = FACT_UPDATED};
	struct updated_record *updated;
	struct error err;

	buffer_init(&written.text, SWITCH_RECORD_MAX);
	world_init(&world);
	world.heard = write_fact;
	world.context = &written;
	release_with_real_ids(&world);
	cr_assert_eq(updated_parse(buffer_view(&written.text), &updated, &err), STATUS_OK, "%s in %s",
	        err.message, written.text.data);
	cr_assert_str_eq(updated->staged_id, "0123456789abcdef0123456789abcdef");
	cr_assert_str_eq(updated->release_id, "ffeeddccbbaa99887766554433221100");
	cr_assert_eq(updated->staged_position.offset, 1000000);
	cr_assert_eq(updated->release_position.offset, 1000001);
	cr_assert_eq(updated->release_position.partition, WORLD_PACKAGE_PARTITION);
	cr_assert_str_eq(updated->job_id, "u-18");
	cr_assert_null(updated->previous_version);
	updated_free(updated);
	buffer_release(&written.text);
	world_release(&world);
}

Test(switch_record_write, says_how_a_job_ended)
{
	struct world world;
	struct written written = {.kind = FACT_JOB_STATUS};
	struct status_event event;
	struct error err;

	buffer_init(&written.text, SWITCH_RECORD_MAX);
	world_init(&world);
	world.heard = write_fact;
	world.context = &written;
	world_run(&world, "withheld 1.0 paris u1 5 2 failed\nwithheld 1.0 tokyo u1 5 2 superseded");
	cr_assert_eq(status_parse(buffer_view(&written.text), &event, &err), STATUS_OK, "%s", err.message);
	cr_assert_str_eq(event.state, "failed");
	cr_assert(event.final);
	cr_assert_str_eq(event.reason, "distribution_point_failed");
	cr_assert_eq(event.job_position.offset, 5);
	buffer_release(&written.text);
	world_release(&world);
}
