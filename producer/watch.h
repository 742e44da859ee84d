#ifndef PRODUCER_WATCH_H
#define PRODUCER_WATCH_H

#include "schemas/status.h"

/* What is known of one job, from status and progress records in any number: pure. Records of distribution
 * points name a package and a version, not a job: so what is shown of them is the version's. */
struct watch_point {
	char name[DP_NAME_SIZE], state[24]; /* "": nothing heard yet */
	uint32_t attempt;
	char reason[ERROR_CODE_MAX], detail[ERROR_MESSAGE_MAX];
	int64_t next_retry_ms;
	uint64_t bytes_done, bytes_total;
};

struct watch {
	char job_id[JOB_ID_SIZE], package_id[PACKAGE_ID_SIZE], version[VERSION_SIZE];
	struct position
	        position; /* where it was applied; offset -1: whichever life of job_id was accepted last */
	bool any_life;
	char state[24], reason[ERROR_CODE_MAX], detail[ERROR_MESSAGE_MAX];
	uint32_t staged, targets; /* of what it is held for, and what was heard to be staged since */
	size_t missing_count;
	char missing[HELD_MISSING_MAX][DP_NAME_SIZE];
	bool final;
	bool duplicate;             /* it follows the original of the job that was sent */
	struct watch_point *points; /* sorted by name, at most JOB_TARGETS_MAX */
	size_t point_count;
};

enum watch_news {
	WATCH_NOTHING,
	WATCH_PROGRESS,
	WATCH_POINT,
	WATCH_JOB,
	WATCH_DUPLICATE, /* position is now the original's: what came before it must be read too */
};

/* job_id NULL: the one that position gives. version NULL: not known yet. */
void watch_init(struct watch *watch, const char *package_id, const char *version, const char *job_id,
        struct position position);
void watch_release(struct watch *watch);

/* *ret_point: of POINT and PROGRESS. Once final nothing changes any more. */
enum watch_news watch_apply(
        struct watch *watch, const struct status_event *event, const struct watch_point **ret_point);

#endif
