/* Arguments read strictly, and rows written as JSON. */
#include "auditor/serve/api_parts.h"

#include "base/timestamp.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- arguments */

bool number_parse(struct view text, int64_t most, int64_t *ret)
{
	uint64_t number = 0;

	if (!text.len)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
		number = number * 10 + (uint64_t)(text.data[i] - '0');
		if (number > (uint64_t)most)
			return false;
	}
	*ret = (int64_t)number;
	return true;
}

enum status fail_argument(struct error *err, const char *name, const char *value, const char *may_be)
{
	return error_set(
	        err, STATUS_REJECT, "invalid_argument", "%s=%.60s: it must be %s", name, value, may_be);
}

enum status argument_range(const struct http_request *request, struct page_range *ret, struct error *err)
{
	const char *offset = http_argument(request, "offset"), *limit = http_argument(request, "limit");
	struct page_range range = {0, LIMIT_DEFAULT};

	if (offset && !number_parse(view_text(offset), OFFSET_MAX, &range.offset))
		return fail_argument(err, "offset", offset,
		        "a number from 0 to 100000: to see what lies farther, ask for a part of it");
	if (limit && (!number_parse(view_text(limit), LIMIT_MAX, &range.limit) || range.limit == 0))
		return fail_argument(err, "limit", limit, "a number from 1 to 200");
	*ret = range;
	return STATUS_OK;
}

struct view path_take(const char **path)
{
	size_t len = strcspn(*path, "/");
	struct view part = {*path, len};

	*path += len + ((*path)[len] == '/');
	return part;
}

/* ---- writing */

void key_view(struct buffer *out, struct view name)
{
	json_add_view(out, name);
	buffer_add_text(out, ":");
}

void put_view(struct buffer *out, const char *name, struct view text)
{
	if (!text.data)
		return;
	json_key(out, name);
	json_add_view(out, text);
}

void put_column(struct buffer *out, const char *name, struct query *query, int column)
{
	if (query_is_null(query, column))
		return;
	if (query_is_int(query, column))
		json_put_int(out, name, query_int(query, column));
	else
		put_view(out, name, query_text(query, column));
}

void put_flag(struct buffer *out, const char *name, struct query *query, int column)
{
	json_put_bool(out, name, query_int(query, column) != 0);
}

void put_json(struct buffer *out, const char *name, struct query *query, int column)
{
	struct view json = query_text(query, column);

	if (!json.data)
		return;
	json_key(out, name);
	buffer_add(out, json.data, json.len);
}

void put_place(struct buffer *out, const char *name, struct view topic, int64_t partition, int64_t offset)
{
	json_key(out, name);
	json_begin(out, '{');
	put_view(out, "topic", topic);
	json_put_int(out, "partition", partition);
	json_put_int(out, "offset", offset);
	json_end(out, '}');
}

static void put_waiting(struct buffer *out, struct query *query, int first)
{
	json_key(out, "waiting");
	json_begin(out, '{');
	put_column(out, "staged", query, first);
	put_column(out, "targets", query, first + 1);
	put_json(out, "missing", query, first + 2);
	json_end(out, '}');
}

void begin_job(struct buffer *out, struct query *query)
{
	static const char *const texts[] = {"package", "version", "type", "state"};
	static const char *const more[] = {"reason", "detail", "requested_by", "submitted", "accepted",
	        "held", "released", "ended", "deadline"};
	char job[48];

	snprintf(job, sizeof(job), "%" PRId64 "-%" PRId64, query_int(query, 0), query_int(query, 1));
	json_begin(out, '{');
	json_put_text(out, "job", job);
	if (query_text(query, 2).len)
		put_column(out, "job_id", query, 2);
	for (int i = 0; i < 4; i++)
		put_column(out, texts[i], query, 3 + i);
	put_flag(out, "final", query, 7);
	for (int i = 0; i < 9; i++)
		put_column(out, more[i], query, 8 + i);
	put_json(out, "distribution_points", query, 17);
	if (view_is(query_text(query, 6), "held"))
		put_waiting(out, query, 18);
	put_json(out, "outcomes", query, 21);
	put_place(
	        out, "place", view_text(log_topic_name(LOG_JOBS)), query_int(query, 0), query_int(query, 1));
}

void add_job(struct buffer *out, struct query *query)
{
	begin_job(out, query);
	json_end(out, '}');
}

void add_event(struct buffer *out, struct query *query)
{
	static const char *const names[] = {
	        "time", "type", "package", "version", "distribution_point", "job_id"};
	int64_t next_retry_ms;

	json_begin(out, '{');
	put_place(out, "place", query_text(query, 0), query_int(query, 1), query_int(query, 2));
	for (int i = 0; i < 6; i++)
		put_column(out, names[i], query, 3 + i);
	if (!query_is_null(query, 9)) {
		char job[48];
		snprintf(job, sizeof(job), "%" PRId64 "-%" PRId64, query_int(query, 9), query_int(query, 10));
		json_put_text(out, "job", job);
	}
	put_column(out, "state", query, 11);
	put_column(out, "reason", query, 12);
	put_column(out, "detail", query, 13);
	put_column(out, "id", query, 14);
	if (query_is_int(query, 15))
		put_column(out, "attempt", query, 15);
	if (timestamp_parse(query_text(query, 16), &next_retry_ms))
		json_put_int(out, "next_retry", next_retry_ms);
	put_column(out, "logged", query, 17);
	json_end(out, '}');
}

enum status add_rows(struct query *query, void (*add)(struct buffer *out, struct query *query),
        struct buffer *out, struct error *err)
{
	enum status status;
	bool row;

	json_begin(out, '[');
	while ((status = query_next(query, &row, err)) == STATUS_OK && row)
		add(out, query);
	json_end(out, ']');
	query_free(query);
	return status;
}

enum status ask_number(struct query *query, int64_t *ret, struct error *err)
{
	bool row;
	enum status status = query_next(query, &row, err);

	if (status == STATUS_OK)
		*ret = row ? query_int(query, 0) : 0;
	query_free(query);
	return status;
}
