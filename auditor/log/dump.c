/* A line of a dump, taken apart. */
#include "auditor/log/dump.h"

#include "auditor/log/scan.h"

static bool number_of(struct view text, int64_t most, int64_t *ret)
{
	int64_t number = 0;

	if (!text.len)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9' || number > (most - 9) / 10)
			return false;
		number = number * 10 + (text.data[i] - '0');
	}
	*ret = number;
	return true;
}

static bool take_bytes(struct view value, struct view *ret)
{
	if (view_is(value, "null"))
		return true;
	*ret = value;
	return value.len && value.data[0] == '"';
}

static bool take_field(struct view name, struct view value, struct dump_line *line)
{
	int64_t number = 0;

	if (view_is(name, "\"topic\"")) {
		line->topic = (struct view){value.data + 1, value.len > 2 ? value.len - 2 : 0};
		return value.data[0] == '"';
	}
	if (view_is(name, "\"partition\"")) {
		bool good = number_of(value, INT32_MAX, &number);
		line->partition = (int32_t)number;
		return good;
	}
	if (view_is(name, "\"offset\""))
		return number_of(value, INT64_MAX, &line->offset);
	if (view_is(name, "\"ts\""))
		return number_of(value, INT64_MAX, &line->time_ms);
	if (view_is(name, "\"key\""))
		return take_bytes(value, &line->key);
	if (view_is(name, "\"payload\""))
		return take_bytes(value, &line->payload);
	if (view_is(name, "\"headers\""))
		line->headers = value;
	return true;
}

const char *dump_line_parse(struct view in, struct dump_line *ret)
{
	struct dump_line line = {.partition = -1, .offset = -1};
	struct view name, value;

	if (!scan_mark(&in, '{'))
		return "is no JSON object";
	while (!scan_mark(&in, '}')) {
		if (!scan_value(&in, &name) || !scan_mark(&in, ':') || !scan_value(&in, &value))
			return "is torn or no JSON";
		if (!take_field(name, value, &line))
			return "has a topic, partition, offset, ts, key or payload of another type";
		scan_mark(&in, ',');
	}
	if (!line.topic.len || line.partition < 0 || line.offset < 0)
		return "lacks topic, partition or offset";
	*ret = line;
	return NULL;
}

bool dump_next(struct view *array, struct view *ret_text)
{
	struct view value;

	if (!scan_mark(array, '[') && !scan_mark(array, ','))
		return false;
	if (!scan_value(array, &value))
		return false;
	*ret_text = (struct view){0};
	return take_bytes(value, ret_text);
}
