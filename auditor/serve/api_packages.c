/* The matrix of packages and distribution points, and one package with all that is known of it. */
#include "auditor/serve/api_parts.h"

#include "auditor/serve/board.h"

#include <string.h>

enum { CELLS_MAX = 20000 };

/* +: the copies of a cell are few, so none of them is looked for by its time */
#define CELL_COLUMNS                                                                                         \
	"state.distribution_point, state.state, state.desired, state.staged, state.live,"                    \
	" (SELECT error FROM copy c WHERE c.package = state.package"                                         \
	"  AND c.distribution_point = state.distribution_point AND error IS NOT NULL"                        \
	"  AND c.state IN ('pending', 'staging', 'retrying', 'failed', 'updating')"                          \
	"  ORDER BY +c.since DESC LIMIT 1),"                                                                 \
	" CASE state.state WHEN 'updating' THEN desired WHEN 'staged' THEN state.staged"                     \
	"  ELSE (SELECT version FROM copy c WHERE c.package = state.package"                                 \
	"   AND c.distribution_point = state.distribution_point AND c.state = state.state"                   \
	"   ORDER BY coalesce(+c.wanted, c.staged, c.since) DESC, version DESC LIMIT 1) END"
enum { CELL_COLUMN_COUNT = 7 };

static void begin_cell(struct buffer *out, struct query *query)
{
	static const char *const names[] = {"state", "desired", "staged", "live", "error", "coming"};

	key_view(out, query_text(query, 0));
	json_begin(out, '{');
	for (int i = 0; i < CELL_COLUMN_COUNT - 1; i++)
		put_column(out, names[i], query, 1 + i);
}

static void add_name(struct buffer *out, struct query *query)
{
	json_add_view(out, query_text(query, 0));
}

/* ---- the matrix */

struct filter {
	const char *search;
	unsigned states;
};

static enum status read_filter(const struct http_request *request, struct filter *ret, struct error *err)
{
	const char *search = http_argument(request, "search"), *state = http_argument(request, "state");

	*ret = (struct filter){.search = search ? search : ""};
	if (state && *state) {
		ret->states = board_state(view_text(state));
		if (!ret->states)
			return fail_argument(err, "state", state,
			        "empty, pending, staging, retrying, failed, staged, updating or current");
	}
	return STATUS_OK;
}

#define FILTERED                                                                                             \
	" FROM board_package WHERE (?1 = '' OR instr(lower(package), lower(?1)) > 0)"                        \
	" AND (?2 = 0 OR states & ?2 <> 0)"

static void bind_filter(struct query *query, const struct filter *filter)
{
	query_bind_words(query, filter->search);
	query_bind_int(query, filter->states);
}

static enum status add_cells(struct query *cells, struct view package, struct buffer *out, struct error *err)
{
	enum status status;
	bool row;

	query_bind_text(cells, package);
	json_begin(out, '{');
	while ((status = query_next(cells, &row, err)) == STATUS_OK && row) {
		begin_cell(out, cells);
		json_end(out, '}');
	}
	json_end(out, '}');
	query_reset(cells);
	return status;
}

static enum status add_matrix(
        struct asking *asking, struct query *packages, struct query *cells, struct error *err)
{
	struct buffer *out = asking->out;
	enum status status;
	bool row;

	json_begin(out, '[');
	while ((status = query_next(packages, &row, err)) == STATUS_OK && row) {
		json_begin(out, '{');
		put_column(out, "package", packages, 0);
		json_key(out, "cells");
		status = add_cells(cells, query_text(packages, 0), out, err);
		if (status != STATUS_OK)
			return status;
		json_end(out, '}');
	}
	json_end(out, ']');
	return status;
}

static enum status put_items(
        struct asking *asking, const struct filter *filter, const struct page_range *range, struct error *err)
{
	struct query *packages =
	        query_new(asking->database, "SELECT package" FILTERED " ORDER BY package LIMIT ?3 OFFSET ?4");
	struct query *cells = query_new(
	        asking->database, "SELECT " CELL_COLUMNS " FROM current_state state WHERE state.package = ?");

