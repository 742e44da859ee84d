#include "base/memory.h"
#include "schemas/manifest.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define HASH "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

static struct manifest_file *files_of(const char *const *paths, size_t count)
{
	struct manifest_file *files = memory_alloc(count * sizeof(*files));

	for (size_t i = 0; i < count; i++) {
		files[i].path = memory_text(paths[i]);
		strcpy(files[i].digest, HASH);
	}
	return files;
}

static enum status make(const char *const *paths, size_t count, struct manifest **ret, struct error *err)
{
	*err = (struct error){.code = ""};
	return manifest_new(files_of(paths, count), count, "content", ret, err);
}

/* Computed apart from this code: Python's json.dumps (separators ",:", not ASCII only) of the files sorted by
 * their UTF-8 bytes, and hashlib.sha256. */
static const char canonical[] =
        "{\"files\":[{\"path\":\"Z\",\"size\":0,\"digest\":\"" HASH "\",\"executable\":false},"
        "{\"path\":\"bin/tool\",\"size\":8231,\"digest\":\"" HASH "\",\"executable\":true},"
        "{\"path\":\"caf\xc3\xa9 \\\"menu\\\"\",\"size\":9007199254732760,\"digest\":\"" HASH
        "\",\"executable\":false},"
        "{\"path\":\"lib/b\",\"size\":0,\"digest\":\"" HASH "\",\"executable\":false}]}";
static const char canonical_digest[] =
        "sha256:75c702dad2625d5bc8d17c5f12ac8f85a52e2a60398560870e8fe0c7e76ab777";

static const char written_otherwise[] =
        "{ \"files\": [{\"url\": \"file:///x\", \"digest\": \"" HASH
        "\", \"path\": \"lib\\/b\", \"size\": 0},\n"
        "{\"path\":\"caf\\u00e9 \\\"menu\\\"\",\"size\":9007199254732760,\"digest\":\"" HASH "\"},"
        "{\"executable\":true,\"path\":\"bin/tool\",\"size\":8231,\"digest\":\"" HASH "\"},"
        "{\"path\":\"Z\",\"size\":0,\"digest\":\"" HASH "\",\"executable\":false}]}";

static struct manifest *parse(const char *text, const char *base_url)
{
	struct manifest *manifest = NULL;
	struct error err = {.code = ""};

	cr_assert_eq(
	        manifest_parse(view_text(text), base_url, &manifest, &err), STATUS_OK, "%s", err.message);
	return manifest;
}

Test(manifest, the_digest_is_of_the_canonical_form_however_it_was_written)
{
	struct manifest *manifest = parse(written_otherwise, NULL);
	struct buffer out;

	buffer_init(&out, 1 << 20);
	manifest_write_canonical(manifest, &out);
	cr_assert_str_eq(out.data, canonical);
	cr_assert_str_eq(manifest->digest, canonical_digest);
	cr_assert_eq(manifest->count, 4);
	cr_assert_eq(manifest->bytes, 9007199254740991u);
	buffer_release(&out);
	manifest_unref(manifest);
}

Test(manifest, the_canonical_form_parses_to_itself)
{
	struct manifest *manifest = parse(canonical, NULL);

	cr_assert_str_eq(manifest->digest, canonical_digest);
	cr_assert_null(manifest->files[0].url);
	manifest_unref(manifest);
}

Test(manifest, what_is_written_with_urls_comes_back_with_them)
{
	struct manifest *manifest = parse(written_otherwise, NULL);
	struct buffer out;

	buffer_init(&out, 1 << 20);
	manifest_write_with_urls(manifest, &out);
	struct manifest *again = parse(out.data, NULL);
	cr_assert_str_eq(again->files[3].path, "lib/b");
	cr_assert_str_eq(again->files[3].url, "file:///x");
	cr_assert_str_eq(again->digest, canonical_digest);
	manifest_unref(again);
	manifest_unref(manifest);
	buffer_release(&out);
}

Test(manifest, files_without_a_url_lie_beside_the_manifest)
{
	static const char text[] =
	        "{\"files\":[{\"path\":\"a b/\xc3\xa9#?.txt\",\"size\":0,\"digest\":\"" HASH "\"}]}";
	static const struct {
		const char *base, *url;
	} cases[] = {{"https://h/p/1.0/manifest.json", "https://h/p/1.0/a%20b/%C3%A9%23%3F.txt"},
	        {"https://h/p/m.json?token=a/b", "https://h/p/a%20b/%C3%A9%23%3F.txt"},
	        {"https://h", "https://h/a%20b/%C3%A9%23%3F.txt"},
	        {"https://h/", "https://h/a%20b/%C3%A9%23%3F.txt"},
	        {"https://h?x", "https://h/a%20b/%C3%A9%23%3F.txt"},
	        {"file:///srv/m.json", "file:///srv/a%20b/%C3%A9%23%3F.txt"}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct manifest *manifest = parse(text, cases[i].base);
		cr_assert_str_eq(manifest->files[0].url, cases[i].url);
		manifest_unref(manifest);
	}
}

Test(manifest, lives_until_its_last_reference)
{
	struct manifest *manifest = parse(canonical, NULL);

	cr_assert_eq(manifest_ref(manifest), manifest);
	manifest_unref(manifest);
	cr_assert_str_eq(manifest->files[0].path, "Z");
	manifest_unref(manifest);
	manifest_unref(NULL);
}

