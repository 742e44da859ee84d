/* Lines of a stream. */
#include "producer/lines.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK = 256 * 1024 };

struct lines {
	FILE *in;
	char *data;
	size_t longest, size, start, end;
	uint64_t number, bytes;
	bool ended;
};

struct lines *lines_new(FILE *in, size_t longest)
{
	struct lines *lines = memory_alloc(sizeof(*lines));

	lines->in = in;
	lines->longest = longest;
	lines->size = longest + CHUNK;
	lines->data = memory_alloc(lines->size);
	return lines;
}

void lines_free(struct lines *lines)
{
	if (!lines)
		return;
	free(lines->data);
	free(lines);
}

void lines_rewind(struct lines *lines)
{
	lines->start = lines->end = 0;
	lines->number = lines->bytes = 0;
	lines->ended = false;
}

/* Whether there is more now; drops what is before start. */
static bool more(struct lines *lines)
{
	size_t got;

	if (lines->ended)
		return false;
	memmove(lines->data, lines->data + lines->start, lines->end - lines->start);
	lines->end -= lines->start;
	lines->start = 0;
	got = fread(lines->data + lines->end, 1, lines->size - lines->end, lines->in);
	lines->end += got;
	lines->bytes += got;
	lines->ended = got == 0;
	return got > 0;
}

/* Over the rest of a line that is longer than it may be. */
static enum line_kind skip_line(struct lines *lines)
{
	char *newline;

	do {
		newline = memchr(lines->data + lines->start, '\n', lines->end - lines->start);
		lines->start = newline ? (size_t)(newline + 1 - lines->data) : lines->end;
	} while (!newline && more(lines));
	return LINE_TOO_LONG;
}

enum line_kind lines_next(struct lines *lines, struct view *ret_line)
{
	char *newline;

	for (;;) {
		newline = memchr(lines->data + lines->start, '\n', lines->end - lines->start);
		if (newline || lines->end - lines->start > lines->longest || !more(lines))
			break;
	}
	size_t len = newline ? (size_t)(newline - lines->data) - lines->start : lines->end - lines->start;

	if (ferror(lines->in))
		return LINE_FAILED;
	if (!newline && !len)
		return LINE_NONE;
	lines->number++;
	if (len > lines->longest)
		return skip_line(lines);
	*ret_line = (struct view){lines->data + lines->start, len};
	lines->start += len + (newline != NULL);
	return LINE_TEXT;
}

uint64_t lines_number(const struct lines *lines)
{
	return lines->number;
}

uint64_t lines_bytes(const struct lines *lines)
{
	return lines->bytes;
}
