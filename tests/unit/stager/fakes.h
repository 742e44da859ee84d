#ifndef TESTS_UNIT_STAGER_FAKES_H
#define TESTS_UNIT_STAGER_FAKES_H

#include "stager/stager.h"

/* The engine's and the distribution room's sides of the shell, as far as it calls them, in memory. Linked in
 * place of theirs. */
struct effects { /* what effects_want() was given, "tag@lane " each */
	struct buffer list;
};

struct completion {
	int delivered;
	void *result;
	void (*free_result)(void *result);
};

struct worker {
	struct buffer noticed, told; /* the last of each */
	char notice_name[100];
};

struct distribution { /* the last transfer submitted; texts are copies */
	int submitted, closed;
	uint64_t canceled;
	char text[512]; /* "package version dp expected url digest base" */
	char attempt[65];
	struct manifest *manifest;
	struct transfer_spec spec; /* its callbacks */
	void (*seen)(const struct identity_seen *seen, void *context);
	void *seen_context;
};

#endif
