#ifndef UPDATER_SWITCH_H
#define UPDATER_SWITCH_H

#include "base/position.h"
#include "distribution/distribution.h" /* what a pointer can answer */
#include "schemas/staged.h"
#include "schemas/status.h"
#include "schemas/updated.h"

/* The switch of one package: what is staged where, what should be current there, and how each update job
 * stands. Pure: no clock, no I/O, no globals; the same inputs give the same decisions in production and in
 * simulation.
 *
 * Invariants:
 *  - a pointer is only ever wanted on a version whose `staged` was read before its `release`: same version,
 *    distribution point, dp_id, digest and staged id;
 *  - desired state of a distribution point is the newest release there, by log position and by job; it never
 *    goes back;
 *  - at most one attempt per distribution point is wanted at a time, and only its own answer replaces it. An
 *    attempt is named by a number and decides what it does when it starts: a newer release that comes while
 *    one is under way waits for its answer;
 *  - each (job, distribution point) is resolved once, and a job ends once, when all its targets are;
 *  - the rows said so far, loaded into a new state, give an equal one (switch_state_equal).
 *
 * What remains: where a distribution point does not itself refuse an older fence, a write whose answer was
 * never seen is looked for 1, 5 and 30 s after the pointer looked as wanted (recheck_ms), and mended by
 * switching again. A write that arrives later than that (a worker stopped between its commit and its request
 * for more than half a minute, and then let go on) stays until the next release there. Of the jobs that
 * ended, a package remembers the last SWITCH_ENDED_MAX: a record doubled later than that, which only a forger
 * or a faulty copy of the log makes, would be counted as a new job's. */
struct switch_state;

enum { SWITCH_RECHECKS = 3, SWITCH_ENDED_MAX = 64 };

struct switch_rules {
	int64_t retry_first_ms, retry_most_ms; /* back-off: doubled from first to most, jittered */
	int64_t look_most_ms;                  /* between looks once the deadline has passed */
	int64_t grace_ms; /* after the deadline: how long an unreadable pointer is asked for */
	int64_t recheck_ms[SWITCH_RECHECKS]; /* looks again after an answer that was ambiguous */
};
extern const struct switch_rules switch_rules_default;

struct switch_state *switch_state_new(struct view package_id, const struct switch_rules *rules);
void switch_state_free(struct switch_state *state); /* NULL is fine */
bool switch_state_is_empty(const struct switch_state *state);
bool switch_state_equal(
        const struct switch_state *a, const struct switch_state *b); /* but for what no row holds */
/* For tests and the simulator: what is kept of pending switches is what its points say. */
bool switch_state_is_counted(const struct switch_state *state);

/* One attempt at one distribution point: everything that it needs and that its answer will be told from. */
struct switch_task {
	enum pointer_wish wish;
	uint32_t attempt;
	const char *package_id, *version, *distribution_point, *dp_id, *staged_id;
	const char *release_id, *job_id;
	const char *traceparent; /* NULL: none */
	char digest[DIGEST_SIZE];
	int64_t staged_offset, release_offset;
};

/* The attempts that the state calls for, in order of their names. Start with *cursor = 0; false: no more.
 * Strings are the state's. */
bool switch_next_task(const struct switch_state *state, size_t *cursor, struct switch_task *ret);
/* The attempt that is wanted at a distribution point; false where none of that number is. */
bool switch_find_task(const struct switch_state *state, const char *distribution_point, uint32_t attempt,
        struct switch_task *ret);
int64_t switch_wake_at(const struct switch_state *state); /* INT64_MAX: never */
/* Distribution points whose newest release is not current there yet, and since when the first of them;
 * INT64_MAX: none. */
size_t switch_pending(const struct switch_state *state, int64_t *ret_since_ms);

struct switch_answer {
	const struct switch_task *task; /* as it was when it started */
	enum pointer_outcome outcome;
	struct error err;      /* POINTER_UNKNOWN */
	bool may_have_changed; /* a write was sent and its answer is not known */
	bool refuses_older;    /* this distribution point refuses a late write by itself */
	int64_t retry_after_ms;
};

enum switch_event_kind {
	SWITCH_RECORD,    /* a record of the staged topic */
	SWITCH_ANSWER,    /* an attempt ended */
	SWITCH_TICK,      /* wake_at has come */
	SWITCH_CATALOGUE, /* the catalogue was read, or the state restored */
};

struct switch_event {
	enum switch_event_kind kind;
	struct position position; /* RECORD; the partition always */
	const struct staged_record *record;
	struct view traceparent; /* RECORD: absent where it has none */
	const struct switch_answer *answer;
};

/* What follows, said one fact at a time; all pointers are valid during the call only. Row facts are the whole
 * new row. */
enum switch_fact_kind {
	FACT_STAGED_ROW,
	FACT_POINT_ROW,
	FACT_OUTCOME_ROW,
	FACT_OUTCOME_GONE,
	FACT_ENDED_ROW,
	FACT_UPDATED,
	FACT_POINT_STATUS,
	FACT_JOB_STATUS,
	FACT_DEAD_LETTER, /* the record being applied */
};

struct switch_staged;
struct switch_point;
struct switch_tally;
struct switch_outcome;

struct switch_fact {
	enum switch_fact_kind kind;
	const struct switch_state *state;
	const struct switch_staged *staged;   /* STAGED_ROW */
	const struct switch_point *point;     /* POINT_ROW */
	const struct switch_tally *tally;     /* OUTCOME_… */
	const struct switch_outcome *outcome; /* OUTCOME_… */
	const struct updated_record *updated;
	const struct dp_status *point_status;
	const struct job_status *job_status;
	const char *traceparent;    /* of UPDATED and the statuses; NULL: none */
	const char *code, *message; /* DEAD_LETTER */
};

/* The code of a dead letter that only a forger can have caused: a release without its staged event. */
#define SWITCH_FORGED "release_without_staged"

struct switch_out { /* the first member of whatever listens */
	void (*say)(struct switch_out *out, const struct switch_fact *fact);
};

void switch_apply(
        struct switch_state *state, const struct switch_event *event, int64_t now_ms, struct switch_out *out);

#endif
