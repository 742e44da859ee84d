/* Fails each allocation of a run in turn: the Nth of all that the process makes, its libraries' too. Whatever
 * then happens is one of two: the process ends by its own words (base/memory.h), or an error is given as an
 * answer and all that is still said is true. It never crashes elsewhere.
 *
 * Each run is a child of its own. It repeats one fuzz target on one input; where an allocation fails and the
 * target goes on, what it requires must still hold. With glibc, and without sanitizers: it replaces malloc.
 */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { INPUT_MAX = 64 << 10, WORDS_MAX = 4096, EXIT_BROKEN = 1 };

/* ---- malloc */

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

static struct counter {
	long made, fail_at; /* -1: none */
	uint64_t outcome;
	bool on;
} * counter;

static bool fails(void)
{
	return counter && counter->on && counter->made++ == counter->fail_at;
}

static void *none(void)
{
	errno = ENOMEM;
	return NULL;
}

void *malloc(size_t size)
{
	return fails() ? none() : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return fails() ? none() : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
	return fails() ? none() : __libc_realloc(old, size);
}

/* ---- one run */

struct run {
	const struct fuzz_target *target;
	const char *path;
	struct view input;
};

struct ending {
	int status;
	char words[WORDS_MAX];
	long made;
	uint64_t outcome;
};

static void die(const char *what)
{
	perror(what);
	exit(EXIT_BROKEN);
}

static void child(const struct run *run, long fail_at, int words)
{
	dup2(words, STDERR_FILENO);
	counter->made = 0;
	counter->fail_at = fail_at;
	counter->on = true;
	run->target->run(run->input);
	counter->on = false;
	counter->outcome = fuzz_outcome;
	_exit(0);
}

static struct ending repeat(const struct run *run, long fail_at)
{
	struct ending ending = {0};
	int words[2];

	fflush(stdout);
	if (pipe(words))
		die("pipe");
	pid_t pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0)
		child(run, fail_at, words[1]);
	close(words[1]);
	size_t len = 0;
	for (ssize_t got;
	        len < WORDS_MAX - 1 && (got = read(words[0], ending.words + len, WORDS_MAX - 1 - len)) > 0;)
		len += (size_t)got;
	close(words[0]);
	waitpid(pid, &ending.status, 0);
	ending.made = counter->made;
	ending.outcome = counter->outcome;
	return ending;
}

/* An answer is the same as with memory, or says that there was none. */
static bool is_good(const struct ending *ending, const struct ending *whole)
{
	if (WIFEXITED(ending->status))
		return WEXITSTATUS(ending->status) == 0 &&
		       (ending->outcome == whole->outcome || ending->outcome == FUZZ_NO_MEMORY);
	return WTERMSIG(ending->status) == SIGABRT && strstr(ending->words, "out of memory");
}

/* ---- all of them */

static size_t runs, answers, wrong;

static void fail_each(const struct run *run)
{
	struct ending whole = repeat(run, -1);

	if (!is_good(&whole, &whole)) {
		printf("%s %s fails as it is: %s\n", run->target->name, run->path, whole.words);
		wrong++;
	}
	for (long n = 0; n < whole.made; n++) {
		struct ending ending = repeat(run, n);

		runs++;
		answers += WIFEXITED(ending.status);
		if (is_good(&ending, &whole))
			continue;
		wrong++;
		printf("%s %s, allocation %ld of %ld failed: ended by %s %d: %s\n", run->target->name,
		        run->path, n, whole.made, WIFEXITED(ending.status) ? "exit" : "signal",
		        WIFEXITED(ending.status) ? WEXITSTATUS(ending.status) : WTERMSIG(ending.status),
		        ending.words);
	}
}

static void take_file(const struct fuzz_target *target, const char *folder, const char *name)
{
	static char input[INPUT_MAX];
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "re");
	if (!file)
		return;
	size_t len = fread(input, 1, sizeof(input), file);
	bool whole = len < sizeof(input);
	fclose(file);
	if (whole)
		fail_each(&(struct run){target, path, {input, len}});
}

/* At most so many files of a folder, spread over it. */
static void take_folder(const struct fuzz_target *target, const char *folder, int most)
{
	struct dirent **entries;
	int count = scandir(folder, &entries, NULL, alphasort);

	for (int i = 0; i < count; i++) {
		bool chosen = i * most / count != (i + 1) * most / count || count <= most;

		if (entries[i]->d_type == DT_REG && chosen)
			take_file(target, folder, entries[i]->d_name);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

static void take_target(const struct fuzz_target *target)
{
	static const char *const kinds[] = {"job", "staged", "updated", "status"};
	char folder[4096];

	snprintf(folder, sizeof(folder), CORPUS "/%s", target->name);
	take_folder(target, folder, 12);
	for (size_t i = 0; i < 4 && target->vectors; i++) {
		const char *kind = target->vectors[0] == '*' ? kinds[i] : target->vectors;

		snprintf(folder, sizeof(folder), VECTORS "/%s/accept", kind);
		take_folder(target, folder, 3);
		snprintf(folder, sizeof(folder), VECTORS "/%s/reject", kind);
		take_folder(target, folder, 2);
		if (target->vectors[0] != '*')
			break;
	}
}

int main(int argc, char **argv)
{
	counter = mmap(NULL, sizeof(*counter), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (counter == MAP_FAILED)
		die("mmap");
	for (const struct fuzz_target *target = fuzz_targets; target->name; target++) {
		size_t runs_before = runs, answers_before = answers;

		if (argc > 1 && strcmp(argv[1], target->name) != 0)
			continue;
		take_target(target);
		printf("%-12s %6zu allocations failed: %zu answers, %zu ended by their words\n", target->name,
		        runs - runs_before, answers - answers_before,
		        runs - runs_before - (answers - answers_before));
	}
	printf("%zu allocations failed, %zu wrong\n", runs, wrong);
	return wrong != 0 || runs == 0;
}
