/* JSON written by appending: no tree, no format strings, each piece written in place. */
#include "base/timestamp.h"
#include "schemas/json.h"
#include "schemas/names.h"

#include <string.h>

static char *comma(const struct buffer *out, char *at)
{
	char last = out->len ? at[-1] : '{';

	if (last != '{' && last != '[' && last != ':' && last != '\n')
		*at++ = ',';
	return at;
}

static void add_value(struct buffer *out, const char *value, size_t len)
{
	char *at = buffer_room(out, 1 + len);

	if (!at)
		return;
	at = comma(out, at);
	memcpy(at, value, len);
	buffer_wrote(out, at + len);
}

void json_begin(struct buffer *out, char bracket)
{
	add_value(out, &bracket, 1);
}

void json_end(struct buffer *out, char bracket)
{
	buffer_add(out, &bracket, 1);
}

void json_key(struct buffer *out, const char *name)
{
	size_t len = strlen(name);
	char *at = buffer_room(out, len + 4);

	if (!at)
		return;
	at = comma(out, at);
	*at++ = '"';
	memcpy(at, name, len);
	memcpy(at + len, "\":", 2);
	buffer_wrote(out, at + len + 2);
}

/* ASCII that needs no escape. */
static unsigned char is_plain(unsigned char c)
{
	return (c >= 0x20) & (c < 0x7f) & (c != '"') & (c != '\\');
}

/* The plain bytes at the start of text, by blocks of one size first: compilers make vector instructions of
 * these. */
static size_t plain_len(const char *text, size_t len)
{
	enum { BLOCK = 16 };
	size_t i = 0;

	for (; i + BLOCK <= len; i += BLOCK) {
		unsigned char plain = 1;

		for (size_t j = 0; j < BLOCK; j++)
			plain &= is_plain((unsigned char)text[i + j]);
		if (!plain)
			break;
	}
	while (i < len && is_plain((unsigned char)text[i]))
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

/* Writes text behind its opening quote, with the closing one. */
static void add_rest(struct buffer *out, struct view text)
{
	while (text.len) {
		size_t len = plain_len(text.data, text.len);

		buffer_add(out, text.data, len);
		if (len < text.len)
			len += add_special(out, text.data + len, text.len - len);
		text = (struct view){text.data + len, text.len - len};
	}
	buffer_add(out, "\"", 1);
}

void json_add_view(struct buffer *out, struct view text)
{
	size_t plain = plain_len(text.data, text.len);
	char *at = buffer_room(out, plain + 3);

	if (!at)
		return;
	at = comma(out, at);
	*at++ = '"';
	if (plain)
		at = mempcpy(at, text.data, plain);
	if (plain == text.len)
		*at++ = '"';
	buffer_wrote(out, at);
	if (plain < text.len)
		add_rest(out, (struct view){text.data + plain, text.len - plain});
}

void json_add_text(struct buffer *out, const char *text)
{
	json_add_view(out, view_text(text));
}

void json_add_uint(struct buffer *out, uint64_t number)
{
	char text[DECIMAL_MAX], *end = text + sizeof(text), *at = decimal_unsigned_before(end, number);

	add_value(out, at, (size_t)(end - at));
}

void json_add_int(struct buffer *out, int64_t number)
{
	char text[DECIMAL_MAX], *end = text + sizeof(text), *at = decimal_before(end, number);

	add_value(out, at, (size_t)(end - at));
}

void json_add_bool(struct buffer *out, bool value)
{
	json_add_raw(out, value ? "true" : "false");
}

void json_add_raw(struct buffer *out, const char *json)
{
	add_value(out, json, strlen(json));
}

void json_add_time(struct buffer *out, int64_t ms)
{
	char text[1 + TIMESTAMP_SIZE];

	text[0] = '"';
	timestamp_format(ms, text + 1);
	text[TIMESTAMP_SIZE] = '"'; /* in place of the NUL */
	add_value(out, text, sizeof(text));
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
