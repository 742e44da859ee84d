#include "schemas/updated.h"

#include <criterion/criterion.h>

#define HASH "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

static struct updated_record *write_and_parse(const struct updated_record *record)
{
	struct updated_record *parsed = NULL;
	struct error err = {.code = ""};
	struct buffer out;

	buffer_init(&out, 1 << 20);
	updated_write(record, &out);
	cr_assert_eq(
	        updated_parse(buffer_view(&out), &parsed, &err), STATUS_OK, "%s: %s", err.message, out.data);
	buffer_release(&out);
	return parsed;
}

Test(updated, comes_back_whole)
{
	const struct updated_record record = {"id-2", 1000, "PKG00042", "1.0", "0.9", "paris", "dp-id", HASH,
	        "u-18", "id-0", {3, 7}, "id-1", {3, 8}};
	struct updated_record *parsed = write_and_parse(&record);

	cr_assert_str_eq(parsed->id, "id-2");
	cr_assert_eq(parsed->time_ms, 1000);
	cr_assert_str_eq(parsed->package_id, "PKG00042");
	cr_assert_str_eq(parsed->version, "1.0");
	cr_assert_str_eq(parsed->previous_version, "0.9");
	cr_assert_str_eq(parsed->distribution_point, "paris");
	cr_assert_str_eq(parsed->dp_id, "dp-id");
	cr_assert_str_eq(parsed->digest, HASH);
	cr_assert_str_eq(parsed->job_id, "u-18");
	cr_assert_str_eq(parsed->staged_id, "id-0");
	cr_assert(parsed->staged_position.partition == 3 && parsed->staged_position.offset == 7);
	cr_assert_str_eq(parsed->release_id, "id-1");
	cr_assert(parsed->release_position.partition == 3 && parsed->release_position.offset == 8);
	updated_free(parsed);
}

Test(updated, what_is_not_known_is_left_out)
{
	const struct updated_record record = {"id-2", 1000, "PKG00042", "1.0", NULL, "paris", "dp-id", HASH,
	        "u-18", "id-0", {3, -1}, "id-1", {3, -1}};
	struct updated_record *parsed = write_and_parse(&record);

	cr_assert_null(parsed->previous_version);
	cr_assert_eq(parsed->staged_position.offset, -1);
	cr_assert_eq(parsed->release_position.offset, -1);
	updated_free(parsed);
	updated_free(NULL);
}
