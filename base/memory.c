#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(size_t size) __attribute__((noreturn));

static void fail(size_t size)
{
	fprintf(stderr, "level=error msg=\"out of memory\" bytes=%zu\n", size);
	abort();
}

void memory_is_out(void)
{
	fail(0);
}

static void *or_abort(void *memory, size_t size)
{
	if (!memory)
		fail(size);
	return memory;
}

void *memory_alloc(size_t size)
{
	return or_abort(calloc(1, size ? size : 1), size);
}

void *memory_resize(void *old, size_t size)
{
	return or_abort(realloc(old, size ? size : 1), size);
}

void *memory_copy(const void *data, size_t size)
{
	char *copy = or_abort(malloc(size + 1), size);

	if (size)
		memcpy(copy, data, size);
	copy[size] = '\0';
	return copy;
}

char *memory_text(const char *text)
{
	return text ? memory_copy(text, strlen(text)) : NULL;
}

char *memory_format(const char *format, ...)
{
	va_list args;
	char *text = NULL;

	va_start(args, format);
	int len = vasprintf(&text, format, args);
	va_end(args);
	return or_abort(len < 0 ? NULL : text, 0);
}
