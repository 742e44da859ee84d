#include "command/grid.h"

#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

static char *printed(const struct grid *grid)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	grid_print(grid, out);
	fclose(out);
	return text;
}

static const char *const headings[] = {"PACKAGE", "WHY"};

Test(grid, aligns_columns_by_characters_and_leaves_no_blanks_at_line_ends)
{
	struct grid *grid = grid_new(2, headings);

	grid_cell(grid, "é", NULL);
	grid_cell(grid, "because", NULL);
	grid_cell(grid, "LONGER-ONE", NULL);
	grid_cell(grid, "", NULL);
	cr_assert_eq(grid_rows(grid), 2u);
	char *text = printed(grid);
	cr_assert_str_eq(text, "PACKAGE     WHY\né           because\nLONGER-ONE\n");
	free(text);
	grid_free(grid);
}

Test(grid, shows_control_characters_of_outside_as_text_and_no_colour_off_a_terminal)
{
	struct grid *grid = grid_new(2, headings);

	grid_cell(grid, "\033[2J", "\033[31m");
	grid_cell(grid, "x\ny", NULL);
	char *text = printed(grid);
	cr_assert_str_eq(text, "PACKAGE  WHY\n?[2J     x?y\n");
	free(text);
	grid_free(grid);
}
