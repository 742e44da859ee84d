#include "producer/lines.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(const char *text, size_t longest, const char *wanted)
{
	FILE *in = fmemopen((char *)text, strlen(text), "r");
	struct lines *lines = lines_new(in, longest);
	char said[1000] = "";
	enum line_kind kind;
	struct view line;

	while ((kind = lines_next(lines, &line)) != LINE_NONE) {
		size_t at = strlen(said);

		cr_assert_neq(kind, LINE_FAILED);
		snprintf(said + at, sizeof(said) - at, "%ju:%.*s|", (uintmax_t)lines_number(lines),
		        kind == LINE_TEXT ? (int)line.len : 8, kind == LINE_TEXT ? line.data : "too long");
	}
	cr_assert_str_eq(said, wanted, "is %s", said);
	cr_assert_eq(lines_bytes(lines), strlen(text));
	lines_free(lines);
	fclose(in);
}

Test(lines_next, gives_each_line_with_its_number)
{
	check("one\n\nthree\n", 100, "1:one|2:|3:three|");
}

Test(lines_next, gives_a_last_line_without_a_newline)
{
	check("one\ntwo", 100, "1:one|2:two|");
}

Test(lines_next, steps_over_a_line_that_is_too_long)
{
	check("12345\n123456\n1\n", 5, "1:12345|2:too long|3:1|");
	check("1\n123456", 5, "1:1|2:too long|");
}

Test(lines_next, goes_on_behind_a_line_longer_than_its_memory)
{
	size_t size = 3 << 20;
	char *text = malloc(size + 10);

	memset(text, 'x', size);
	strcpy(text + size, "\nnext\n");
	check(text, 100, "1:too long|2:next|");
	free(text);
}

Test(lines_rewind, starts_over)
{
	char text[] = "a\nb\n";
	FILE *in = fmemopen(text, 4, "r");
	struct lines *lines = lines_new(in, 10);
	struct view line;

	for (int pass = 0; pass < 2; pass++) {
		cr_assert_eq(lines_next(lines, &line), LINE_TEXT);
		cr_assert(view_is(line, "a"));
		cr_assert_eq(lines_number(lines), 1);
		rewind(in);
		lines_rewind(lines);
	}
	lines_free(lines);
	fclose(in);
}
