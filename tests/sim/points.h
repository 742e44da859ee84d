#ifndef SIM_POINTS_H
#define SIM_POINTS_H

#include "base/digest.h"
#include "base/error.h"
#include "distribution/distribution.h"
#include "tests/sim/world.h"

/* The distribution points themselves: who they are, what lies on them, and what may go wrong there. They live
 * in the world, not in any process. */

enum { PACKAGES = 3, VERSIONS = 3, IDENTITIES_MAX = 16 };
extern const char *const package_names[PACKAGES];
extern const char *const version_names[VERSIONS];
extern const char *const point_names[POINTS];

int name_index(const char *const *names, int count, const char *name); /* -1: none of them */

enum { WHOLE = 100 };

struct sim_content {
	unsigned bytes;       /* that lie there, of WHOLE */
	bool sealed, vouched; /* vouched: somebody was told that it is whole */
	char digest[DIGEST_SIZE];
};

struct sim_pointer {
	bool set;
	int version;
	char digest[DIGEST_SIZE], release_id[40], log_id[64];
	int32_t partition;
	int64_t fence;
};

struct sim_point {
	bool refuses_older;     /* compares fences under a lock */
	char dp_id[DP_ID_SIZE]; /* "": nobody has said yet who it is */
	char replaces[IDENTITIES_MAX][DP_ID_SIZE];
	size_t replaces_count;
	char lost[IDENTITIES_MAX][DP_ID_SIZE]; /* was this point, and is not confirmed lost yet */
	size_t lost_count;
	int64_t unreachable_until;
	struct sim_content contents[PACKAGES][VERSIONS];
	struct sim_pointer pointers[PACKAGES];
};

void points_begin(void);
struct sim_point *point_at(int index);
bool point_replaces(const struct sim_point *point, const char *dp_id);

/* Faults. */
void point_replace(int index); /* its disk is gone: content, pointers and identity */
void point_confirm(int index); /* the operator says that what was there is lost, and gives it an identity */
bool point_is_confirmed(int index);

/* Writes; the checker hears of each. zombie: by a process that somebody else has taken over from.
 * point_store() may answer OK and keep a part of it; point_tear() takes the end off what nobody was told to
 * be whole yet, sealed or not. */
void point_store(int index, int package, int version);
void point_tear(int index, int package, int version);
void point_seal(int index, int package, int version, const char *digest);
void point_set(int index, int package, const struct sim_pointer *pointer, bool zombie);

#endif
