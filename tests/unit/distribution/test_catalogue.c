#include "base/memory.h"
#include "distribution/catalogue.h"
#include "file_bench.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct catalogue *parse(const char *json)
{
	struct catalogue *catalogue = NULL;
	struct error err = {0};

	cr_assert_eq(catalogue_parse(view_text(json), NULL, &catalogue, &err), STATUS_OK, "%s", err.message);
	return catalogue;
}

Test(catalogue_parse, takes_the_contracts_example)
{
	struct catalogue *catalogue = parse(
	        "{\"distribution_points\": ["
	        "{\"name\": \"tokyo\", \"url\": \"HTTPS://dp.tokyo.example:443\", \"groups\": [\"apac\"], "
	        "\"connections_per_worker\": 3, \"bytes_per_second_per_worker\": 1000, \"read_back\": "
	        "\"size\"},"
	        "{\"name\": \"paris\", \"url\": \"file:///srv/dp/paris\", \"groups\": [\"emea\", \"all\"], "
	        "\"labels\": {\"site\": \"PAR\"}}],"
	        "\"sources\": [{\"prefix\": \"file:///srv/src\"}]}");
	const struct catalogue_point *paris = catalogue_find(catalogue, "paris");
	const struct catalogue_point *tokyo = catalogue_find(catalogue, "tokyo");

	cr_assert_eq(catalogue->point_count, 2);
	cr_assert_eq(paris, &catalogue->points[0], "sorted by name");
	cr_assert_str_eq(paris->url, "file:///srv/dp/paris/");
	cr_assert_eq(paris->connections, 8);
	cr_assert_eq(paris->bytes_per_second, 0);
	cr_assert(paris->read_back_full);
	cr_assert_eq(paris->group_count, 2);
	cr_assert_null(paris->credentials_file);
	cr_assert_str_eq(tokyo->url, "https://dp.tokyo.example/");
	cr_assert_eq(tokyo->connections, 3);
	cr_assert_eq(tokyo->bytes_per_second, 1000);
	cr_assert_not(tokyo->read_back_full);
	cr_assert_str_eq(catalogue->sources[0].prefix, "file:///srv/src/");
	cr_assert(digest_is_valid(catalogue->digest));
	cr_assert_null(catalogue_find(catalogue, "Paris"));
	catalogue_unref(catalogue_ref(catalogue));
	cr_assert_str_eq(tokyo->name, "tokyo");
	catalogue_unref(catalogue);
}

#define POINT(fields) "{\"distribution_points\": [{\"name\": \"a\", \"url\": \"file:///a\"" fields "}]}"
#define SOURCE(fields) "{\"distribution_points\": [], \"sources\": [{" fields "}]}"

