#include "schemas/staged.h"

#include <criterion/criterion.h>

#define HASH "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

static const struct staged_record every_field = {.id = "id-1",
        .time_ms = 1795000000123,
        .package_id = "PKG00042",
        .version = "1.0~rc1",
        .distribution_point = "paris",
        .job_id = "@3-1742",
        .job_position = {3, 1742},
        .dp_id = "6f1d8f0a-6a55-4a0c-8d0c-5f2a1d7a7c11",
        .digest = HASH,
        .files = 12,
        .bytes = 9007199254740991,
        .read_back = "size",
        .staged_id = "id-0",
        .targets = 1000,
        .deadline_ms = 253402300799999,
        .reason = "superseded",
        .detail = "by u-19"};

static struct staged_record *write_and_parse(enum staged_type type, struct position job_position)
{
	struct staged_record record = every_field, *parsed = NULL;
	struct error err = {.code = ""};
	struct buffer out;

	record.type = type;
	record.job_position = job_position;
	buffer_init(&out, 1 << 20);
	staged_write(&record, &out);
	cr_assert_eq(staged_parse(view_text("PKG00042"), buffer_view(&out), &parsed, &err), STATUS_OK,
	        "%s: %s", err.message, out.data);
	buffer_release(&out);
	cr_assert_eq(parsed->type, type);
	cr_assert_str_eq(parsed->id, record.id);
	cr_assert_eq(parsed->time_ms, record.time_ms);
	cr_assert_str_eq(parsed->package_id, record.package_id);
	cr_assert_str_eq(parsed->version, record.version);
	cr_assert_str_eq(parsed->distribution_point, record.distribution_point);
	cr_assert_str_eq(parsed->job_id, record.job_id);
	cr_assert_eq(parsed->job_position.partition, job_position.partition);
	cr_assert_eq(parsed->job_position.offset, job_position.offset);
	return parsed;
}

Test(staged, a_staged_record_comes_back_whole)
{
	struct staged_record *record = write_and_parse(STAGED_STAGED, every_field.job_position);

	cr_assert_str_eq(record->dp_id, every_field.dp_id);
	cr_assert_str_eq(record->digest, HASH);
	cr_assert_eq(record->files, 12);
	cr_assert_eq(record->bytes, every_field.bytes);
	cr_assert_str_eq(record->read_back, "size");
	cr_assert_null(record->staged_id);
	staged_free(record);
}

Test(staged, a_release_comes_back_whole)
{
	struct staged_record *record = write_and_parse(STAGED_RELEASE, every_field.job_position);

	cr_assert_str_eq(record->dp_id, every_field.dp_id);
	cr_assert_str_eq(record->digest, HASH);
	cr_assert_str_eq(record->staged_id, "id-0");
	cr_assert_eq(record->targets, 1000);
	cr_assert_eq(record->deadline_ms, every_field.deadline_ms);
	cr_assert_null(record->read_back);
	staged_free(record);
}

Test(staged, a_withheld_record_comes_back_whole)
{
	struct staged_record *record = write_and_parse(STAGED_WITHHELD, every_field.job_position);

	cr_assert_eq(record->targets, 1000);
	cr_assert_eq(record->deadline_ms, every_field.deadline_ms);
	cr_assert_str_eq(record->reason, "superseded");
	cr_assert_str_eq(record->detail, "by u-19");
	cr_assert_null(record->dp_id);
	cr_assert_null(record->digest);
	staged_free(record);
}

Test(staged, no_job_position_stays_none)
{
	staged_free(write_and_parse(STAGED_RELEASE, (struct position){-1, -1}));
}

Test(staged, begins_with_schema_type_id_and_time)
{
	static const char start[] =
	        "{\"schema\":1,\"type\":\"release\",\"id\":\"id-1\",\"time\":\"2026-11-18T11:06:40.123Z\",";
	struct staged_record record = every_field;
	struct buffer out;

	record.type = STAGED_RELEASE;
	buffer_init(&out, 1 << 20);
	staged_write(&record, &out);
	cr_assert(strncmp(out.data, start, sizeof(start) - 1) == 0, "%s", out.data);
	buffer_release(&out);
}

Test(staged_parse, leaves_its_output_alone_on_failure)
{
	struct staged_record *record = NULL;
	struct error err = {.code = ""};

	cr_assert_eq(staged_parse(view_text("a"), (struct view){NULL, 0}, &record, &err), STATUS_REJECT);
	cr_assert_str_eq(err.code, "invalid_json");
	cr_assert_eq(staged_parse(view_text("a"), view_text("{}"), &record, NULL), STATUS_REJECT);
	cr_assert_null(record);
	staged_free(NULL);
}
