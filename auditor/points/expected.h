#ifndef AUDITOR_EXPECTED_H
#define AUDITOR_EXPECTED_H

#include "auditor/log/fact.h"
#include "base/digest.h"

#include <stdbool.h>
#include <stddef.h>

/* What lies on the distribution points as the log tells it: the newest staged event of each version there,
 * the newest updated record and release of each package there. Facts of one partition number come in any
 * order of lanes, those of a lane in its order. About 500 bytes for each version on each distribution point.
 * Pure. */
struct expected_copy {
	const char *package, *version, *point;
	bool staged; /* false: it was wanted here, or worked on, and nothing has been staged yet */
	char *dp_id; /* the rest: of the staged event */
	char digest[DIGEST_SIZE];
	struct position place;
	int64_t time_ms;
};

struct expected_pointer { /* there is one wherever something is staged */
	const char *package, *point;
	char *version; /* of the newest updated; NULL: there is none yet */
	char *release_id, *dp_id;
	char digest[DIGEST_SIZE];
	struct position place;
	int64_t time_ms;
	char *newest_release, *newest_version; /* NULL: none yet */
	struct position newest_place;
};

struct expected;
struct expected *expected_new(struct view package); /* absent: all */
void expected_free(struct expected *expected);      /* NULL is fine */
void expected_fact(struct expected *expected, struct fact_reader *reader, const struct fact *fact);

/* All, in the order they were first heard of; what they point to lives, and may change, with later facts. */
struct expected_copy *const *expected_copies(const struct expected *expected, size_t *ret_count);
struct expected_pointer *const *expected_pointers(const struct expected *expected, size_t *ret_count);

const struct expected_copy *expected_copy_find(
        const struct expected *expected, const char *package, const char *version, const char *point);
const struct expected_pointer *expected_pointer_find(
        const struct expected *expected, const char *package, const char *point);

#endif
