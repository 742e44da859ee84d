/* Packages and distribution points as a table. */
#include "auditor/ask/matrix.h"

#include "auditor/history/rows.h"
#include "base/memory.h"
#include "base/table.h"
#include "command/command.h"
#include "command/grid.h"
#include "command/paragraph.h"
#include "command/terminal.h"

#include <stdlib.h>
#include <string.h>

/* ---- the question ---- */

static const char question[] =
        "WITH looked AS (SELECT s.*, (SELECT version FROM copy c WHERE c.package = s.package "
        "AND c.distribution_point = s.distribution_point "
        "ORDER BY coalesce(wanted, staged, since) DESC, version DESC LIMIT 1) AS newest "
        "FROM current_state s WHERE ?1 IS NULL OR s.package = ?1), "
        "aimed AS (SELECT looked.*, CASE WHEN state IN ('current', 'empty') THEN NULL "
        "WHEN state = 'updating' THEN desired WHEN state = 'staged' THEN looked.staged "
        "ELSE coalesce((SELECT version FROM copy c WHERE c.package = looked.package "
        "AND c.distribution_point = looked.distribution_point AND c.version = looked.newest "
        "AND c.state = looked.state), desired) END AS coming FROM looked) "
        "SELECT package, distribution_point, aimed.state, live, desired, aimed.staged, coming, "
        "p.updated AS \"updated time\", "
        "p.updated_partition || '@' || p.updated_offset AS \"updated_place updated\", "
        "p.released AS \"released time\", "
        "p.release_partition || '@' || p.release_offset AS \"release_place staged\", "
        "c.since AS \"since time\", c.attempt, c.error, c.error_message, c.next_retry AS \"next_retry "
        "time\", "
        "coalesce(p.live_job, p.desired_job) AS job_id "
        "FROM aimed LEFT JOIN pointer p USING (package, distribution_point) "
        "LEFT JOIN copy c USING (package, distribution_point) "
        "WHERE c.version IS NULL OR c.version = coalesce(coming, live, desired, newest) "
        "ORDER BY package, distribution_point";

struct query *state_ask(struct database *database, const char *package)
{
	struct query *query = query_new(database, question);

	query_bind_words(query, package);
	return query;
}

/* ---- cells ---- */

static bool is(const char *text, const char *word)
{
	return strcmp(text, word) == 0;
}

const char *state_colour(const char *state)
{
	if (is(state, "current"))
		return COLOUR_GREEN;
	if (is(state, "failed"))
		return COLOUR_RED;
	return is(state, "staged") || is(state, "empty") ? "" : COLOUR_YELLOW;
}

char *state_cell(struct query *query)
{
	char *state = row_text(query, STATE_STATE), *live = row_text(query, STATE_LIVE),
	     *coming = row_text(query, STATE_COMING), *cell;

	if (is(state, "current"))
		cell = memory_format("%s ✓", live ? live : "?");
	else if (is(state, "empty"))
		cell = memory_text("·");
	else if (live && coming && !is(live, coming))
		cell = memory_format("%s → %s %s", live, coming, state);
	else
		cell = memory_format("%s %s", coming ? coming : live ? live : "?", state);
	free(state);
	free(live);
	free(coming);
	return cell;
}

/* ---- the table ---- */

enum { GAP = 2, CELL_MIN = 8, PACKAGE_MAX = 40 };

struct column {
	char *name; /* first, as struct table wants it */
	size_t number, width;
};

struct cell {
	size_t row;
	const struct column *column;
	const char *colour;
	char *text;
};

struct matrix {
	struct table columns;
	struct cell *cells; /* by package */
	size_t cell_count, cell_capacity;
	char **packages;
	size_t package_count, package_capacity, package_width;
};

