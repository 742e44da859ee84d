#include "command/grid.h"

#include "base/memory.h"
#include "command/command.h"
#include "command/terminal.h"

#include <stdlib.h>
#include <string.h>

enum { GAP = 2, NARROWEST = 8 };

struct cell {
	char *text;
	const char *colour;
	size_t width; /* in columns */
};

struct grid {
	size_t columns, count, capacity;
	struct cell *cells; /* row by row, the headings first */
};

/* Bytes of the first columns characters of text. */
static size_t bytes_of(const char *text, size_t columns)
{
	size_t at = 0;

	while (text[at] && columns--)
		do
			at++;
		while (((unsigned char)text[at] & 0xc0) == 0x80);
	return at;
}

static size_t width_of(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

struct grid *grid_new(size_t columns, const char *const *headings)
{
	struct grid *grid = memory_alloc(sizeof(*grid));

	grid->columns = columns;
	for (size_t i = 0; i < columns; i++)
		grid_cell(grid, headings[i], NULL);
	return grid;
}

void grid_free(struct grid *grid)
{
	if (!grid)
		return;
	for (size_t i = 0; i < grid->count; i++)
		free(grid->cells[i].text);
	free(grid->cells);
	free(grid);
}

void grid_cell(struct grid *grid, const char *text, const char *colour)
{
	size_t size = strlen(text ? text : "") + 1;
	char *copy = memory_alloc(size);

	if (grid->count == grid->capacity) {
		grid->capacity = grid->capacity ? 2 * grid->capacity : 64;
		grid->cells = memory_resize(grid->cells, grid->capacity * sizeof(*grid->cells));
	}
	printable(text ? text : "", copy, size);
	grid->cells[grid->count++] = (struct cell){copy, colour, width_of(copy)};
}

size_t grid_rows(const struct grid *grid)
{
	return grid->count / grid->columns - 1;
}

static size_t total_of(const size_t *widths, size_t columns)
{
	size_t total = 0;

	for (size_t i = 0; i < columns; i++)
		total += widths[i] + (i ? GAP : 0);
	return total;
}

/* Takes from the widest column until a row fits, or none is worth cutting. */
static void fit(size_t *widths, size_t columns, size_t most)
{
	while (total_of(widths, columns) > most) {
		size_t widest = 0;

		for (size_t i = 1; i < columns; i++)
			if (widths[i] >= widths[widest])
				widest = i;
		if (widths[widest] <= NARROWEST)
			return;
		widths[widest]--;
	}
}

static void print_cell(const struct cell *cell, size_t width, bool last, bool colour, FILE *out)
{
	const char *paint = colour && cell->colour ? cell->colour : "";
	bool cut = cell->width > width;
	size_t shown = cut ? width - 1 : cell->width;

	fprintf(out, "%s%.*s%s%s", paint, (int)bytes_of(cell->text, shown), cell->text, cut ? "…" : "",
	        *paint ? COLOUR_OFF : "");
	if (!last)
		fprintf(out, "%*s", (int)(width - shown - cut) + GAP, "");
}

/* Empty cells at a row's end leave no blanks behind. */
static size_t cells_of(const struct cell *row, size_t columns)
{
	while (columns && !row[columns - 1].text[0])
		columns--;
	return columns;
}

void grid_print(const struct grid *grid, FILE *out)
{
	size_t *widths = memory_alloc(grid->columns * sizeof(*widths));
	bool colour = terminal_has_colour(out);

	for (size_t i = 0; i < grid->count; i++)
		if (grid->cells[i].width > widths[i % grid->columns])
			widths[i % grid->columns] = grid->cells[i].width;
	if (terminal_is(out))
		fit(widths, grid->columns, (size_t)terminal_width(out));
	for (size_t row = 0; row <= grid_rows(grid); row++) {
		const struct cell *cells = &grid->cells[row * grid->columns];
		size_t count = cells_of(cells, grid->columns);

		if (row == 0 && colour)
			fputs(COLOUR_BOLD, out);
		for (size_t i = 0; i < count; i++)
			print_cell(&cells[i], widths[i], i + 1 == count, colour, out);
		fputs(row == 0 && colour ? COLOUR_OFF "\n" : "\n", out);
	}
	free(widths);
}
