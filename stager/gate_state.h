#ifndef STAGER_GATE_STATE_H
#define STAGER_GATE_STATE_H

#include "base/table.h"
#include "stager/gate.h"
#include "stager/gate_live.h"

/* What the gate of one package remembers. Plain data: gate*.c changes it, gate_codec.c writes and reads it as
 * rows, tests look at it. Everything is kept sorted, so that what follows from it is deterministic. An item's
 * name lies behind its struct, in the same allocation. */

enum staging_phase {
	STAGING_PENDING,  /* a transfer is wanted: the one of `attempt` */
	STAGING_RETRYING, /* one failed; again at next_retry_ms */
	STAGING_STAGED,   /* verified there */
	STAGING_FAILED,   /* given up on its content; a content job arms it again */
	STAGING_EXPIRED,  /* nobody wants it any more; any job that does arms it again */
};

/* One version on one DP. Row d/<version>/<dp>. */
struct gate_staging {
	char *name; /* of the DP */
	enum staging_phase phase;
	bool dirty;
	uint32_t attempt;          /* number of the current transfer: one more each time it becomes pending */
	uint32_t failures;         /* in a row since it was last armed */
	uint32_t content_failures; /* of these, the content's fault */
	uint32_t restages;         /* how often its content was lost and it had to be staged again */
	int64_t next_retry_ms;     /* RETRYING */
	int64_t until_ms;          /* when staging it ends, unless staged */
	char *cause_id;            /* the job that last armed it … */
	struct position cause;     /* … and where that was applied */
	char *dp_id;               /* STAGED: who the DP said it was; else NULL */
	char staged_id[DIGEST_NAME_SIZE]; /* STAGED: id of the staged record */
	char *error_code, *error_message; /* the last failure since it was armed; NULL: none */
};

/* A version: known once a content job for it was accepted. Row v/<version>. */
struct gate_version {
	char *name;
	bool dirty;
	char digest[DIGEST_SIZE];
	char *manifest_url;     /* NULL: the manifest is in the job at `source` */
	struct position source; /* the newest content job */
	struct table stagings;  /* by DP */

	/* In no row, only so that not all stagings are asked at each event. */
	size_t active;  /* of them are pending or retrying */
	int64_t due_ms; /* none is due before this; 0 after a restore, which is always true */
};

/* A DP as this package sees it. Row p/<dp>; outlives jobs. */
struct gate_point {
	char *name;
	bool dirty;
	struct position released; /* where the newest job released here was applied; offset -1: none yet */
	char *dp_id;              /* who it was when something was staged there; NULL: nothing yet */
};

/* What a live job wants. */
struct gate_work {
	enum job_type type;
	enum job_gate gate;
	bool has_content;
	char *version, *traceparent;
	int64_t deadline_ms;
	int64_t accepted_ms; /* log time; 0: not known, its row is of schema 1 */
	char **targets;      /* sorted; NULL: not known yet */
	bool *withheld;      /* by target, updates only: resolved so (and not by being superseded) */
	size_t target_count;
	uint32_t held_count;  /* "held" statuses said so far */
	uint32_t held_staged; /* what the last of them said */

	/* In no row, only so that not all targets are asked at each event. */
	uint32_t waits_for; /* the target that it was last found to wait for */
	uint32_t staged;    /* updates: how many targets are staged; GATE_UNCOUNTED: not known yet */

	/* Only during gate_apply(): it is to be looked at once more, and these of its targets. */
	bool look;
	uint32_t look_first, look_end;
};
#define GATE_UNCOUNTED UINT32_MAX

/* A job, live or ended. Row j/<job id>. An ended one keeps only its identity. */
struct gate_job {
	char *name;                     /* the job id */
	char payload[DIGEST_NAME_SIZE]; /* tells the same job sent again from another one under its id */
	bool dirty;
	bool gone; /* only during gate_apply(): to be forgotten */
	struct position position;
	uint64_t ended_number;  /* the ended ones, counted up; 0: live */
	struct gate_work *work; /* NULL: ended */
};

struct gate_state {
	char *package;
	const struct gate_limits *limits;
	struct table versions, points;
	struct gate_live live;
	struct gate_roll ended; /* by ended_number */
	size_t staging_count;   /* of all versions */
};

enum gate_row_kind { ROW_VERSION, ROW_STAGING, ROW_POINT, ROW_JOB };
struct gate_row {
	enum gate_row_kind kind;
	bool gone;
	struct gate_version *version; /* VERSION, STAGING */
	struct gate_staging *staging;
	struct gate_point *point;
	struct gate_job *job;
};

struct gate_state *gate_state_new(const char *package, const struct gate_limits *limits);
void gate_state_free(struct gate_state *state); /* NULL is fine */
bool gate_state_is_empty(const struct gate_state *state);

/* find: NULL where there is none. need: makes an empty one where there is none. */
struct gate_version *gate_version_find(const struct gate_state *state, const char *name);
struct gate_version *gate_version_need(struct gate_state *state, const char *name);
struct gate_staging *gate_staging_find(const struct gate_version *version, const char *point);
struct gate_staging *gate_staging_need(
        struct gate_state *state, struct gate_version *version, const char *point);
struct gate_point *gate_point_find(const struct gate_state *state, const char *name);
struct gate_point *gate_point_need(struct gate_state *state, const char *name);
struct gate_job *gate_job_find(const struct gate_state *state, const char *id); /* live or ended */

bool staging_is_active(const struct gate_staging *staging);
int64_t staging_due_ms(const struct gate_staging *staging); /* when time changes it; INT64_MAX: never */
void staging_set_phase(struct gate_version *version, struct gate_staging *staging, enum staging_phase phase);

struct gate_job *gate_job_new(const char *id, const char *payload, struct position position); /* live */
void gate_job_free(struct gate_job *job);
void gate_job_set_targets(struct gate_job *job, const char *const *names, size_t count); /* not live yet */
size_t gate_job_target(const struct gate_job *job, const char *point); /* target_count: it is none */
void gate_job_forget_work(struct gate_job *job);                       /* keeps the identity only */
void gate_ended_add(struct gate_state *state, struct gate_job *job);

void gate_text_set(char **text, const char *value); /* a copy in place of what was there; NULL is fine */

/* For tests and the simulator, which compare a state with the one that its rows give. */
bool gate_state_equal(const struct gate_state *a, const struct gate_state *b);
/* … and for them too: what is in no row is what the rows give. */
bool gate_state_is_counted(const struct gate_state *state);

#endif
