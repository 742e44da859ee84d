/* Rows of a question as JSON. */
#include "auditor/history/rows.h"

#include "auditor/log/place.h"
#include "base/memory.h"
#include "schemas/json.h"

#include <stdlib.h>
#include <string.h>

enum { NAME_SIZE = 40, LINE_MAX = 4 << 20 };

char *row_text(struct query *query, int column)
{
	struct view text = query_text(query, column);

	return query_is_null(query, column) ? NULL : memory_copy(text.data ? text.data : "", text.len);
}

static void put_place(struct query *query, int column, const char *name, int topic, struct buffer *out)
{
	struct place place = {.topic = (enum log_topic)topic};
	char *text = row_text(query, column);
	struct error err;

	if (place_parse(text, "", &place, &err) == STATUS_OK)
		place_put(out, name, place.topic, place.position);
	free(text);
}

static void put_plain(struct query *query, int column, const char *name, struct buffer *out)
{
	if (query_is_int(query, column)) {
		json_put_int(out, name, query_int(query, column));
		return;
	}
	json_key(out, name);
	json_add_view(out, query_text(query, column));
}

static void put_kind(struct query *query, int column, const char *name, const char *kind, struct buffer *out)
{
	int topic = place_topic(kind, "");
	char *text;

	if (strcmp(kind, "time") == 0) {
		json_put_time(out, name, query_int(query, column));
	} else if (strcmp(kind, "bool") == 0) {
		json_put_bool(out, name, query_int(query, column) != 0);
	} else if (strcmp(kind, "json") == 0) {
		text = row_text(query, column);
		json_key(out, name);
		json_add_raw(out, text);
		free(text);
	} else if (topic >= 0) {
		put_place(query, column, name, topic, out);
	}
}

void row_put_json(struct query *query, struct buffer *out)
{
	for (int column = 0; column < query_columns(query); column++) {
		const char *whole = query_name(query, column), *kind = strchr(whole, ' ');
		char name[NAME_SIZE];

		if (query_is_null(query, column))
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(whole, " "), whole);
		if (kind)
			put_kind(query, column, name, kind + 1, out);
		else
			put_plain(query, column, name, out);
	}
}

enum status rows_print_json(
        struct query *query, const char *kind, FILE *out, size_t *ret_count, struct error *err)
{
	struct buffer line;
	bool row = false;
	enum status status;

	buffer_init(&line, LINE_MAX);
	*ret_count = 0;
	while ((status = query_next(query, &row, err)) == STATUS_OK && row) {
		buffer_clear(&line);
		json_begin(&line, '{');
		json_put_text(&line, "kind", kind);
		row_put_json(query, &line);
		json_end(&line, '}');
		fprintf(out, "%s\n", line.data);
		++*ret_count;
	}
	buffer_release(&line);
	return status;
}
