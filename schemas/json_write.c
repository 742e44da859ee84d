/* JSON written by appending: no tree, no format strings, one buffer_add() for most pieces. */
#include "base/timestamp.h"
#include "schemas/json.h"
#include "schemas/names.h"

#include <assert.h>
#include <string.h>

static bool needs_comma(const struct buffer *out)
{
	char last = out->len ? out->data[out->len - 1] : '{';

	return last != '{' && last != '[' && last != ':' && last != '\n';
}

void json_begin(struct buffer *out, char bracket)
{
	char text[2] = {',', bracket};
	bool comma = needs_comma(out);

	buffer_add(out, text + !comma, 1 + comma);
}

void json_end(struct buffer *out, char bracket)
{
	buffer_add(out, &bracket, 1);
}

void json_key(struct buffer *out, const char *name)
{
	char text[128] = ",\"";
	size_t len = strlen(name);
	bool comma = needs_comma(out);

	assert(len <= sizeof(text) - 4);
	memcpy(text + 2, name, len);
	memcpy(text + 2 + len, "\":", 2);
	buffer_add(out, text + !comma, len + 3 + comma);
}

static void begin_value(struct buffer *out)
{
	if (needs_comma(out))
		buffer_add(out, ",", 1);
}

/* The plain bytes at the start of text: ASCII that needs no escape. */
static size_t plain_len(const char *text, size_t len)
{
	size_t i = 0;

	while (i < len && (unsigned char)text[i] >= 0x20 && (unsigned char)text[i] < 0x7f && text[i] != '"' &&
	        text[i] != '\\')
		i++;
	return i;
}

static void add_escape(struct buffer *out, unsigned code)
{
	static const char digits[] = "0123456789abcdef", shorts[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
	const char *at = code ? strchr(shorts, (int)code) : NULL;
	char text[6] = {'\\', 'u', '0', '0', digits[code >> 4], digits[code & 15]};

	if (at)
		buffer_add(out, (char[2]){'\\', letters[at - shorts]}, 2);
	else
		buffer_add(out, text, 6);
}

/* Writes the one character that text begins with, which is not plain; returns its length. */
static size_t add_special(struct buffer *out, const char *text, size_t len)
{
	size_t sequence = utf8_sequence(text, len);
	unsigned char first = (unsigned char)text[0];

	if (sequence == 0) {
		buffer_add(out, "\xef\xbf\xbd", 3);
		return 1;
	}
	if (sequence == 1)
		add_escape(out, first);
	else if (first == 0xc2 && (unsigned char)text[1] < 0xa0)
		add_escape(out, (unsigned char)text[1]);
	else
		buffer_add(out, text, sequence);
	return sequence;
}

void json_add_view(struct buffer *out, struct view text)
{
	begin_value(out);
	buffer_add(out, "\"", 1);
	for (size_t i = 0; i < text.len;) {
		size_t plain = plain_len(text.data + i, text.len - i);
		buffer_add(out, text.data + i, plain);
		i += plain;
		if (i < text.len)
			i += add_special(out, text.data + i, text.len - i);
	}
	buffer_add(out, "\"", 1);
}

void json_add_text(struct buffer *out, const char *text)
{
	json_add_view(out, view_text(text));
}

/* Writes the digits of number so that they end before end; returns their start. */
static char *digits_before(char *end, uint64_t number)
{
	do {
		*--end = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	return end;
}

void json_add_uint(struct buffer *out, uint64_t number)
{
	char text[20], *end = text + sizeof(text), *at = digits_before(end, number);

	begin_value(out);
	buffer_add(out, at, (size_t)(end - at));
}

void json_add_int(struct buffer *out, int64_t number)
{
	char text[21], *end = text + sizeof(text);
	char *at = digits_before(end, number < 0 ? -(uint64_t)number : (uint64_t)number);

	if (number < 0)
		*--at = '-';
	begin_value(out);
	buffer_add(out, at, (size_t)(end - at));
}

void json_add_bool(struct buffer *out, bool value)
{
	json_add_raw(out, value ? "true" : "false");
}

void json_add_raw(struct buffer *out, const char *json)
{
	begin_value(out);
	buffer_add_text(out, json);
}

void json_add_time(struct buffer *out, int64_t ms)
{
	char text[1 + TIMESTAMP_SIZE];

	text[0] = '"';
	timestamp_format(ms, text + 1);
	text[TIMESTAMP_SIZE] = '"'; /* in place of the NUL */
	begin_value(out);
	buffer_add(out, text, sizeof(text));
}

void json_put_text(struct buffer *out, const char *name, const char *text)
{
	if (!text)
		return;
	json_key(out, name);
	json_add_text(out, text);
}

void json_put_int(struct buffer *out, const char *name, int64_t number)
{
	json_key(out, name);
	json_add_int(out, number);
}

void json_put_uint(struct buffer *out, const char *name, uint64_t number)
{
	json_key(out, name);
	json_add_uint(out, number);
}

void json_put_bool(struct buffer *out, const char *name, bool value)
{
	json_key(out, name);
	json_add_bool(out, value);
}

void json_put_time(struct buffer *out, const char *name, int64_t ms)
{
	json_key(out, name);
	json_add_time(out, ms);
}
