#include "scratch.h"

#include "base/memory.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void scratch_make(struct scratch *scratch)
{
	strcpy(scratch->path, "/tmp/holdpoint-test-XXXXXX");
	cr_assert_not_null(mkdtemp(scratch->path));
}

static int drop(const char *path, const struct stat *info, int kind, struct FTW *at)
{
	(void)info, (void)kind, (void)at;
	return remove(path);
}

void scratch_drop(struct scratch *scratch)
{
	cr_assert_eq(nftw(scratch->path, drop, 16, FTW_DEPTH | FTW_PHYS), 0);
}

char *scratch_path(const struct scratch *scratch, const char *path)
{
	return memory_format("%s/%s", scratch->path, path);
}

void scratch_write(const struct scratch *scratch, const char *path, const char *text, int mode)
{
	char *whole = scratch_path(scratch, path);

	for (char *slash = strchr(whole + strlen(scratch->path) + 1, '/'); slash;
	        slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(whole, 0755);
		*slash = '/';
	}
	FILE *file = fopen(whole, "w");

	cr_assert_not_null(file, "%s", whole);
	fputs(text, file);
	fclose(file);
	chmod(whole, (mode_t)mode);
	free(whole);
}
