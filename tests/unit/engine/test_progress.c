#include "engine/progress.h"

#include <criterion/criterion.h>
#include <string.h>

Test(progress, reads_what_it_writes)
{
	struct progress written = {.next = 12, .last = 9, .fingerprint = "0123456789abcdef0123456789abcdef"};
	struct progress read;
	char text[PROGRESS_TEXT_SIZE];

	progress_format(&written, text);
	cr_assert_eq(progress_parse(view_text(text), &read, NULL), STATUS_OK);
	cr_assert(read.next == 12 && read.last == 9);
	cr_assert_str_eq(read.fingerprint, written.fingerprint);
	progress_init(&written);
	progress_format(&written, text);
	cr_assert_eq(progress_parse(view_text(text), &read, NULL), STATUS_OK);
	cr_assert(read.next == -1 && read.last == -1 && read.fingerprint[0] == '\0');
}

Test(progress, refuses_all_else_and_says_why)
{
	static const struct {
		const char *text, *code;
	} cases[] = {
	        {"", "state_damaged"},
	        {"1", "state_damaged"},
	        {"1 2 3", "state_damaged"},
	        {"1 2 3 ab more", "state_damaged"},
	        {"1 -2 3 ab", "state_damaged"},
	        {"0 2 3 ab", "state_damaged"},
	        {"2 2 3 ab", "state_newer"},
	        {"1 2 3 0123456789abcdef0123456789abcdef0", "state_damaged"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct progress progress = {.next = 77};
		struct error err;
		cr_expect_eq(progress_parse(view_text(cases[i].text), &progress, &err), STATUS_FATAL, "%s",
		        cases[i].text);
		cr_expect_str_eq(err.code, cases[i].code, "%s", cases[i].text);
		cr_expect_eq(progress.next, 77);
	}
}
