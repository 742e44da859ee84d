/* Words in lines that fit a terminal. */
#include "command/paragraph.h"

#include "base/memory.h"
#include "command/command.h"
#include "command/terminal.h"

#include <stdlib.h>
#include <string.h>

enum { NARROWEST = 24, NARROW = 110 };

static bool continues(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* Where a line of width columns ends that begins at text: at a blank, if there is one. */
static const char *line_end(const char *text, int width)
{
	const char *blank = NULL, *at = text;
	int columns = 0;

	for (; *at; at++) {
		if (continues(*at))
			continue;
		if (*at == ' ')
			blank = at;
		if (columns++ == width)
			return blank ? blank : at;
	}
	return at;
}

void paragraph_print(FILE *out, const char *words, int column, int indent, int width)
{
	size_t size = strlen(words) + 1;
	char *text = memory_alloc(size);
	const char *at = printable(words, text, size);

	while (*at) {
		int room = width - column > NARROWEST ? width - column : NARROWEST;
		const char *end = width ? line_end(at, room) : at + strlen(at);

		fwrite(at, 1, (size_t)(end - at), out);
		at = end + strspn(end, " ");
		if (*at)
			fprintf(out, "\n%*s", indent, "");
		column = indent;
	}
	free(text);
}

int paragraph_width(FILE *out)
{
	return terminal_is(out) ? terminal_width(out) : 0;
}

bool paragraph_is_narrow(FILE *out)
{
	int width = paragraph_width(out);

	return width && width < NARROW;
}