static const struct refusal {
	const char *json, *code, *field;
} refusals[] = {
        {"", "invalid_json", ""},
        {"[]", "invalid_type", ""},
        {"{}", "missing_field", "distribution_points"},
        {"{\"distribution_points\": {}}", "invalid_type", "distribution_points"},
        {"{\"distribution_points\": [7]}", "invalid_type", "distribution_points[0]"},
        {"{\"distribution_points\": [], \"sauces\": []}", "unknown_field", "sauces"},
        {"{\"distribution_points\": [], \"distribution_points\": []}", "invalid_json", ""},
        {"{\"distribution_points\": [{\"url\": \"file:///a\"}]}", "missing_field",
                "distribution_points[0].name"},
        {"{\"distribution_points\": [{\"name\": \"a\"}]}", "missing_field", "distribution_points[0].url"},
        {"{\"distribution_points\": [{\"name\": \"a b\", \"url\": \"file:///a\"}]}", "invalid_field",
                "distribution_points[0].name"},
        {"{\"distribution_points\": [{\"name\": \"\", \"url\": \"file:///a\"}]}", "invalid_field",
                "distribution_points[0].name"},
        {"{\"distribution_points\": [{\"name\": \"a\", \"url\": \"srv/a\"}]}", "invalid_field",
                "distribution_points[0].url"},
        {"{\"distribution_points\": [{\"name\": \"a\", \"url\": \"https://u:hunter2@h/\"}]}", "invalid_field",
                "distribution_points[0].url"},
        {"{\"distribution_points\": [{\"name\": \"a\", \"url\": \"https://h/?a\"}]}", "invalid_field",
                "distribution_points[0].url"},
        {"{\"distribution_points\": [{\"name\": \"a\", \"url\": \"https://h/a/../b\"}]}", "invalid_field",
                "distribution_points[0].url"},
        {"{\"distribution_points\": [{\"name\": \"a\", \"url\": \"s3://bucket/\"}]}", "invalid_field",
                "distribution_points[0].url"},
        {"{\"distribution_points\": [{\"name\": \"a\", \"url\": \"file:///a\"}, {\"name\": \"a\", \"url\": "
         "\"file:///b\"}]}",
                "invalid_field", "two have the name \"a\""},
        {"{\"distribution_points\": [{\"name\": \"a\", \"url\": \"http://h\"}, {\"name\": \"b\", \"url\": "
         "\"HTTP://H:80/\"}]}",
                "invalid_field", "two have the url \"http://h/\""},
        {POINT(", \"colour\": 1"), "unknown_field", "distribution_points[0].colour"},
        {POINT(", \"groups\": \"x\""), "invalid_type", "distribution_points[0].groups"},
        {POINT(", \"groups\": [1]"), "invalid_type", "distribution_points[0].groups[0]"},
        {POINT(", \"groups\": [\"ok\", \"group:x\"]"), "invalid_field", "distribution_points[0].groups[1]"},
        {POINT(", \"groups\": [\"x\", \"x\"]"), "invalid_field", "distribution_points[0].groups[1]"},
        {POINT(", \"labels\": [\"x\"]"), "invalid_type", "distribution_points[0].labels"},
        {POINT(", \"labels\": {\"site\": 7}"), "invalid_type", "distribution_points[0].labels.site"},
        {POINT(", \"connections_per_worker\": 0"), "invalid_field",
                "distribution_points[0].connections_per_worker"},
        {POINT(", \"connections_per_worker\": 513"), "invalid_field",
                "distribution_points[0].connections_per_worker"},
        {POINT(", \"connections_per_worker\": \"8\""), "invalid_type",
                "distribution_points[0].connections_per_worker"},
        {POINT(", \"bytes_per_second_per_worker\": -1"), "invalid_field",
                "distribution_points[0].bytes_per_second_per_worker"},
        {POINT(", \"read_back\": \"none\""), "invalid_field", "distribution_points[0].read_back"},
        {POINT(", \"credentials_file\": \"/nowhere/at/all\""), "invalid_field",
                "distribution_points[0].credentials_file"},
        {POINT(", \"credentials_file\": \"/tmp\""), "invalid_field",
                "distribution_points[0].credentials_file"},
        {POINT(", \"credentials_file\": \"\""), "invalid_field", "distribution_points[0].credentials_file"},
        {POINT(", \"tls_ca_file\": \"/nowhere/at/all\""), "invalid_field",
                "distribution_points[0].tls_ca_file"},
        {SOURCE(""), "missing_field", "sources[0].prefix"},
        {SOURCE("\"prefix\": \"https://u@h/\""), "invalid_field", "sources[0].prefix"},
        {SOURCE("\"prefix\": \"https://h/%2e%2e/\""), "invalid_field", "sources[0].prefix"},
        {SOURCE("\"prefix\": \"https://h/\", \"url\": \"x\""), "unknown_field", "sources[0].url"},
        {SOURCE("\"prefix\": \"https://h/\", \"credentials_file\": \"/nowhere/at/all\""), "invalid_field",
                "sources[0].credentials_file"},
        {"{\"distribution_points\": [], \"sources\": [{\"prefix\": \"http://h\"}, {\"prefix\": "
         "\"http://h/\"}]}",
                "invalid_field", "two have the prefix \"http://h/\""},
};

