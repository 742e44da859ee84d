/* Errors by distribution point, and those of sources. */
#include "auditor/ask/failures.h"

#include "auditor/history/rows.h"
#include "base/memory.h"
#include "command/moment.h"
#include "command/paragraph.h"
#include "command/terminal.h"

#include <stdlib.h>
#include <string.h>

/* SQLite gives, beside a lone max(), the other columns of the row that has it. */
static const char question[] =
        "SELECT iif(source_fault, NULL, distribution_point) AS distribution_point, error AS code, count(*) "
        "FILTER (WHERE state = 'failed') AS failed, "
        "count(*) FILTER (WHERE state <> 'failed') AS retrying, max(since) AS \"last time\", "
        "error_message AS message, min(next_retry) FILTER (WHERE state = 'retrying') AS \"next_retry time\", "
        "count(DISTINCT package) AS packages, "
        "(SELECT json_group_array(package) FROM (SELECT DISTINCT package FROM failing_copy other "
        "WHERE (copy.source_fault OR other.distribution_point = copy.distribution_point) "
        "AND other.source_fault = copy.source_fault AND other.error = copy.error "
        "AND (?1 IS NULL OR package = ?1) "
        "ORDER BY package LIMIT 5)) AS \"some_packages json\", "
        "count(DISTINCT distribution_point) AS distribution_points, source_fault AS \"source_fault bool\" "
        "FROM failing_copy copy WHERE ?1 IS NULL OR package = ?1 "
        "GROUP BY 1, error ORDER BY count(*) DESC, 1, error";

enum { INDENT = 4 };
enum {
	POINT,
	CODE,
	FAILED,
	RETRYING,
	LAST,
	MESSAGE,
	NEXT_RETRY,
	PACKAGES,
	SOME_PACKAGES,
	POINTS,
	SOURCE_FAULT
};

struct query *failures_ask(struct database *database, const char *package)
{
	struct query *query = query_new(database, question);

	query_bind_words(query, package);
	return query;
}

static void add_packages(struct query *query, struct fact_reader *reader, struct buffer *words)
{
	struct view names = query_text(query, SOME_PACKAGES), name, value;
	int64_t shown = 0;

	while (fact_next(reader, &names, &name, &value)) {
		buffer_add_text(words, shown++ ? ", " : "; ");
		buffer_add(words, name.data, name.len);
	}
	if (query_int(query, PACKAGES) > shown)
		buffer_add_format(
		        words, " and %lld more packages", (long long)(query_int(query, PACKAGES) - shown));
}

static void print_one(struct query *query, struct fact_reader *reader, FILE *out)
{
	long long failed = query_int(query, FAILED), retrying = query_int(query, RETRYING);
	char *point = row_text(query, POINT), *code = row_text(query, CODE),
	     *message = row_text(query, MESSAGE);
	const char *colour = failed ? COLOUR_RED : COLOUR_YELLOW;
	bool coloured = terminal_has_colour(out);
	const char *where = point ? point : "source";
	struct buffer words;

	buffer_init(&words, 1 << 16);
	buffer_add_format(&words, "%s: ", code);
	if (failed)
		buffer_add_format(&words, "%lld failed%s", failed, retrying ? ", " : "");
	if (retrying)
		buffer_add_format(&words, "%lld retrying", retrying);
	if (query_int(query, SOURCE_FAULT) && query_int(query, POINTS) > 1)
		buffer_add_format(
		        &words, ", on %lld distribution points", (long long)query_int(query, POINTS));
	buffer_add_format(&words, ", last %s", moment_text(query_int(query, LAST)));
	add_packages(query, reader, &words);
	fprintf(out, "%s%s%s  ", coloured ? colour : "", where, coloured ? COLOUR_OFF : "");
	paragraph_print(out, words.data, (int)strlen(where) + 2, INDENT, paragraph_width(out));
	if (message) {
		fprintf(out, "\n%*s", INDENT, "");
		paragraph_print(out, message, INDENT, INDENT, paragraph_width(out));
	}
	fputc('\n', out);
	buffer_release(&words);
	free(point);
	free(code);
	free(message);
}

enum status failures_print(struct query *query, FILE *out, size_t *ret_count, struct error *err)
{
	struct fact_reader *reader = fact_reader_new();
	bool row = false;
	enum status status;

	*ret_count = 0;
	while ((status = query_next(query, &row, err)) == STATUS_OK && row) {
		print_one(query, reader, out);
		++*ret_count;
	}
	fact_reader_free(reader);
	return status;
}
