#include "command/terminal.h"

#include <criterion/criterion.h>

Test(bar_format, draws_what_is_done)
{
	static const struct {
		uint64_t done, total;
		const char *bar;
	} cases[] = {
	        {0, 10, "[--------------------]   0 %"},
	        {5, 10, "[##########----------]  50 %"},
	        {999, 1000, "[###################-]  99 %"},
	        {10, 10, "[####################] 100 %"},
	        {11, 10, "[####################] 100 %"},
	        {0, 0, "[--------------------]   0 %"},
	        {UINT64_MAX, UINT64_MAX, "[####################] 100 %"},
	};
	char text[BAR_SIZE];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		bar_format(cases[i].done, cases[i].total, text);
		cr_assert_str_eq(text, cases[i].bar);
	}
}

Test(bytes_format, chooses_a_unit)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {{0, "0 B"}, {999, "999 B"}, {1000, "1.0 kB"}, {12345678, "12.3 MB"}, {999960, "1.0 MB"},
	        {UINT64_MAX, "18.4 EB"}};
	char text[BYTES_SIZE];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		bytes_format(cases[i].bytes, text);
		cr_assert_str_eq(text, cases[i].text);
	}
}

Test(terminal_has_colour, is_not_for_a_file_nor_where_it_is_unwanted)
{
	FILE *file = tmpfile();

	cr_assert_not(terminal_is(file));
	cr_assert_not(terminal_has_colour(file));
	fclose(file);
}
