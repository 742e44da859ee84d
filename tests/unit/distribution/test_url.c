#include "distribution/url.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static void expect_form(const char *text, enum url_form form, const char *wanted)
{
	struct error err = {0};
	char *url = NULL;

	cr_assert_eq(url_normalise(text, form, &url, &err), STATUS_OK, "%s: %s", text, err.message);
	cr_assert_str_eq(url, wanted, "%s became %s, not %s", text, url, wanted);
	free(url);
}

static void expect_refused(const char *text, enum url_form form)
{
	struct error err = {0};
	char *url = NULL;

	cr_assert_eq(url_normalise(text, form, &url, &err), STATUS_REJECT, "%s became %s", text, url);
	cr_assert_null(url);
	cr_assert_str_eq(err.code, "invalid_url");
}

Test(url_normalise, gives_equal_urls_one_form)
{
	expect_form("HTTPS://Artifacts.EXAMPLE:443/A/b", URL_FILE, "https://artifacts.example/A/b");
	expect_form("http://h:80/", URL_FILE, "http://h/");
	expect_form("http://h:8080/", URL_FILE, "http://h:8080/");
	expect_form("https://h:80/", URL_FILE, "https://h:80/");
	expect_form("http://h", URL_FILE, "http://h/");
	expect_form("http://h/%41%2d%7e%2E5", URL_FILE, "http://h/A-~.5");
	expect_form("http://h/%c3%a4%2b", URL_FILE, "http://h/%C3%A4%2B");
	expect_form("http://h/\xc3\xa4 b", URL_FILE, "http://h/%C3%A4%20b");
	expect_form("http://h/a+b;c=d@e:f", URL_FILE, "http://h/a+b;c=d@e:f");
	expect_form("http://h/a?x=../..//&y=%2F", URL_FILE, "http://h/a?x=../..//&y=%2F");
	expect_form("http://[2001:DB8::1]:8080/a", URL_FILE, "http://[2001:db8::1]:8080/a");
	expect_form("http://h/...", URL_FILE, "http://h/...");
	expect_form("http://h/.hidden", URL_FILE, "http://h/.hidden");
	expect_form("file:///srv/src/a b", URL_FILE, "file:///srv/src/a%20b");
	expect_form("file://localhost/srv", URL_FILE, "file:///srv");
	expect_form("FILE:/srv/src", URL_FILE, "file:///srv/src");
}

Test(url_normalise, ends_a_folder_with_a_slash)
{
	expect_form("https://h/a", URL_FOLDER, "https://h/a/");
	expect_form("https://h/a/", URL_FOLDER, "https://h/a/");
	expect_form("https://h", URL_FOLDER, "https://h/");
	expect_form("file:///", URL_FOLDER, "file:///");
}

Test(url_normalise, refuses_what_can_be_read_in_two_ways)
{
	static const char *const refused[] = {"", "h", "//h/a", "/srv/src", "http://", "http:///",
	        "http:///a", "https:/a", "http:a", "http://?a", "http://h/../a", "http://h/a/..",
	        "http://h/./a", "http://h/a/.", "http://h/%2e%2e/a", "http://h/%2E./a", "http://h/.%2e/",
	        "http://h/a/%2e", "http://h/..;x=y/a", "http://h/..%3bx/a", "http://h/a%2Fb",
	        "http://h/a%2fb", "http://h/a%5Cb", "http://h/a\\b", "http:\\\\h\\a", "http://h\\@evil/",
	        "http://h/a%00b", "http://h/a%0ab", "http://h/a\nb", "http://h/a\tb", "http://h/a%7fb",
	        "http://h//a", "http://h/a//b", "http://h/a//", "http://h/%", "http://h/%4", "http://h/%zz",
	        "http://h/a#b", "http://h/#", "ftp://h/a", "gopher://h/a", "javascript:alert(1)",
	        "file://elsewhere/srv", "file:///srv/../etc/passwd", "file:///srv//src", "file:///srv/a?b",
	        "file:srv/src", "file:o//srv", "http://h:0x50/", "http://h:99999/", "http://h h/",
	        "http://h%41/", "http://\xc3\xa4/", "http://[fe80::1%25eth0]/", "http://h:-1/"};

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		expect_refused(refused[i], URL_FILE);
	expect_refused("http://h/a?b", URL_FOLDER);
	expect_refused("http://h/a?", URL_FOLDER);
}

Test(url_normalise, refuses_userinfo_and_does_not_repeat_it)
{
	static const char *const refused[] = {"http://user:hunter2@h/", "http://user@h/", "http://@h/",
	        "https://artifacts.example@hunter2/", "https://artifacts.example:443@hunter2/x",
	        "http://:hunter2@h/"};

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct error err;
		char *url = NULL;
		cr_assert_eq(
		        url_normalise(refused[i], URL_FILE, &url, &err), STATUS_REJECT, "%s", refused[i]);
		cr_assert_null(strstr(err.message, "hunter2"), "%s", err.message);
	}
}

Test(url_normalise, is_stable)
{
	static const char *const texts[] = {"HTTP://H/%41b%2b\xc3\xa4?q=\xc3\xa4 b", "file:/a%20b/%25/c"};

	for (size_t i = 0; i < 2; i++) {
		struct error err;
		char *once, *twice;
		cr_assert_eq(url_normalise(texts[i], URL_FILE, &once, &err), STATUS_OK);
		cr_assert_eq(
		        url_normalise(once, URL_FILE, &twice, &err), STATUS_OK, "%s: %s", once, err.message);
		cr_assert_str_eq(once, twice);
		free(once);
		free(twice);
	}
}

Test(url_normalise, refuses_a_text_without_end)
{
	char text[10000];

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	memcpy(text, "http://h/", 9);
	expect_refused(text, URL_FILE);
	memset(text + 9, ' ', 4000); /* short enough, but not once it is escaped */
	text[4009] = '\0';
	expect_refused(text, URL_FILE);
}

Test(url_escape_path, round_trips_through_a_file_url)
{
	static const char path[] = "a b/100%/#1/what?/\xc3\xa4/+&=;:@!$'()*,~/[x]";
	struct error err;
	char *joined = url_join("file:///srv/", path), *normal, *back;

	cr_assert_eq(url_normalise(joined, URL_FILE, &normal, &err), STATUS_OK, "%s", err.message);
	cr_assert_str_eq(joined, normal);
	back = url_file_path(normal);
	cr_assert(strncmp(back, "/srv/", 5) == 0);
	cr_assert_str_eq(back + 5, path);
	free(joined);
	free(normal);
	free(back);
}

Test(url_is_below, compares_whole_segments)
{
	cr_assert(url_is_below("https://h/a/b", "https://h/a/"));
	cr_assert_not(url_is_below("https://h/ab", "https://h/a/"));
	cr_assert_not(url_is_below("https://h/a/", "https://h/a/"));
	cr_assert_not(url_is_below("https://h.evil/a/b", "https://h/a/"));
}