Test(manifest_new, refuses_a_file_where_another_needs_a_folder)
{
	static const char *const conflicts[][4] = {{"a", "a/b"}, {"a/b", "a"}, {"a", "a-b", "a.b", "a/b"},
	        {"a/b/c/d", "a-", "a/b", "b"}, {"a", "a", "b"}, {"b/a", "ab", "b/ab", "b/a"}};
	static const char *const fine[][4] = {
	        {"a", "ab", "a-", "b/a"}, {"a/b", "a/bc", "a/b-c", "a/c"}, {"aa", "aa.d", "aab/c", "aac"}};
	struct manifest *manifest = NULL;
	struct error err;

	for (size_t i = 0; i < sizeof(conflicts) / sizeof(*conflicts); i++) {
		size_t count = 0;
		while (count < 4 && conflicts[i][count])
			count++;
		cr_assert_eq(make(conflicts[i], count, &manifest, &err), STATUS_REJECT, "conflict %zu", i);
		cr_assert_str_eq(err.code, "invalid_field");
		cr_assert(strncmp(err.message, "content.files: ", 15) == 0, "%s", err.message);
	}
	cr_assert_null(manifest);
	for (size_t i = 0; i < sizeof(fine) / sizeof(*fine); i++) {
		cr_assert_eq(make(fine[i], 4, &manifest, &err), STATUS_OK, "fine %zu: %s", i, err.message);
		manifest_unref(manifest);
	}
}

Test(manifest_new, names_the_file_as_it_was_given)
{
	static const char *const paths[] = {"z", "y", "../x", "a"};
	struct manifest *manifest = NULL;
	struct error err;

	cr_assert_eq(make(paths, 4, &manifest, &err), STATUS_REJECT);
	cr_assert(strncmp(err.message, "content.files[2].path: ", 23) == 0, "%s", err.message);
}

Test(manifest_new, holds_the_deepest_chain_of_paths_that_begin_alike)
{
	enum { DEPTH = 250 };
	struct manifest_file *files = memory_alloc(DEPTH * sizeof(*files));
	struct manifest *manifest = NULL;
	struct error err = {.code = ""};

	for (size_t i = 0; i < DEPTH; i++) {
		char path[DEPTH + 2] = "";
		memset(path, 'a', i + 1);
		files[i].path = memory_text(path);
		strcpy(files[i].digest, HASH);
	}
	cr_assert_eq(manifest_new(files, DEPTH, NULL, &manifest, &err), STATUS_OK, "%s", err.message);
	manifest_unref(manifest);
}

static char *many_files(size_t count, size_t bad)
{
	struct buffer text;

	buffer_init(&text, 64 << 20);
	buffer_add_text(&text, "{\"files\":[");
	for (size_t i = 0; i < count; i++)
		buffer_add_format(&text,
		        "%s{\"path\":\"%s%zu\",\"size\":1,\"digest\":\"" HASH "\",\"executable\":false}",
		        i ? "," : "", i == bad ? "/" : "f", i);
	buffer_add_text(&text, "]}");
	return text.data;
}

Test(manifest_parse, takes_more_than_one_document_could_hold)
{
	enum { COUNT = 20000 };
	char *text = many_files(COUNT, COUNT);
	struct manifest *manifest = parse(text, NULL);

	cr_assert_gt(strlen(text), 900000);
	cr_assert_eq(manifest->count, COUNT);
	cr_assert_eq(manifest->bytes, COUNT);
	manifest_unref(manifest);
	free(text);
}

Test(manifest_parse, of_a_large_one_names_the_bad_file)
{
	char *text = many_files(20000, 19999);
	struct manifest *manifest = NULL;
	struct error err = {.code = ""};

	cr_assert_eq(manifest_parse(view_text(text), NULL, &manifest, &err), STATUS_REJECT);
	cr_assert(strncmp(err.message, "files[19999].path: ", 19) == 0, "%s", err.message);
	free(text);
}

Test(manifest_parse, of_a_large_one_that_was_cut_off_says_so)
{
	char *text = many_files(20000, 20000);
	struct manifest *manifest = NULL;
	struct error err = {.code = ""};

	text[1000000] = '\0';
	cr_assert_eq(manifest_parse(view_text(text), NULL, &manifest, &err), STATUS_REJECT);
	cr_assert_str_eq(err.code, "invalid_json");
	cr_assert_not_null(strstr(err.message, "cut off"), "%s", err.message);
	free(text);
}

Test(manifest_parse, refuses_what_is_large_outside_of_its_files)
{
	enum { SIZE = 1000000 };
	char *text = memory_alloc(SIZE + 1);
	struct manifest *manifest = NULL;
	struct error err = {.code = ""};

	memset(text, '[', SIZE);
	cr_assert_eq(manifest_parse(view_text(text), NULL, &manifest, &err), STATUS_REJECT);
	cr_assert_str_eq(err.code, "too_large");
	memcpy(text, "{\"files\":[{\"path\":\"", 19);
	memset(text + 19, 'a', SIZE - 19);
	memcpy(text + SIZE - 4, "\"}]}", 4);
	cr_assert_eq(manifest_parse(view_text(text), NULL, &manifest, &err), STATUS_REJECT);
	cr_assert_str_eq(err.code, "too_large");
	cr_assert(strncmp(err.message, "files[0]: ", 10) == 0, "%s", err.message);
	free(text);
}
