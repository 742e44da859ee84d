#include "tests/sim/shrink.h"

#include "tests/sim/marks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { JOBS_MOST = 40, HANG_S = 5 };

void invariant_of(const char *words, char invariant[INVARIANT_SIZE])
{
	const char *at = strstr(words, "invariant=");

	invariant[0] = '\0';
	if (at)
		sscanf(at, "invariant=%31s", invariant);
}

/* In a process of its own, since it may die of it. */
static void try(uint64_t seed, const struct seed_limits *limits, struct seed_result *shared)
{
	static uint64_t marks[MARK_COUNT];

	marks_use(marks);
	alarm(HANG_S);
	seed_prepare();
	seed_limit(limits);
	seed_run(seed, false, shared);
	_exit(0);
}

static bool still_breaks(
        uint64_t seed, const char *invariant, const struct seed_limits *limits, struct seed_result *shared)
{
	char broken[INVARIANT_SIZE] = "crash";
	int status = 0;

	memset(shared, 0, sizeof(*shared));
	pid_t child = fork();
	if (child == 0)
		try(seed, limits, shared);
	if (child < 0 || waitpid(child, &status, 0) != child)
		return false;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		invariant_of(shared->verdict == VERDICT_GOOD ? "" : shared->words, broken);
	return strcmp(broken, invariant) == 0;
}

bool shrink(uint64_t seed, const char *invariant, struct seed_limits *ret)
{
	struct seed_result *shared =
	        mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct seed_limits limits = {0};
	bool any = false;

	if (shared == MAP_FAILED)
		return false;
	for (limits.most_jobs = 1; limits.most_jobs <= JOBS_MOST; limits.most_jobs++) {
		any = still_breaks(seed, invariant, &limits, shared);
		if (any)
			break;
	}
	if (!any)
		limits.most_jobs = 0;
	for (bool more = true; more;) {
		more = false;
		for (int trouble = 0; seed_trouble_name(trouble); trouble++) {
			struct seed_limits fewer = limits;
			fewer.without |= UINT64_C(1) << trouble;
			if (fewer.without == limits.without || !still_breaks(seed, invariant, &fewer, shared))
				continue;
			limits = fewer;
			more = any = true;
		}
	}
	munmap(shared, sizeof(*shared));
	*ret = limits;
	return any;
}
