#include "auditor/log/fact_scan_room.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static const char *const field_names[FIELDS] = {"schema", "type", "id", "time", "package_id", "version",
        "distribution_point", "job_id", "job_position", "dp_id", "digest", "files", "bytes", "read_back",
        "staged_id", "targets", "deadline", "reason", "detail", "previous_version", "staged_position",
        "release_id", "release_position", "job_type", "state", "final", "distribution_points", "requested_by",
        "annotations", "outcomes", "original", "duplicate", "attempt", "next_retry", "gate", "content",
        "waiting_for", "error"};

static size_t name_slot(const char *name, size_t len)
{
	unsigned first = (unsigned char)name[0], last = (unsigned char)name[len - 1];

	return (first * 31 + last * 7 + (unsigned)len * 13) % NAME_SLOTS;
}

struct fact_scanner *fact_scanner_new(void)
{
	struct fact_scanner *scanner = memory_alloc(sizeof(*scanner));

	for (size_t field = 0; field < FIELDS; field++) {
		size_t slot = name_slot(field_names[field], strlen(field_names[field]));

		while (scanner->names[slot])
			slot = (slot + 1) % NAME_SLOTS;
		scanner->names[slot] = (uint8_t)(field + 1);
		scanner->lens[field] = (uint8_t)strlen(field_names[field]);
	}
	return scanner;
}

void fact_scanner_free(struct fact_scanner *scanner)
{
	free(scanner);
}

static enum field field_named(const struct fact_scanner *scanner, struct view name)
{
	size_t slot = name.len ? name_slot(name.data, name.len) : 0;

	for (; scanner->names[slot]; slot = (slot + 1) % NAME_SLOTS) {
		size_t field = scanner->names[slot] - 1u;

		if (name.len == scanner->lens[field] && memcmp(name.data, field_names[field], name.len) == 0)
			return (enum field)field;
	}
	return FIELDS;
}

/* ---- JSON, as far as it is plain */

/* Bit 7 of each byte that is a quote, a backslash, a control character, DEL, or no ASCII. */
static inline uint64_t odd_bytes(uint64_t word)
{
	const uint64_t ones = 0x0101010101010101, highs = 0x8080808080808080;
	uint64_t quote = word ^ (ones * '"'), backslash = word ^ (ones * '\\'), del = word ^ (ones * 0x7f);

	return (((word - ones * 0x20) | (quote - ones) | (backslash - ones) | (del - ones)) & ~word & highs) |
	       (word & highs);
}

/* A string behind its opening quote, of printable ASCII without escapes. */
bool cursor_take_text(struct cursor *in, struct view *ret)
{
	const char *at = in->at;
	uint64_t word, odd = 0;

	while (in->end - at >= 8) {
		memcpy(&word, at, 8);
		odd = odd_bytes(word);
		if (odd)
			break;
		at += 8;
	}
	if (odd && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
		at += __builtin_ctzll(odd) / 8;
	while (at < in->end && *at >= ' ' && *at <= '~' && *at != '"' && *at != '\\')
		at++;
	if (at == in->end || *at != '"')
		return false;
	*ret = (struct view){in->at, (size_t)(at - in->at)};
	in->at = at + 1;
	return true;
}

/* No sign, fraction or exponent, and fewer digits than would overflow. */
bool cursor_take_number(struct cursor *in, int64_t *ret)
{
	const char *start = in->at;
	int64_t number = 0;

	while (in->at < in->end && *in->at >= '0' && *in->at <= '9' && in->at - start < 18)
		number = number * 10 + (*in->at++ - '0');
	*ret = number;
	if (in->at == in->end || in->at == start || (*start == '0' && in->at - start > 1))
		return false;
	return *in->at == ',' || *in->at == '}' || *in->at == ']' || *in->at == ' ' || *in->at == '\n';
}

static bool take_word(struct cursor *in, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(in->end - in->at) < len || memcmp(in->at, word, len) != 0)
		return false;
	in->at += len;
	return true;
}

static bool take_nested(struct cursor *in, int depth);

static bool take_value(struct cursor *in, struct value *ret, int depth)
{
	cursor_skip_space(in);
	const char *start = in->at;

	if (in->at == in->end)
		return false;
	switch (*start) {
	case '"':
		in->at++;
		ret->kind = KIND_TEXT;
		return cursor_take_text(in, &ret->text);
	case '{':
	case '[':
		ret->kind = *start == '{' ? KIND_OBJECT : KIND_ARRAY;
		if (depth >= DEPTH_MAX || !take_nested(in, depth + 1))
			return false;
		ret->text = (struct view){start, (size_t)(in->at - start)};
		return true;
	case 't':
		ret->kind = KIND_TRUE;
		return take_word(in, "true");
	case 'f':
		ret->kind = KIND_FALSE;
		return take_word(in, "false");
	default:
		ret->kind = KIND_NUMBER;
		return cursor_take_number(in, &ret->number);
	}
}

/* Whether none of the names before is the last one. */
static bool is_new(const struct view *names, size_t count)
{
	for (size_t i = 0; i + 1 < count; i++)
		if (view_equal(names[i], names[count - 1]))
			return false;
	return true;
}

/* An object or array; of an object with many fields it is not known whether one is there twice. */
static bool take_nested(struct cursor *in, int depth)
{
	struct view names[NESTED_FIELDS_MAX];
	struct value ignored;
	bool object = *in->at++ == '{';
	char close = object ? '}' : ']';
	size_t count = 0;

	if (cursor_take(in, close))
		return true;
	do {
		if (object && (count == NESTED_FIELDS_MAX || !cursor_take(in, '"') ||
		                      !cursor_take_text(in, &names[count]) || !is_new(names, ++count) ||
		                      !cursor_take(in, ':')))
			return false;
		if (!take_value(in, &ignored, depth))
			return false;
	} while (cursor_take(in, ','));
	return cursor_take(in, close);
}

bool scan_record(struct fact_scanner *scanner, struct view value)
{
	struct cursor in;
	struct view name;
	enum field field;

	scanner->seen = 0;
	if (!value.data || value.len > READ_MAX)
		return false;
	in = (struct cursor){value.data, value.data + value.len};
	if (!cursor_take(&in, '{'))
		return false;
	do {
		if (!cursor_take(&in, '"') || !cursor_take_text(&in, &name) || !cursor_take(&in, ':'))
			return false;
		field = field_named(scanner, name);
		if (field == FIELDS || scanner->seen & UINT64_C(1) << field)
			return false;
		if (!take_value(&in, &scanner->values[field], 0))
			return false;
		scanner->seen |= UINT64_C(1) << field;
	} while (cursor_take(&in, ','));
	if (!cursor_take(&in, '}'))
		return false;
	cursor_skip_space(&in);
	return in.at == in.end;
}

bool cursor_enter(const struct value *object, struct cursor *ret)
{
	if (object->kind != KIND_OBJECT)
		return false;
	*ret = (struct cursor){object->text.data, object->text.data + object->text.len};
	return true;
}

bool cursor_next(struct cursor *in, struct view *ret_name, struct value *ret)
{
	return (cursor_take(in, '{') || cursor_take(in, ',')) && cursor_take(in, '"') &&
	       cursor_take_text(in, ret_name) && cursor_take(in, ':') && take_value(in, ret, 1);
}
