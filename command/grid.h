#ifndef COMMAND_GRID_H
#define COMMAND_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Rows of cells in aligned columns, for people: bold headings on a terminal, columns cut so that a row fits
 * its width; elsewhere (a pipe, a file) whole cells, no colour. Cells are copied and made printable; widths
 * count UTF-8 characters, each as one column. */
struct grid;

struct grid *grid_new(size_t columns, const char *const *headings);
void grid_free(struct grid *grid); /* NULL is fine */

/* The next cell, left to right, row by row; text NULL: empty. colour: one of terminal.h, or NULL. */
void grid_cell(struct grid *grid, const char *text, const char *colour);
size_t grid_rows(const struct grid *grid); /* whole ones */
void grid_print(const struct grid *grid, FILE *out);

#endif
