#include "tests/sim/marks.h"

static uint64_t *mark_counts;

void marks_use(uint64_t *counts)
{
	mark_counts = counts;
}

void mark(enum mark reached)
{
	mark_counts[reached]++;
}

const char *mark_name(enum mark reached)
{
	static const char *const names[] = {
#define MARK_TEXT(name) #name,
	        MARKS(MARK_TEXT)
#undef MARK_TEXT
	};

	return names[reached];
}
