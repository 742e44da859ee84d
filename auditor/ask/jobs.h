#ifndef AUDITOR_JOBS_H
#define AUDITOR_JOBS_H

#include "auditor/history/database.h"

#include <stdio.h>

/* Lists of jobs, for people and for programs. */
struct jobs_asked {
	const char *package;                    /* NULL: of any */
	const char *state;                      /* a state, or "open", "dead", "all"; NULL: open */
	int64_t held_before_ms, ended_after_ms; /* 0: any */
	bool longest_held_first;                /* else the newest first */
};

/* Whether there is such a state to ask for; *ret_words: those that there are. */
bool jobs_state_is_known(const char *state, const char **ret_words);

/* The question, with its columns in the order of enum job_column. */
struct query *jobs_ask(struct database *database, const struct jobs_asked *asked);
enum job_column {
	JOB_PLACE,
	JOB_ID,
	JOB_TYPE,
	JOB_PACKAGE,
	JOB_VERSION,
	JOB_STATE,
	JOB_FINAL,
	JOB_REASON,
	JOB_DETAIL,
	JOB_REQUESTED_BY,
	JOB_SUBMITTED,
	JOB_ACCEPTED,
	JOB_HELD,
	JOB_RELEASED,
	JOB_ENDED,
	JOB_DEADLINE,
	JOB_WAITING_STAGED,
	JOB_WAITING_TARGETS,
	JOB_WAITING_MISSING,
	JOB_POINTS,
	JOB_OUTCOMES,
	JOB_WAITS_FOR,
};

/* Tables for people. */
must_check enum status jobs_print(
        struct query *query, int64_t now_ms, FILE *out, size_t *ret_count, struct error *err);
must_check enum status jobs_print_held(
        struct query *query, int64_t now_ms, FILE *out, size_t *ret_count, struct error *err);
must_check enum status jobs_print_dead(
        struct query *query, FILE *out, size_t *ret_count, struct error *err); /* with why */

#endif
