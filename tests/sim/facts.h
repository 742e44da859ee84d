#ifndef SIM_FACTS_H
#define SIM_FACTS_H

#include "base/position.h"
#include "tests/sim/points.h"
#include "tests/sim/workload.h"

/* What the logs say, for the checker: read from the committed records by a scanner of its own, without a line
 * of the code that wrote them. Kept by the offset that a thing has in its log. */

enum outcome_word { OUTCOME_NONE, SAID_COMPLETED, SAID_FAILED, SAID_EXPIRED, SAID_SUPERSEDED, SAID_CANCELED };
extern const char *const outcome_words[];

/* What must become of a record of the jobs topic. */
enum expectation {
	EXPECT_NOTHING,
	EXPECT_ACCEPTED,
	EXPECT_REJECTED,
	EXPECT_DUPLICATE,
	EXPECT_REROUTE,
	EXPECT_DEAD
};

struct job_fact {
	const struct sent *sent;
	enum expectation expected;
	int64_t duplicate_of;
	bool early;       /* an update whose version nobody had created yet */
	unsigned targets; /* bits: those that it must get; 0: not known */
	unsigned said_targets;
	int64_t deadline_ms;
	unsigned accepted, rejected, duplicates, held, ends, dead, reroutes;
	enum outcome_word end, outcomes[POINTS];
	int64_t ended_ms;
	bool has_outcomes;
	unsigned releases[POINTS], withheld[POINTS];
	enum outcome_word reasons[POINTS];
	int64_t release_offset[POINTS], withheld_offset[POINTS], first_release;
	char release_id[POINTS][40];
	unsigned target_count; /* as the releases say */
};

enum staged_kind { IS_NOTHING, IS_FOREIGN, IS_STAGED, IS_RELEASE, IS_WITHHELD };

struct staged_fact {
	enum staged_kind kind;
	int package, version, point;
	char id[40], dp_id[DP_ID_SIZE], digest[DIGEST_SIZE], staged_id[40];
	int64_t job_offset;
	unsigned dead;
};

struct updated_fact {
	int package, version, point;
	int32_t partition;
	char id[40], dp_id[DP_ID_SIZE], digest[DIGEST_SIZE], staged_id[40], release_id[40];
	struct position staged_at, released_at;
};

enum { FACTS_MAX = 4096 };

void facts_begin(void);
void facts_read(void); /* all that has been committed since */

struct job_fact *job_fact(int32_t partition, int64_t offset);       /* made where absent */
struct staged_fact *staged_fact(int32_t partition, int64_t offset); /* likewise */
size_t updated_count(void);
const struct updated_fact *updated_fact(size_t index);
int32_t package_partition(int package);

/* The staged fact of a version on a point before an offset; dp_id NULL: on any disk. NULL: none. */
const struct staged_fact *find_staged(int package, int version, int point, const char *dp_id, int64_t before);

/* The newest release on a DP; -1: none. */
int64_t newest_release(int package, int point);

#endif
