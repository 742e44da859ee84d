#ifndef STAGER_GATE_TURN_H
#define STAGER_GATE_TURN_H

#include "stager/gate_state.h"

/* Internal to gate*.c: one call of gate_apply(), and what its parts ask of each other. */
struct gate_turn {
	struct gate_state *state;
	int64_t now_ms;
	const struct gate_out *out;
	struct gate_row *rows; /* of what was touched, each once */
	size_t row_count, row_capacity;
	int64_t look_from; /* no update before this offset is to be looked at */
};

/* Its row is to be written at the end of the turn. */
void touch_version(struct gate_turn *turn, struct gate_version *version);
void touch_staging(struct gate_turn *turn, struct gate_version *version, struct gate_staging *staging);
void touch_point(struct gate_turn *turn, struct gate_point *point);
void touch_job(struct gate_turn *turn, struct gate_job *job);

/* gate.c: whatever is due by now. */
void pass_time(struct gate_turn *turn);

/* gate_jobs.c */
void apply_job(
        struct gate_turn *turn, const struct gate_request *request, size_t held); /* of the whole shard */

/* gate_staging.c */
void apply_staged(struct gate_turn *turn, const struct gate_event *event);
void apply_stage_failed(struct gate_turn *turn, const struct gate_event *event);
void apply_lost_content(struct gate_turn *turn, const struct gate_event *event);
void stagings_pass_time(struct gate_turn *turn);
/* A content job wants the version on each of its targets: makes the stagings, arms again those that wait or
 * have ended. */
void stagings_arm(struct gate_turn *turn, struct gate_version *version, const struct gate_job *job);
/* A job wants its targets: no staging of them ends before its deadline, and those that nobody wanted any more
 * go on. */
void stagings_keep(struct gate_turn *turn, const struct gate_job *job);

/* gate_release.c */
/* The job's targets are known at last: those on which a later job was released meanwhile are withheld. */
void update_adopt(struct gate_turn *turn, struct gate_job *job, const char *const *names, size_t count);
void update_look_at(struct gate_turn *turn, struct gate_job *job);
void updates_look_at(struct gate_turn *turn, const char *version); /* something of this version has changed */
/* This DP of it has: it failed, or is staged (more_staged 1), or no longer is (-1). */
void updates_hear(struct gate_turn *turn, const char *version, const char *point, int more_staged);
/* Lets through and withholds what may be, until nothing more follows. */
void updates_let_through(struct gate_turn *turn);
void update_withhold_rest(
        struct gate_turn *turn, struct gate_job *job, const char *reason, const char *detail);

/* gate_end.c */
void creates_end_done(struct gate_turn *turn, const char *version); /* those whose targets are all settled */
void jobs_expire(struct gate_turn *turn);
/* Whether the job waits for a target still. Mostly it is the one of last time, so that is asked first. */
typedef bool gate_target_test(const struct gate_state *state, const struct gate_version *version,
        const struct gate_job *job, size_t target);
bool job_waits(const struct gate_state *state, const struct gate_version *version, struct gate_job *job,
        gate_target_test *is_waited_for);
/* Remembers its identity only; says nothing by itself. */
void job_end(struct gate_turn *turn, struct gate_job *job);
void jobs_choose_forgotten(struct gate_turn *turn); /* marks the oldest ended ones as gone */
void jobs_forget(struct gate_turn *turn);           /* frees those marked */

/* gate_say.c: facts. The ids are made here. */
void say_staged(struct gate_turn *turn, const struct gate_version *version, struct gate_staging *staging,
        const struct gate_event *event);
void say_release(struct gate_turn *turn, const struct gate_job *job, const struct gate_version *version,
        const struct gate_staging *staging);
void say_withheld(struct gate_turn *turn, const struct gate_job *job, const char *target, const char *reason,
        const char *detail);
void say_point(struct gate_turn *turn, const struct gate_version *version, const struct gate_staging *staging,
        enum dp_state state);
void say_accepted(struct gate_turn *turn, const struct gate_job *job, const struct gate_request *request);
void say_held(
        struct gate_turn *turn, const struct gate_job *job, const char *const *missing, size_t missing_count);
void say_ended(struct gate_turn *turn, const struct gate_job *job, enum job_state state, const char *reason,
        const char *detail, const struct dp_outcome *outcomes, size_t outcome_count);
void say_rejected(
        struct gate_turn *turn, const struct gate_request *request, const char *code, const char *message);
void say_duplicate(struct gate_turn *turn, const struct gate_request *request, struct position original);

#endif
