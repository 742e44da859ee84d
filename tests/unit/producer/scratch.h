#ifndef TESTS_PRODUCER_SCRATCH_H
#define TESTS_PRODUCER_SCRATCH_H

/* A folder of one test's own. */
struct scratch {
	char path[64];
};

void scratch_make(struct scratch *scratch);
void scratch_drop(struct scratch *scratch); /* with all that is in it */
/* A file at path below, its folders made. */
void scratch_write(const struct scratch *scratch, const char *path, const char *text, int mode);
char *scratch_path(const struct scratch *scratch, const char *path); /* the caller's to free() */

#endif
