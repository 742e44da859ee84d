#include "schemas/current.h"

#include <criterion/criterion.h>

#define HASH "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

static const struct current pointer = {
        "PKG00042", "1.0", HASH, "manifests/1.0.json", "content/1.0", "id-1", {3, 8}, "topic-id"};

Test(current, comes_back_whole)
{
	struct current *parsed = NULL;
	struct error err = {.code = ""};
	struct buffer out;

	buffer_init(&out, CURRENT_SIZE_MAX);
	current_write(&pointer, &out);
	cr_assert_eq(current_parse(buffer_view(&out), &parsed, &err), STATUS_OK, "%s", err.message);
	cr_assert_str_eq(parsed->package_id, "PKG00042");
	cr_assert_str_eq(parsed->version, "1.0");
	cr_assert_str_eq(parsed->digest, HASH);
	cr_assert_str_eq(parsed->manifest, "manifests/1.0.json");
	cr_assert_str_eq(parsed->content_path, "content/1.0");
	cr_assert_str_eq(parsed->release_id, "id-1");
	cr_assert(parsed->position.partition == 3 && parsed->position.offset == 8);
	cr_assert_str_eq(parsed->log_id, "topic-id");
	current_free(parsed);
	current_free(NULL);
	buffer_release(&out);
}

Test(current_parse, refuses_a_pointer_torn_anywhere)
{
	struct current *parsed = NULL;
	struct buffer out;

	buffer_init(&out, CURRENT_SIZE_MAX);
	current_write(&pointer, &out);
	for (size_t len = 0; len < out.len; len++)
		cr_assert_eq(current_parse((struct view){out.data, len}, &parsed, NULL), STATUS_REJECT, "%zu",
		        len);
	cr_assert_null(parsed);
	buffer_release(&out);
}

Test(current_parse, refuses_more_than_its_size)
{
	static char text[CURRENT_SIZE_MAX + 2];
	struct current *parsed = NULL;
	struct error err = {.code = ""};

	memset(text, ' ', sizeof(text));
	cr_assert_eq(current_parse((struct view){text, CURRENT_SIZE_MAX + 1}, &parsed, &err), STATUS_REJECT);
	cr_assert_str_eq(err.code, "too_large");
}
