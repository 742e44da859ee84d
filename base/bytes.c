#include "base/bytes.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct view view_text(const char *text)
{
	return (struct view){text, text ? strlen(text) : 0};
}

bool view_equal(struct view a, struct view b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool view_is(struct view a, const char *text)
{
	return view_equal(a, view_text(text));
}

bool text_equal(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

int view_compare(struct view a, struct view b)
{
	size_t shorter = a.len < b.len ? a.len : b.len;
	int order = shorter ? memcmp(a.data, b.data, shorter) : 0;

	return order ? order : (a.len > b.len) - (a.len < b.len);
}

void buffer_init(struct buffer *buffer, size_t max)
{
	*buffer = (struct buffer){.max = max};
}

void buffer_release(struct buffer *buffer)
{
	free(buffer->data);
	buffer_init(buffer, buffer->max);
}

void buffer_clear(struct buffer *buffer)
{
	buffer->len = 0;
	buffer->full = false;
}

struct view buffer_view(const struct buffer *buffer)
{
	return (struct view){buffer->data ? buffer->data : "", buffer->len};
}

static void grow(struct buffer *buffer, size_t need)
{
	size_t capacity = buffer->capacity ? buffer->capacity : 64;

	while (capacity < need)
		capacity *= 2;
	buffer->data = memory_resize(buffer->data, capacity);
	buffer->capacity = capacity;
}

char *buffer_room(struct buffer *buffer, size_t len)
{
	if (buffer->full || len > buffer->max - buffer->len) {
		buffer->full = true;
		return NULL;
	}
	if (buffer->len + len >= buffer->capacity)
		grow(buffer, buffer->len + len + 1); /* and a NUL */
	return buffer->data + buffer->len;
}

void buffer_wrote(struct buffer *buffer, char *end)
{
	*end = '\0';
	buffer->len = (size_t)(end - buffer->data);
}

void buffer_add(struct buffer *buffer, const void *data, size_t len)
{
	char *at = buffer_room(buffer, len);

	if (!at)
		return;
	if (len)
		memcpy(at, data, len);
	buffer_wrote(buffer, at + len);
}

void buffer_add_text(struct buffer *buffer, const char *text)
{
	buffer_add(buffer, text, strlen(text));
}

void buffer_add_format(struct buffer *buffer, const char *format, ...)
{
	va_list args, again;

	va_start(args, format);
	va_copy(again, args);
	int len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	char *at = len < 0 ? NULL : buffer_room(buffer, (size_t)len);
	if (at) {
		vsnprintf(at, (size_t)len + 1, format, again);
		buffer_wrote(buffer, at + len);
	}
	va_end(again);
}

char *decimal_unsigned_before(char *end, uint64_t number)
{
	do
		*--end = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	return end;
}

char *decimal_before(char *end, int64_t number)
{
	char *at = decimal_unsigned_before(end, number < 0 ? -(uint64_t)number : (uint64_t)number);

	if (number < 0)
		*--at = '-';
	return at;
}

void pack_uint(struct buffer *buffer, uint64_t value)
{
	unsigned char bytes[10];
	size_t len = 0;

	do {
		bytes[len++] = (unsigned char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
		value >>= 7;
	} while (value);
	buffer_add(buffer, bytes, len);
}

void pack_int(struct buffer *buffer, int64_t value)
{
	pack_uint(buffer, ((uint64_t)value << 1) ^ (uint64_t)(value >> 63));
}

void pack_view(struct buffer *buffer, struct view value)
{
	pack_uint(buffer, value.len);
	buffer_add(buffer, value.data, value.len);
}

void pack_text(struct buffer *buffer, const char *text)
{
	pack_view(buffer, view_text(text ? text : ""));
}

struct unpacker unpack_start(struct view packed)
{
	const unsigned char *at = (const unsigned char *)(packed.data ? packed.data : "");

	return (struct unpacker){.at = at, .end = at + packed.len};
}

uint64_t unpack_uint(struct unpacker *in)
{
	uint64_t value = 0;

	for (unsigned shift = 0; !in->failed && in->at < in->end && shift < 64; shift += 7) {
		unsigned char byte = *in->at++;
		if (shift == 63 && byte > 1)
			break;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return value;
	}
	in->failed = true;
	return 0;
}

int64_t unpack_int(struct unpacker *in)
{
	uint64_t value = unpack_uint(in);

	return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

struct view unpack_view(struct unpacker *in)
{
	uint64_t len = unpack_uint(in);

	if (in->failed || len > (uint64_t)(in->end - in->at)) {
		in->failed = true;
		return (struct view){NULL, 0};
	}
	struct view value = {(const char *)in->at, (size_t)len};
	in->at += len;
	return value;
}

char *unpack_text(struct unpacker *in)
{
	struct view value = unpack_view(in);

	if (value.len && memchr(value.data, '\0', value.len)) {
		in->failed = true;
		value = (struct view){NULL, 0};
	}
	return memory_copy(value.data, value.len);
}

bool unpack_ended(const struct unpacker *in)
{
	return !in->failed && in->at == in->end;
}
