/* JSON text looked at before it is parsed, and made fit to be shown. */
#include "schemas/json.h"

#include <stdio.h>

static bool is_bracket(char c)
{
	return (c | 0x20) == '{';
}

/* No text with at most JSON_DEPTH_MAX opening brackets is too deep: only the others are looked at closely.
 * Counted in blocks of one size, which compilers make vector instructions of. */
static bool has_many_brackets(struct view text)
{
	enum { BLOCK = 32 };
	size_t count = 0, i = 0;

	for (; i + BLOCK <= text.len; i += BLOCK) {
		unsigned char in_block = 0;

		for (size_t j = 0; j < BLOCK; j++)
			in_block = (unsigned char)(in_block + is_bracket(text.data[i + j]));
		count += in_block;
	}
	for (; i < text.len; i++)
		count += is_bracket(text.data[i]);
	return count > JSON_DEPTH_MAX;
}

static bool passes_depth(struct view text)
{
	size_t depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];
		if (c == '"')
			in_string = !in_string;
		else if (in_string)
			i += c == '\\';
		else if (c == '{' || c == '[')
			depth++;
		else if ((c == '}' || c == ']') && depth)
			depth--;
		if (depth > JSON_DEPTH_MAX)
			return true;
	}
	return false;
}

bool json_is_too_deep(struct view text)
{
	return has_many_brackets(text) && passes_depth(text);
}

const char *json_quote_into(char quoted[JSON_QUOTE_SIZE], struct view text)
{
	size_t len = text.len < 60 ? text.len : 60;

	/* not in the middle of a UTF-8 sequence */
	while (len && len < text.len && ((unsigned char)text.data[len] & 0xc0) == 0x80)
		len--;
	quoted[0] = '"';
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text.data[i];
		quoted[1 + i] = c < 0x20 || c == 0x7f ? '?' : (char)c;
		if (c == 0xc2 && i + 1 < len && (unsigned char)text.data[i + 1] < 0xa0) {
			quoted[1 + i++] = '?'; /* both bytes of a C1 character */
			quoted[1 + i] = '?';
		}
	}
	snprintf(quoted + 1 + len, JSON_QUOTE_SIZE - 1 - len, "%s\"", len < text.len ? "…" : "");
	return quoted;
}