Test(catalogue_parse, refuses_by_field)
{
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct refusal *refusal = &refusals[i];
		struct catalogue *catalogue = NULL;
		struct error err = {0};

		cr_assert_eq(catalogue_parse(view_text(refusal->json), NULL, &catalogue, &err), STATUS_REJECT,
		        "taken: %s", refusal->json);
		cr_assert_null(catalogue);
		cr_assert_str_eq(err.code, refusal->code, "%s: %s: %s", refusal->json, err.code, err.message);
		cr_assert(strstr(err.message, refusal->field), "%s: %s", refusal->json, err.message);
		cr_assert_null(strstr(err.message, "hunter2"), "%s", err.message);
	}
}

Test(catalogue_load, finds_files_beside_it)
{
	char *folder = scratch_folder(), *path = memory_format("%s/catalogue.json", folder),
	     *secret = memory_format("%s/tokyo.secret", folder);
	struct catalogue *catalogue = NULL;
	struct error err = {0};

	scratch_write(path, "{\"distribution_points\": [{\"name\": \"tokyo\", \"url\": \"https://h/\", "
	                    "\"credentials_file\": \"tokyo.secret\"}]}");
	cr_assert_eq(catalogue_load(path, &catalogue, &err), STATUS_REJECT, "its secret is missing");
	cr_assert(strstr(err.message, path) && strstr(err.message, "credentials_file"), "%s", err.message);
	scratch_write(secret, "user:hunter2\n");
	cr_assert_eq(catalogue_load(path, &catalogue, &err), STATUS_OK, "%s", err.message);
	cr_assert_str_eq(catalogue->points[0].credentials_file, secret);
	catalogue_unref(catalogue);
	scratch_remove(folder);
	cr_assert_eq(catalogue_load(path, &catalogue, &err), STATUS_REJECT);
	cr_assert_str_eq(err.code, "unreadable_file");
	free(secret);
	free(path);
	free(folder);
}

static const char three[] = "{\"distribution_points\": ["
                            "{\"name\": \"c\", \"url\": \"file:///c\", \"groups\": [\"g\", \"h\"]},"
                            "{\"name\": \"a\", \"url\": \"file:///a\", \"groups\": [\"g\"]},"
                            "{\"name\": \"b\", \"url\": \"file:///b\"}]}";

static void expect_resolved(const char *const *wanted, size_t count, const char *joined)
{
	struct catalogue *catalogue = parse(three);
	const char **names;
	size_t name_count;
	struct error err;
	char text[64] = "";

	cr_assert_eq(catalogue_resolve(catalogue, (char *const *)wanted, count, 3, &names, &name_count, &err),
	        STATUS_OK, "%s", err.message);
	for (size_t i = 0; i < name_count; i++)
		strcat(text, names[i]);
	cr_assert_str_eq(text, joined);
	free(names);
	catalogue_unref(catalogue);
}

Test(catalogue_resolve, gives_sorted_names_once)
{
	expect_resolved((const char *const[]){"c", "b"}, 2, "bc");
	expect_resolved((const char *const[]){"group:g"}, 1, "ac");
	expect_resolved((const char *const[]){"c", "group:g", "group:h", "c"}, 4, "ac");
	expect_resolved((const char *const[]){"group:g", "b"}, 2, "abc");
}

static void expect_unresolved(const char *wanted, size_t most, const char *code)
{
	struct catalogue *catalogue = parse(three);
	char *names[] = {(char *)wanted, "b"};
	const char **resolved = NULL;
	size_t count;
	struct error err = {0};

	cr_assert_eq(catalogue_resolve(catalogue, names, 2, most, &resolved, &count, &err), STATUS_REJECT);
	cr_assert_str_eq(err.code, code);
	cr_assert_null(resolved);
	catalogue_unref(catalogue);
}

Test(catalogue_resolve, refuses_the_unknown_and_the_many)
{
	expect_unresolved("d", 3, "unknown_distribution_point");
	expect_unresolved("g", 3, "unknown_distribution_point");
	expect_unresolved("group:x", 3, "unknown_group");
	expect_unresolved("group:a", 3, "unknown_group");
	expect_unresolved("group:", 3, "unknown_group");
	expect_unresolved("group:g", 2, "too_many_targets");
}

