#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Cuts an incomplete UTF-8 sequence off the end of text, so that a bounded copy stays valid. */
static void trim_torn_utf8(char *text)
{
	size_t len = strlen(text), back = 0;

	while (back < 4 && back < len && ((unsigned char)text[len - 1 - back] & 0xc0) == 0x80)
		back++;
	if (back == len)
		return;
	unsigned char lead = (unsigned char)text[len - 1 - back];
	size_t want = lead < 0x80 ? 0 : lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
	if (want > back)
		text[len - 1 - back] = '\0';
}

enum status error_set(struct error *err, enum status status, const char *code, const char *format, ...)
{
	va_list args;

	if (!err)
		return status;
	err->status = status;
	snprintf(err->code, sizeof(err->code), "%s", code);
	va_start(args, format);
	vsnprintf(err->message, sizeof(err->message), format, args);
	va_end(args);
	trim_torn_utf8(err->message);
	return status;
}

enum status error_prefix(struct error *err, const char *format, ...)
{
	char prefix[ERROR_MESSAGE_MAX], whole[2 * ERROR_MESSAGE_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(prefix, sizeof(prefix), format, args);
	va_end(args);
	snprintf(whole, sizeof(whole), "%s%s", prefix, err->message);
	memcpy(err->message, whole, sizeof(err->message) - 1);
	err->message[sizeof(err->message) - 1] = '\0';
	trim_torn_utf8(err->message);
	return err->status;
}
