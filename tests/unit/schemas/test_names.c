#include "schemas/names.h"

#include <criterion/criterion.h>
#include <string.h>

static struct view of(const char *text)
{
	return view_text(text);
}

static void fill(char *text, size_t len)
{
	memset(text, 'a', len);
	text[len] = '\0';
}

Test(names, take_their_longest_and_no_longer)
{
	static const struct {
		bool (*is)(struct view);
		size_t most;
	} kinds[] = {{name_is_package, 128}, {name_is_version, 64}, {name_is_distribution_point, 64},
	        {name_is_job_id, 64}};
	char text[200];

	for (size_t i = 0; i < 4; i++) {
		fill(text, kinds[i].most);
		cr_assert(kinds[i].is(of(text)));
		fill(text, kinds[i].most + 1);
		cr_assert_not(kinds[i].is(of(text)));
		cr_assert_not(kinds[i].is(of("")));
		cr_assert_not(kinds[i].is((struct view){NULL, 0}));
	}
}

Test(names, have_exactly_their_alphabet)
{
	static const char both[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-";

	for (int c = 0; c < 256; c++) {
		char text[2] = {'a', (char)c};
		struct view name = {text, 2};
		bool common = c && strchr(both, c);
		cr_assert_eq(name_is_package(name), common, "byte %d", c);
		cr_assert_eq(name_is_version(name), common || c == '~', "byte %d", c);
		cr_assert_eq(name_is_distribution_point(name), common, "byte %d", c);
		cr_assert_eq(name_is_job_id(name), common, "byte %d", c);
	}
}

Test(names, begin_with_a_letter_or_digit_but_job_ids_need_not)
{
	static const char *const starts[] = {".a", "-a", "_a", "+a", "."};

	for (size_t i = 0; i < 5; i++) {
		cr_assert_not(name_is_package(of(starts[i])), "%s", starts[i]);
		cr_assert_not(name_is_version(of(starts[i])), "%s", starts[i]);
		cr_assert_not(name_is_distribution_point(of(starts[i])), "%s", starts[i]);
		cr_assert(name_is_job_id(of(starts[i])), "%s", starts[i]);
	}
	cr_assert_not(name_is_version(of("~1")));
	cr_assert_not(name_is_job_id(of("@3-17")), "'@' is for default ids");
}

Test(name_path_problem, takes_safe_relative_paths)
{
	static const char *const good[] = {"a", "a/b/c", ".hidden", "..a", "a..", "...", "a/.b",
	        "caf\xc3\xa9/x y", "\xf0\x9f\x98\x80", "\xc2\xa0"};

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		cr_assert_null(
		        name_path_problem(of(good[i])), "%s: %s", good[i], name_path_problem(of(good[i])));
}

Test(name_path_problem, refuses_all_that_leads_elsewhere)
{
	static const char *const bad[] = {"", "/", "/a", "a/", "a//b", ".", "..", "a/.", "a/..", "./a",
	        "../a", "a/../b", "a/./b", "a\\b", "a\nb", "a\x7f", "a\xc2\x80", "a\xc2\x9f", "\xff", "a\xc3",
	        "a\xed\xa0\x80"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		cr_assert_not_null(name_path_problem(of(bad[i])), "%s", bad[i]);
	cr_assert_not_null(name_path_problem((struct view){"a\0b", 3}));
}

Test(name_path_problem, bounds_paths_and_segments)
{
	char text[1100];

	fill(text, 1024);
	for (size_t i = 200; i < 1024; i += 200)
		text[i] = '/';
	cr_assert_null(name_path_problem((struct view){text, 1024}));
	text[1024] = 'a';
	cr_assert_not_null(name_path_problem((struct view){text, 1025}));
	fill(text, 256);
	cr_assert_null(name_path_problem((struct view){text, 255}));
	cr_assert_not_null(name_path_problem((struct view){text, 256}));
}

Test(name_url_problem, takes_file_and_http)
{
	static const char *const good[] = {"file:///srv/src/x", "file:///", "http://h",
	        "https://h:8443/a%20b?x=1@2", "http://[::1]:80/", "https://h?x"};

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		cr_assert_null(
		        name_url_problem(of(good[i])), "%s: %s", good[i], name_url_problem(of(good[i])));
}

Test(name_url_problem, refuses_credentials_other_schemes_and_what_is_not_absolute)
{
	static const char *const bad[] = {"", "x", "/x", "//h/x", "file://host/x", "file:/x", "ftp://h/",
	        "HTTP://h/", "http:///x", "http://?x", "http://u:p@h/", "https://u@h", "https://u@h?x",
	        "http://h/#f", "http://h/ ", "http://h/\n", "http://h\\@g/", "http://h/\xc2\x85",
	        "http://h/\xff"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		cr_assert_not_null(name_url_problem(of(bad[i])), "%s", bad[i]);
}

Test(utf8_is_valid, agrees_with_rfc_3629)
{
	static const char *const good[] = {"", "a", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80",
	        "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"};
	static const char *const bad[] = {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2g",
	        "\xe0\x9f\xbf", "\xe1\x80", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf",
	        "\xf0\x90\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xfe", "\xff"};

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		cr_assert(utf8_is_valid(of(good[i])), "good %zu", i);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		cr_assert_not(utf8_is_valid(of(bad[i])), "bad %zu", i);
}

Test(utf8_sequence, never_looks_behind_the_end)
{
	cr_assert_eq(utf8_sequence("\xe2\x82\xac", 3), 3);
	cr_assert_eq(utf8_sequence("\xe2\x82\xac", 2), 0);
	cr_assert_eq(utf8_sequence("\xc3\xa9", 1), 0);
	cr_assert_eq(utf8_sequence("a", 0), 0);
}
