/* Drives each target with every file of its corpus and of the schemas' vectors: what was ever found stays
 * mended, with any compiler. */
#include "fuzz.h"

#include "base/memory.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT_MAX = 16 << 20 };

static char current[4096]; /* for whoever looks at a crash */

static void run_file(const struct fuzz_target *target, const char *path)
{
	struct buffer text;
	char chunk[16384];
	size_t got;
	FILE *file = fopen(path, "re");

	if (!file)
		return;
	snprintf(current, sizeof(current), "%s %s", target->name, path);
	buffer_init(&text, INPUT_MAX);
	while ((got = fread(chunk, 1, sizeof(chunk), file)) > 0)
		buffer_add(&text, chunk, got);
	fclose(file);
	char *exact = malloc(text.len ? text.len : 1); /* so that reading past the end is seen */
	memcpy(exact, text.data ? text.data : "", text.len);
	target->run((struct view){exact, text.len});
	free(exact);
	buffer_release(&text);
}

static size_t run_folder(const struct fuzz_target *target, const char *folder)
{
	const struct dirent *entry;
	size_t count = 0;
	DIR *dir = opendir(folder);

	while (dir && (entry = readdir(dir)) != NULL) {
		char *path = memory_format("%s/%s", folder, entry->d_name);

		if (entry->d_type == DT_REG) {
			run_file(target, path);
			count++;
		}
		free(path);
	}
	if (dir)
		closedir(dir);
	return count;
}

static size_t run_vectors(const struct fuzz_target *target, const char *kind)
{
	static const char *const judgements[] = {
	        "accept", "reject", "reject-codec-only", "reject-schema-only"};
	size_t count = 0;

	for (size_t i = 0; i < sizeof(judgements) / sizeof(*judgements); i++) {
		char *folder = memory_format(VECTORS "/%s/%s", kind, judgements[i]);

		count += run_folder(target, folder);
		free(folder);
	}
	return count;
}

static size_t run_target(const struct fuzz_target *target)
{
	static const char *const kinds[] = {"job", "staged", "updated", "status"};
	char *corpus = memory_format(CORPUS "/%s", target->name);
	size_t count = run_folder(target, corpus);

	free(corpus);
	if (target->vectors && strcmp(target->vectors, "*") != 0)
		count += run_vectors(target, target->vectors);
	for (size_t i = 0; target->vectors && target->vectors[0] == '*' && i < 4; i++)
		count += run_vectors(target, kinds[i]);
	return count;
}

static void say_where(void)
{
	if (current[0])
		fprintf(stderr, "fuzz_replay: ended in %s\n", current);
}

int main(int argc, char **argv)
{
	int missing = 0;

	atexit(say_where);
	for (const struct fuzz_target *target = fuzz_targets; target->name; target++) {
		if (argc > 2 && strcmp(target->name, argv[1]) == 0)
			run_file(target, argv[2]); /* one reproducer */
		if (argc > 1)
			continue;
		size_t count = run_target(target);
		printf("%-12s %zu inputs\n", target->name, count);
		missing += count == 0;
	}
	current[0] = '\0';
	if (missing)
		fprintf(stderr, "fuzz_replay: %d targets have no input: is the corpus there?\n", missing);
	return missing != 0;
}
