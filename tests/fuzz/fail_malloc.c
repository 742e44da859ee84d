/* Preloaded into a process: fails its allocation number $FAIL_AT, counted from 0 over all threads, and tells
 * at the end, in the file $COUNT_TO, how many there were. With glibc. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

static atomic_long made;
static long fail_at = -1;

__attribute__((constructor)) static void begin(void)
{
	const char *number = getenv("FAIL_AT");

	if (number)
		fail_at = atol(number) + atomic_load(&made);
}

__attribute__((destructor)) static void end(void)
{
	const char *path = getenv("COUNT_TO");
	long count = atomic_load(&made);
	FILE *file = path ? fopen(path, "we") : NULL;

	if (file) {
		fprintf(file, "%ld\n", count);
		fclose(file);
	}
}

static int fails(void)
{
	if (atomic_fetch_add(&made, 1) != fail_at)
		return 0;
	errno = ENOMEM;
	return 1;
}

void *malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
	return fails() ? NULL : __libc_realloc(old, size);
}
