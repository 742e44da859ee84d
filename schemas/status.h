#ifndef SCHEMAS_STATUS_H
#define SCHEMAS_STATUS_H

#include "schemas/job.h"
#include "schemas/staged.h"

/* The records of the status and progress topics. Strings are borrowed when written. */
enum job_state {
	JOB_ACCEPTED,
	JOB_HELD,
	JOB_COMPLETED,
	JOB_FAILED,
	JOB_EXPIRED,
	JOB_SUPERSEDED,
	JOB_CANCELED,
	JOB_REJECTED,
};
enum dp_state { DP_PENDING, DP_STAGING, DP_RETRYING, DP_STAGED, DP_UPDATING, DP_UPDATED, DP_FAILED };

bool job_state_is_final(enum job_state state);
const char *job_state_name(enum job_state state);
const char *dp_state_name(enum dp_state state);

struct dp_outcome {
	const char *distribution_point;
	enum job_state outcome; /* completed, failed, expired, superseded, canceled */
};

/* failed if any failed, else expired, else canceled, else completed if any completed, else superseded. */
enum job_state outcome_combine(const struct dp_outcome *outcomes, size_t count);

struct job_status { /* type "job" */
	const char *id;
	int64_t time_ms;
	const char *job_id, *package_id;
	const char *version; /* NULL or "": left out, of a rejected job whose version could not be read */
	enum job_type job_type;
	struct position job_position; /* where the job was applied */
	enum job_state state;
	const char *reason, *detail; /* NULL: left out */

	/* accepted */
	const char *const *distribution_points; /* resolved; NULL: left out */
	size_t distribution_point_count;
	const char *requested_by, *annotations; /* NULL: left out; annotations is JSON text */
	int64_t deadline_ms;                    /* 0: left out */
	/* held */
	uint32_t staged, targets;   /* waiting_for; targets 0: not known yet */
	const char *const *missing; /* at most HELD_MISSING_MAX are written */
	size_t missing_count;
	/* terminal */
	const struct dp_outcome *outcomes;
	size_t outcome_count;
};
enum { HELD_MISSING_MAX = 100 };
void job_status_write(const struct job_status *status, struct buffer *out);

struct duplicate_status { /* type "duplicate": never a state of a job */
	const char *id;
	int64_t time_ms;
	const char *job_id, *package_id, *version;
	struct position original, duplicate; /* in the jobs topic */
};
void duplicate_status_write(const struct duplicate_status *status, struct buffer *out);

struct dp_status { /* type "distribution_point" */
	const char *id;
	int64_t time_ms;
	const char *package_id, *version, *distribution_point;
	enum dp_state state;
	uint32_t attempt;
	const char *error_code, *error_message; /* NULL: no error */
	bool retryable;
	int64_t next_retry_ms; /* 0: left out */
};
void dp_status_write(const struct dp_status *status, struct buffer *out);

struct progress { /* progress topic: for eyes only */
	int64_t time_ms;
	const char *package_id, *version, *distribution_point;
	uint64_t bytes_done, bytes_total, files_done, files_total;
};
void progress_write(const struct progress *progress, struct buffer *out);

/* What --wait follows: any record of status or progress, loosely parsed. Fields absent from the record are
 * "", 0 or, in positions, -1. Of a "duplicate", job_position is the original's; of a "distribution_point",
 * reason and detail are its error's code and message. */
struct status_event {
	char type[24]; /* "job", "duplicate", "distribution_point", "progress" */
	char job_id[JOB_ID_SIZE], package_id[PACKAGE_ID_SIZE], version[VERSION_SIZE],
	        distribution_point[DP_NAME_SIZE];
	char state[24];
	bool final;
	char reason[ERROR_CODE_MAX], detail[ERROR_MESSAGE_MAX];
	struct position job_position;
	uint32_t attempt, staged, targets;
	size_t missing_count; /* what held waits for, as far as it is named */
	char missing[HELD_MISSING_MAX][DP_NAME_SIZE];
	uint64_t bytes_done, bytes_total;
	int64_t time_ms, next_retry_ms;
};
must_check enum status status_parse(struct view value, struct status_event *ret, struct error *err);

#endif