	bind_filter(packages, filter);
	query_bind_int(packages, range->limit);
	query_bind_int(packages, range->offset);
	json_key(asking->out, "items");
	enum status status = add_matrix(asking, packages, cells, err);
	query_free(packages);
	query_free(cells);
	return status;
}

enum status answer_packages(struct asking *asking, struct error *err)
{
	struct buffer *out = asking->out;
	struct page_range range;
	struct filter filter;
	int64_t total, points;

	if (argument_range(asking->request, &range, err) != STATUS_OK ||
	        read_filter(asking->request, &filter, err) != STATUS_OK)
		return err->status;
	struct query *count = query_new(asking->database, "SELECT count(*)" FILTERED);
	bind_filter(count, &filter);
	if (ask_number(count, &total, err) != STATUS_OK ||
	        database_number(asking->database, "SELECT count(*) FROM (" POINT_NAMES ")", &points, err) !=
	                STATUS_OK)
		return err->status;
	if (points > 0 && range.limit > CELLS_MAX / points)
		range.limit = CELLS_MAX / points ? CELLS_MAX / points : 1;
	json_begin(out, '{');
	json_put_int(out, "total", total);
	json_put_int(out, "limit", range.limit);
	json_key(out, "distribution_points");
	if (add_rows(query_new(asking->database, POINT_NAMES " ORDER BY 1"), add_name, out, err) != STATUS_OK)
		return err->status;
	enum status status = put_items(asking, &filter, &range, err);
	json_end(out, '}');
	return status;
}

/* ---- one package */

static struct query *of_package(struct asking *asking, const char *sql, struct view package)
{
	struct query *query = query_new(asking->database, sql);

	query_bind_text(query, package);
	return query;
}

/* A COPY begins at this column. */
static void add_copy(struct buffer *out, struct query *query, int first)
{
	static const char *const names[] = {"version", "state", "since", "attempt", "error", "error_message",
	        "next_retry", "digest", "files", "bytes", "read_back", "staged"};
	enum { NAMES = sizeof(names) / sizeof(*names) };

	json_begin(out, '{');
	for (int i = 0; i < NAMES; i++)
		put_column(out, names[i], query, first + i);
	if (!query_is_null(query, first + NAMES + 1))
		put_place(out, "place", view_text(log_topic_name(LOG_STAGED)),
		        query_int(query, first + NAMES), query_int(query, first + NAMES + 1));
	json_end(out, '}');
}
#define COPY_COLUMNS                                                                                         \
	"version, state, since, attempt, error, error_message, next_retry, digest, files, bytes, read_back," \
	" staged, staged_partition, staged_offset"

static enum status add_copies(
        struct query *copies, struct view package, struct view point, struct buffer *out, struct error *err)
{
	enum status status;
	bool row;

	query_bind_text(copies, package);
	query_bind_text(copies, point);
	json_begin(out, '[');
	while ((status = query_next(copies, &row, err)) == STATUS_OK && row)
		add_copy(out, copies, 0);
	json_end(out, ']');
	query_reset(copies);
	return status;
}

static void put_pointer(struct buffer *out, struct query *query, int first)
{
	put_column(out, "released", query, first);
	put_column(out, "updated", query, first + 1);
	if (!query_is_null(query, first + 3))
		put_place(out, "release_place", view_text(log_topic_name(LOG_STAGED)),
		        query_int(query, first + 2), query_int(query, first + 3));
	if (!query_is_null(query, first + 5))
		put_place(out, "updated_place", view_text(log_topic_name(LOG_UPDATED)),
		        query_int(query, first + 4), query_int(query, first + 5));
	if (!query_is_null(query, first + 7))
		put_place(out, "staged_place", view_text(log_topic_name(LOG_STAGED)),
		        query_int(query, first + 6), query_int(query, first + 7));
}