static size_t width_of(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static struct column *column_of(struct matrix *matrix, char *name)
{
	struct column *column = table_find(&matrix->columns, name);

	if (column) {
		free(name);
		return column;
	}
	column = memory_alloc(sizeof(*column));
	column->name = name;
	column->width = width_of(name);
	table_add(&matrix->columns, column);
	return column;
}

static size_t row_of(struct matrix *matrix, char *package)
{
	if (matrix->package_count && is(matrix->packages[matrix->package_count - 1], package)) {
		free(package);
		return matrix->package_count - 1;
	}
	if (matrix->package_count == matrix->package_capacity) {
		matrix->package_capacity = matrix->package_capacity ? 2 * matrix->package_capacity : 64;
		matrix->packages =
		        memory_resize(matrix->packages, matrix->package_capacity * sizeof(*matrix->packages));
	}
	if (width_of(package) > matrix->package_width)
		matrix->package_width = width_of(package);
	matrix->packages[matrix->package_count] = package;
	return matrix->package_count++;
}

static void take_row(struct matrix *matrix, struct query *query)
{
	char *state = row_text(query, STATE_STATE);
	struct column *column = column_of(matrix, row_text(query, STATE_POINT));
	size_t row = row_of(matrix, row_text(query, STATE_PACKAGE));
	struct cell cell = {row, column, state_colour(state), state_cell(query)};

	if (width_of(cell.text) > column->width)
		column->width = width_of(cell.text);
	if (matrix->cell_count == matrix->cell_capacity) {
		matrix->cell_capacity = matrix->cell_capacity ? 2 * matrix->cell_capacity : 256;
		matrix->cells = memory_resize(matrix->cells, matrix->cell_capacity * sizeof(*matrix->cells));
	}
	matrix->cells[matrix->cell_count++] = cell;
	free(state);
}

static void free_column(void *item)
{
	struct column *column = item;

	free(column->name);
	free(column);
}

static void matrix_release(struct matrix *matrix)
{
	for (size_t i = 0; i < matrix->cell_count; i++)
		free(matrix->cells[i].text);
	for (size_t i = 0; i < matrix->package_count; i++)
		free(matrix->packages[i]);
	free(matrix->cells);
	free(matrix->packages);
	table_release(&matrix->columns, free_column);
}

/* How many columns from first on fit beside the packages: one at least. */
static size_t columns_that_fit(const struct matrix *matrix, size_t first, int width)
{
	size_t used = matrix->package_width, count = 0;

	while (first + count < matrix->columns.count) {
		const struct column *column = matrix->columns.items[first + count];

		used += GAP + column->width;
		if (width && count && used > (size_t)width)
			break;
		count++;
	}
	return count;
}

/* Cells come by package and, in it, by name of column, as the columns are numbered. */
static void print_part(const struct matrix *matrix, size_t first, size_t count, FILE *out)
{
	const char **headings = memory_alloc((count + 1) * sizeof(*headings));
	size_t at = 0;

	headings[0] = "PACKAGE";
	for (size_t i = 0; i < count; i++)
		headings[i + 1] = ((struct column *)matrix->columns.items[first + i])->name;
	struct grid *grid = grid_new(count + 1, headings);

	for (size_t row = 0; row < matrix->package_count; row++) {
		grid_cell(grid, matrix->packages[row], COLOUR_BOLD);
		for (size_t i = first; i < first + count; i++) {
			while (at < matrix->cell_count && matrix->cells[at].row == row &&
			        matrix->cells[at].column->number < i)
				at++;
			bool there = at < matrix->cell_count && matrix->cells[at].row == row &&
			             matrix->cells[at].column->number == i;

			grid_cell(grid, there ? matrix->cells[at].text : "·",
			        there ? matrix->cells[at].colour : COLOUR_DIM);
		}
		while (at < matrix->cell_count && matrix->cells[at].row == row)
			at++;
	}
	grid_print(grid, out);
	grid_free(grid);
	free(headings);
}

enum status matrix_print(struct query *query, FILE *out, size_t *ret_packages, struct error *err)
{
	struct matrix matrix = {.package_width = strlen("PACKAGE")};
	int width = paragraph_width(out);
	bool row = false;
	enum status status;

	while ((status = query_next(query, &row, err)) == STATUS_OK && row)
		take_row(&matrix, query);
	for (size_t i = 0; i < matrix.columns.count; i++)
		((struct column *)matrix.columns.items[i])->number = i;
	for (size_t first = 0; status == STATUS_OK && first < matrix.columns.count;) {
		size_t count = columns_that_fit(&matrix, first, width);

		if (first)
			fputc('\n', out);
		print_part(&matrix, first, count, out);
		first += count;
	}
	*ret_packages = matrix.package_count;
	matrix_release(&matrix);
	return status;
}
