#include "engine/trace.h"

#include <stdbool.h>
#include <string.h>

enum { VERSION_0_SIZE = 55 };

static bool is_hex(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!memchr("0123456789abcdef", text[i], 16))
			return false;
	return true;
}

static bool is_id(const char *text, size_t len)
{
	static const char zeros[] = "00000000000000000000000000000000";

	return is_hex(text, len) && memcmp(text, zeros, len) != 0;
}

static bool is_printable(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	return true;
}

static bool may_be_longer(const char *text, size_t len)
{
	return memcmp(text, "00", 2) != 0 && text[VERSION_0_SIZE] == '-' &&
	       is_printable(text + VERSION_0_SIZE, len - VERSION_0_SIZE);
}

struct view traceparent_of(struct view header)
{
	const struct view absent = {NULL, 0};
	const char *text = header.data;

	if (!text || header.len < VERSION_0_SIZE || header.len > TRACEPARENT_MAX)
		return absent;
	if (!is_hex(text, 2) || memcmp(text, "ff", 2) == 0 || text[2] != '-' || !is_id(text + 3, 32) ||
	        text[35] != '-' || !is_id(text + 36, 16) || text[52] != '-' || !is_hex(text + 53, 2))
		return absent;
	if (header.len > VERSION_0_SIZE && !may_be_longer(text, header.len))
		return absent;
	return header;
}
