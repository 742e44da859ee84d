/* One record of the log as it is. */
#include "auditor/serve/api_parts.h"

#include <inttypes.h>

enum { VALUE_MAX = 256 << 10, HEADERS_MAX = 100 };

struct record_answer {
	enum log_topic topic;
	struct position position;
	struct buffer *out;
};

static void put_text_or_null(struct buffer *out, const char *name, struct view text)
{
	json_key(out, name);
	if (text.data)
		json_add_view(out, text);
	else
		buffer_add_text(out, "null");
}

static void put_headers(struct buffer *out, const struct raw_record *record)
{
	struct view name, value;

	json_key(out, "headers");
	json_begin(out, '[');
	for (size_t i = 0; i < HEADERS_MAX && raw_header_at(record, i, &name, &value); i++) {
		json_begin(out, '[');
		json_add_view(out, name);
		if (value.data)
			json_add_view(out, value);
		else
			buffer_add_text(out, ",null");
		json_end(out, ']');
	}
	json_end(out, ']');
}

static void write_record(void *context, const struct raw_record *record)
{
	const struct record_answer *answer = context;
	struct buffer *out = answer->out;
	struct view value = record->value;
	bool truncated = value.len > VALUE_MAX;

	value.len = truncated ? VALUE_MAX : value.len;
	json_begin(out, '{');
	put_place(out, "place", view_text(log_topic_name(answer->topic)), answer->position.partition,
	        answer->position.offset);
	json_put_int(out, "time", record->time_ms);
	put_text_or_null(out, "key", record->key);
	put_headers(out, record);
	put_text_or_null(out, "value", value);
	json_put_uint(out, "size", record->value.len);
	json_put_bool(out, "truncated", truncated);
	json_end(out, '}');
}

static bool parse_topic(struct view name, enum log_topic *ret)
{
	for (int topic = 0; topic < LOG_TOPICS; topic++)
		if (view_is(name, log_topic_name((enum log_topic)topic))) {
			*ret = (enum log_topic)topic;
			return true;
		}
	return false;
}

static enum status parse_path(const char *path, struct record_answer *answer, struct error *err)
{
	int64_t partition;

	if (!parse_topic(path_take(&path), &answer->topic))
		return error_set(err, STATUS_REJECT, "not_found",
		        "there are the topics jobs, staged, updated, status and dlq");
	if (!number_parse(path_take(&path), INT32_MAX, &partition) ||
	        !number_parse(path_take(&path), INT64_MAX, &answer->position.offset) || *path)
		return error_set(err, STATUS_REJECT, "invalid_argument",
		        "a record is asked for as /api/record/TOPIC/PARTITION/OFFSET");
	answer->position.partition = (int32_t)partition;
	return STATUS_OK;
}

enum status answer_record(struct asking *asking, struct error *err)
{
	struct record_answer answer = {.out = asking->out};

	if (parse_path(http_rest(asking->request), &answer, err) != STATUS_OK)
		return err->status;
	return raw_read(asking->api->raw, answer.topic, answer.position, write_record, &answer, err);
}

enum status answer_kept_record(struct asking *asking, struct error *err)
{
	struct record_answer answer = {.out = asking->out};
	bool row = false;

	if (parse_path(http_rest(asking->request), &answer, err) != STATUS_OK)
		return err->status;
	struct query *query = query_new(asking->database, "SELECT logged, package, value FROM event WHERE "
	                                                  "topic = ? AND partition = ? AND \"offset\" = ?");
	query_bind_words(query, log_topic_name(answer.topic));
	query_bind_int(query, answer.position.partition);
	query_bind_int(query, answer.position.offset);
	enum status status = query_next(query, &row, err);
	if (status == STATUS_OK && row) {
		const struct raw_record record = {
		        query_int(query, 0), query_text(query, 1), query_text(query, 2), NULL};
		write_record(&answer, &record);
	} else if (status == STATUS_OK) {
		status = error_set(err, STATUS_REJECT, "not_found", "there is no record at that place");
	}
	query_free(query);
	return status;
}