static enum status put_cells(struct asking *asking, struct view package, struct error *err)
{
	struct buffer *out = asking->out;
	struct query *cells = of_package(asking,
	        "SELECT " CELL_COLUMNS ", released, updated, release_partition, release_offset,"
	        " updated_partition, updated_offset, lies.staged_partition, lies.staged_offset"
	        " FROM current_state state LEFT JOIN pointer USING (package, distribution_point)"
	        " LEFT JOIN copy lies ON lies.package = state.package"
	        "  AND lies.distribution_point = state.distribution_point AND lies.version = state.staged"
	        " WHERE state.package = ?",
	        package);
	struct query *copies = query_new(asking->database,
	        "SELECT " COPY_COLUMNS " FROM copy WHERE package = ? AND distribution_point = ?"
	        " ORDER BY coalesce(wanted, staged, since) DESC, version DESC");
	enum status status;
	bool row;

	json_key(out, "cells");
	json_begin(out, '{');
	while ((status = query_next(cells, &row, err)) == STATUS_OK && row) {
		begin_cell(out, cells);
		put_pointer(out, cells, 7);
		json_key(out, "copies");
		status = add_copies(copies, package, query_text(cells, 0), out, err);
		if (status != STATUS_OK)
			break;
		json_end(out, '}');
	}
	json_end(out, '}');
	query_free(cells);
	query_free(copies);
	return status;
}

static void add_version(struct buffer *out, struct query *query)
{
	static const char *const names[] = {
	        "version", "digest", "files", "bytes", "points_staged", "first_staged"};

	json_begin(out, '{');
	for (int i = 0; i < 6; i++)
		put_column(out, names[i], query, i);
	json_end(out, '}');
}

static enum status find_package(
        struct asking *asking, struct view package, int64_t *ret_partition, struct error *err)
{
	struct query *query = of_package(asking,
	        "SELECT coalesce((SELECT partition FROM job WHERE package = ?1 ORDER BY state = 'rerouted' "
	        "LIMIT 1),"
	        " (SELECT coalesce(staged_partition, status_partition) FROM copy WHERE package = ?1 LIMIT 1),"
	        " (SELECT coalesce(release_partition, updated_partition) FROM pointer WHERE package = ?1 "
	        "LIMIT 1),"
	        " -1)",
	        package);

	if (ask_number(query, ret_partition, err) != STATUS_OK)
		return err->status;
	if (*ret_partition < 0)
		return error_set(err, STATUS_REJECT, "not_found", "nothing is known of a package %.*s",
		        (int)(package.len < 128 ? package.len : 128), package.data);
	return STATUS_OK;
}

enum status answer_package(struct asking *asking, struct error *err)
{
	struct view package = view_text(http_rest(asking->request));
	struct buffer *out = asking->out;
	int64_t partition;

	if (find_package(asking, package, &partition, err) != STATUS_OK)
		return err->status;
	json_begin(out, '{');
	put_view(out, "package", package);
	json_put_int(out, "partition", partition);
	if (put_cells(asking, package, err) != STATUS_OK)
		return err->status;
	json_key(out, "versions");
	if (add_rows(of_package(asking,
	                     "SELECT version, max(digest), max(files), max(bytes),"
	                     " count(*) FILTER (WHERE staged IS NOT NULL AND (pending IS NULL OR staged >= "
	                     "pending)),"
	                     " min(staged) FROM copy WHERE package = ? GROUP BY version"
	                     " ORDER BY max(coalesce(wanted, staged, since)) DESC, version DESC",
	                     package),
	            add_version, out, err) != STATUS_OK)
		return err->status;
	json_key(out, "jobs");
	struct query *jobs = of_package(asking,
	        "SELECT " JOB_COLUMNS " FROM job WHERE package = ? AND state != 'rerouted'"
	        " ORDER BY " JOB_TIME " DESC LIMIT 50",
	        package);
	if (add_rows(jobs, add_job, out, err) != STATUS_OK)
		return err->status;
	json_end(out, '}');
	return STATUS_OK;
}
