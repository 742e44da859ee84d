#ifndef UPDATER_SWITCH_STATE_H
#define UPDATER_SWITCH_STATE_H

#include "base/table.h"
#include "engine/timers.h"
#include "updater/switch.h"

/* What the switch remembers. Only point.c, switch*.c and tally.c look inside. Each struct is one row; its
 * name is the row's. Strings are owned, and never NULL unless said. */

/* What is staged where: "<version>/<dp>". Kept for the life of the package, as the content is: any staged
 * version may be released again. */
struct switch_staged {
	const char *name;
	char *staged_id, *dp_id;
	char digest[DIGEST_SIZE];
	int64_t offset;
};

struct switch_release {
	char *version, *release_id, *job_id;
	char *traceparent; /* NULL: none */
	struct position job_position;
	int64_t offset;
	uint32_t targets;
	int64_t deadline_ms;
	int64_t time_ms; /* when it was let through; 0: not known, its row is of schema 1 */
};

enum point_phase {
	POINT_SETTLED, /* nothing to do */
	POINT_DUE,     /* attempt number `attempt` is wanted, perhaps under way */
	POINT_WAITING, /* until next_ms */
};

/* A distribution point on which the package was ever released. */
struct switch_point {
	const char *name;
	struct switch_release desired;
	bool resolved; /* the desired release's job knows its outcome here */
	bool looking;  /* its deadline has passed: look before it is called expired */

	enum point_phase phase;
	uint32_t attempt;  /* only grows */
	uint32_t failures; /* in a row */
	uint32_t rechecks; /* looks still to come although the pointer looked as wanted */
	int64_t next_ms;   /* WAITING */
	char *error_code;  /* of the last failure that was told; "" none */

	char *current_version; /* as last seen and told; NULL: never */
	char *current_dp_id;   /* NULL: never */
	int64_t current_offset;

	/* In no row. */
	bool unanswered; /* it was loaded while an attempt may have been under way, whose answer nobody will
	                    know */
	struct timer pending; /* among the state's pending ones while its release is not current there */
};

/* How a job ended on one distribution point. */
struct switch_outcome {
	const char *name; /* of the distribution point */
	enum job_state state;
	char *detail; /* words; "" none */
};

/* A job that has not ended: "<job id>/<partition>-<offset>". */
struct switch_tally {
	const char *name;
	char *job_id, *version;
	struct position position;
	uint32_t targets;
	struct table outcomes;
};

struct switch_state {
	char *package_id;
	const struct switch_rules *rules;
	struct table staged, points, tallies;
	/* Offsets of the jobs that ended last, oldest first, so that a doubled record is known as one. */
	int64_t ended[SWITCH_ENDED_MAX];
	size_t ended_count;
	struct timers *pending; /* of its points; in no row: follows from theirs */
};

void switch_staged_free(void *staged);
void switch_point_free(void *point);
void switch_tally_free(void *tally);
void switch_outcome_free(void *outcome);
void switch_release_clear(struct switch_release *release);

void switch_note_pending(struct switch_state *state, struct switch_point *point); /* it changed */

char *switch_staged_name(const char *version, const char *distribution_point);
char *switch_tally_name(const char *job_id, struct position position);

/* One call of switch_apply(). */
struct turn {
	struct switch_state *state;
	const struct switch_event *event;
	int64_t now_ms;
	struct switch_out *out;
};

void turn_say(const struct turn *turn, const struct switch_fact *fact); /* fact.state is filled in */

/* point.c: a distribution point's attempts. */
void point_say(const struct turn *turn, struct switch_point *point); /* its row, as it changed */
void point_attempt(struct switch_point *point);                      /* wants a new attempt */
void point_resolve(/* the desired release's job hears what became of it here: once */
        const struct turn *turn, struct switch_point *point, enum job_state outcome, const char *detail);
void point_answer(const struct turn *turn);
bool point_tick(const struct turn *turn, struct switch_point *point); /* whether it changed */
/* After a restore the log's clock may stand elsewhere than when next_ms was written; after a reload the
 * distribution point may be known. Whether it changed. */
bool point_remind(const struct turn *turn, struct switch_point *point);

/* tally.c: how a job stands. */
struct job_part { /* one distribution point's part in a job */
	const char *job_id, *version, *distribution_point;
	struct position position;
	uint32_t targets;
	const char *traceparent; /* NULL: none */
};

bool tally_knows(
        const struct switch_state *state, const struct job_part *part); /* resolved, or its job ended */
void tally_resolve(
        const struct turn *turn, const struct job_part *part, enum job_state outcome, const char *detail);

/* A name for what a fact is about, made of texts: NULL-terminated. */
void fact_id(char id[DIGEST_NAME_SIZE], const char *first, ...) __attribute__((sentinel));

#endif