static struct catalogue *with_sources(void)
{
	return parse(
	        "{\"distribution_points\": [], \"sources\": [{\"prefix\": \"https://artifacts.example/pub\"},"
	        "{\"prefix\": \"https://artifacts.example/pub/deep/\"}, {\"prefix\": \"file:///srv/src\"},"
	        "{\"prefix\": \"http://plain.example:8080/\"}]}");
}

Test(catalogue_source_for, finds_the_longest_prefix)
{
	static const char *const pairs[][2] = {
	        {"https://artifacts.example/pub/x", "https://artifacts.example/pub/"},
	        {"HTTPS://Artifacts.Example:443/pub/x?token=1", "https://artifacts.example/pub/"},
	        {"https://artifacts.example/%70ub/x", "https://artifacts.example/pub/"},
	        {"https://artifacts.example/pub/deep/x", "https://artifacts.example/pub/deep/"},
	        {"https://artifacts.example/pub/deeper", "https://artifacts.example/pub/"},
	        {"https://artifacts.example/pub/%25%32%65/x", "https://artifacts.example/pub/"},
	        {"file:///srv/src/bin/two words", "file:///srv/src/"},
	        {"file://localhost/srv/src/x", "file:///srv/src/"},
	        {"http://plain.example:8080/x", "http://plain.example:8080/"},
	};
	struct catalogue *catalogue = with_sources();

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		const struct catalogue_source *source = catalogue_source_for(catalogue, pairs[i][0]);
		cr_assert(source, "%s", pairs[i][0]);
		cr_assert_str_eq(source->prefix, pairs[i][1], "%s", pairs[i][0]);
	}
	catalogue_unref(catalogue);
}

Test(catalogue_source_for, lets_no_url_escape_its_prefix)
{
	static const char *const attacks[] = {"https://artifacts.example/", "https://artifacts.example/pub",
	        "https://artifacts.example/pub/", "https://artifacts.example/public/x",
	        "https://artifacts.example/PUB/x", "https://artifacts.example/pub/../private/x",
	        "https://artifacts.example/pub/%2e%2e/private/x",
	        "https://artifacts.example/pub/.%2E/private/x", "https://artifacts.example/pub/..%2fprivate",
	        "https://artifacts.example/pub/%2e%2e%2fprivate",
	        "https://artifacts.example/pub/..%5cprivate", "https://artifacts.example/pub/..\\private",
	        "https://artifacts.example/pub/..;/private", "https://artifacts.example//pub/x",
	        "https://artifacts.example/pub//x", "https://artifacts.example/./pub/x",
	        "http://artifacts.example/pub/x", "https://artifacts.example:8443/pub/x",
	        "https://artifacts.example.evil/pub/x", "https://evil/https://artifacts.example/pub/x",
	        "https://artifacts.example@evil/pub/x", "https://artifacts.example:x@evil/pub/x",
	        "https://evil\\@artifacts.example/pub/x", "https://evil#@artifacts.example/pub/x",
	        "https://evil?@artifacts.example/pub/x", "https://u:p@artifacts.example/pub/x",
	        "https://artifacts.example%2f@evil/pub/x", "https://artifacts.example\t/pub/x",
	        "ftp://artifacts.example/pub/x", "https:artifacts.example", "//artifacts.example/pub/x",
	        "pub/x", "", "http://plain.example/x", "http://plain.example:80/x",
	        "http://plain.example:8081/x", "file:///srv/src/../secret", "file:///srv/src/%2e%2e/secret",
	        "file:///srv/src-other/x", "file:///srv/src", "file:///srv//src/x", "file://evil/srv/src/x",
	        "file:///etc/passwd", "file:///srv/src/a%00b", "file:///srv/%73rc%2fx"};
	struct catalogue *catalogue = with_sources();

	for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
		const struct catalogue_source *source = catalogue_source_for(catalogue, attacks[i]);
		cr_assert_null(source, "%s lies below %s", attacks[i], source->prefix);
	}
	catalogue_unref(catalogue);
}

Test(catalogue_source_for, allows_nothing_where_none_is_named)
{
	struct catalogue *catalogue = parse("{\"distribution_points\": []}");

	cr_assert_null(catalogue_source_for(catalogue, "https://artifacts.example/x"));
	catalogue_unref(catalogue);
}
