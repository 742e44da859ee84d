/* JSON text, piece by piece. */
#include "auditor/log/scan.h"

#include <string.h>

static void skip_space(struct view *in)
{
	while (in->len && (unsigned char)in->data[0] <= ' ') {
		in->data++;
		in->len--;
	}
}

bool scan_mark(struct view *in, char c)
{
	skip_space(in);
	if (!in->len || in->data[0] != c)
		return false;
	in->data++;
	in->len--;
	return true;
}

/* The length of the string that in begins with, quotes included; 0: none. */
static size_t string_len(struct view in)
{
	if (!in.len || in.data[0] != '"')
		return 0;
	for (size_t i = 1; i < in.len; i++) {
		if (in.data[i] == '\\')
			i++;
		else if (in.data[i] == '"')
			return i + 1;
	}
	return 0;
}

/* The length of the value that in begins with, brackets balanced; 0: none. */
static size_t value_len(struct view in)
{
	size_t depth = 0, i = 0;

	while (i < in.len) {
		char c = in.data[i];
		size_t len = 1;

		if (c == '"') {
			len = string_len((struct view){in.data + i, in.len - i});
			if (!len)
				return 0;
		} else if (c == '{' || c == '[') {
			depth++;
		} else if (c == '}' || c == ']') {
			if (!depth)
				return i;
			depth--;
		} else if (c == ',' && !depth) {
			return i;
		}
		i += len;
		if (!depth && (c == '"' || c == '}' || c == ']'))
			return i;
	}
	return depth ? 0 : i;
}

bool scan_value(struct view *in, struct view *ret)
{
	skip_space(in);
	size_t len = value_len(*in);

	if (!len)
		return false;
	*ret = (struct view){in->data, len};
	in->data += len;
	in->len -= len;
	while (ret->len && (unsigned char)ret->data[ret->len - 1] <= ' ')
		ret->len--;
	return true;
}

static int hex_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The code unit of "uXXXX"; -1: none. */
static int32_t unit_of(struct view in)
{
	int32_t unit = 0;

	if (in.len < 5 || in.data[0] != 'u')
		return -1;
	for (int i = 1; i < 5; i++) {
		int digit = hex_of(in.data[i]);
		if (digit < 0)
			return -1;
		unit = unit * 16 + digit;
	}
	return unit;
}

static void add_code(struct buffer *out, uint32_t code)
{
	char text[4];
	size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

	for (size_t i = len; i-- > 1; code >>= 6)
		text[i] = (char)(0x80 | (code & 0x3f));
	text[0] = (char)(len == 1 ? code : (0xf00 >> len & 0xff) | code);
	buffer_add(out, text, len);
}

/* The escape behind a backslash; returns its length, 0: none. */
static size_t add_escape(struct view in, struct buffer *out)
{
	static const char letters[] = "bfnrt\"\\/", bytes[] = "\b\f\n\r\t\"\\/";
	const char *at = in.len && in.data[0] ? strchr(letters, in.data[0]) : NULL;
	int32_t unit = unit_of(in), low;

	if (at) {
		buffer_add(out, &bytes[at - letters], 1);
		return 1;
	}
	if (unit < 0)
		return 0;
	if (unit >= 0xd800 && unit < 0xdc00 && in.len > 6 && in.data[5] == '\\') {
		low = unit_of((struct view){in.data + 6, in.len - 6});
		if (low >= 0xdc00 && low < 0xe000) {
			add_code(out, 0x10000 + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(low - 0xdc00));
			return 11;
		}
	}
	add_code(out, (uint32_t)unit);
	return 5;
}

bool scan_text(struct view text, struct buffer *out)
{
	if (text.len < 2 || text.data[0] != '"')
		return false;
	text = (struct view){text.data + 1, text.len - 2};
	while (text.len) {
		const char *escape = memchr(text.data, '\\', text.len);
		size_t plain = escape ? (size_t)(escape - text.data) : text.len, len;

		buffer_add(out, text.data, plain);
		if (!escape)
			break;
		text = (struct view){escape + 1, text.len - plain - 1};
		len = add_escape(text, out);
		if (!len)
			return false;
		text = (struct view){text.data + len, text.len - len};
	}
	return true;
}
