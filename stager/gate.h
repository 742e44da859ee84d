#ifndef STAGER_GATE_H
#define STAGER_GATE_H

#include "base/error.h"
#include "schemas/status.h"

#include <stdbool.h>

/* The gate of one package: which versions it has, on which distribution points (DPs) each is staged, who
 * waits for that, and what is let through. A pure function of state, event and time: no clock, no I/O, no
 * globals, no Kafka, no JSON. Start reading here, then gate.c, and from there by idea:
 *
 *   gate_state    what is remembered: versions, stagings, points, jobs
 *   gate_jobs     a job comes in: is it new, is it allowed, what does it change
 *   gate_staging  a version on a DP: pending → staged, or retrying, failed, expired
 *   gate_release  an update at the gate: released, withheld, superseded, held
 *   gate_end      how a job ends, and how long its id is remembered
 *   gate_say      facts: ids and words of what goes out
 *   gate_turn     one event being applied: what these parts ask of each other
 *   gate_live     the live jobs of a package, and what is asked of them at every event; gate_roll, their list
 *   gate_codec    rows to and from bytes
 *   gate_sink     facts to records, and both to an outbox
 *   gate_equal    whether two gates remember the same, for tests
 *
 * Words. A *staging* is one version on one DP. A *content job* is a create, or an update that carries
 * content: it makes a version known and wants it staged on its targets. An update's *target* is one DP; it is
 * *resolved* by exactly one `release` or `withheld`. A job's *order* is the offset at which it was applied:
 * later jobs have higher ones.
 *
 * What always holds:
 *  1. A release goes out only while its (version, DP) is staged, and behind the `staged` fact that it cites.
 *     With gate `each` that is all; with gate `all` every target that is still the job's must be staged.
 *  2. Releases on one DP never go back in job order. The point remembers the order of the newest job released
 *     there, for ever. An update is *superseded* on a DP, and so withheld, as soon as a later one is released
 *     there, even if it learns only afterwards that this DP is its target. One still held supersedes nothing.
 *  3. So what is resolved need not be stored: a target is resolved once a job at least as new was released on
 *     its DP, or once it is marked withheld in its job.
 *  4. Targets are frozen when first known: those of the job, else those of its version when it is applied,
 *     else (version not created yet) those of the create that comes later.
 *  5. A version's content never changes. Newer URLs for the same content are taken over.
 *  6. A staging is worked at as long as some job wants it: its end is never before the deadline of a live job
 *     that has it as a target.
 *  7. Time is only what now_ms says. Whatever is due by then happens before the event is looked at, so it
 *     makes no difference whether a tick came in time or late.
 *
 * Who ends a job: the gate ends creates, and updates whose targets were never known. Every other accepted
 * update gets exactly one release or withheld for each target, and the updater ends it when all are resolved.
 * Rejected jobs and duplicates change nothing and are not remembered.
 *
 * Every change is a changed row, given to out->row: loading all rows last written gives an equal state
 * (gate_state_equal()). */
struct gate_state;
struct gate_version;
struct gate_staging;
struct gate_row; /* gate_state.h */

struct gate_limits {
	int64_t default_deadline_ms; /* after acceptance, for jobs that say none */
	int64_t never_ms;            /* when a deadline "never" ends after all */
	size_t held_max;             /* live updates; beyond: "overloaded" */
	size_t held_shard_max;       /* the same of all packages of a shard */
	size_t held_targets_max;     /* sum of their targets: bounds what one event can write */
	size_t creates_max;          /* live creates; beyond: "overloaded" */
	size_t ended_max;            /* ended jobs whose ids are remembered */
	size_t versions_max;         /* of a package */
	size_t stagings_max;         /* of a package, all versions */
};
extern const struct gate_limits gate_limits_default;

/* A job, parsed, with its targets resolved to names. Everything is borrowed. */
struct gate_request {
	const char *id;
	struct position position; /* where it is applied */
	const char *payload; /* digest_name() of its bytes: tells a duplicate from a conflict; NULL: no job
	                        at all, only to be refused */
	enum job_type type;
	const char *version;
	const char *digest;         /* of its content's manifest; NULL: no content */
	const char *manifest_url;   /* NULL: the manifest is in the record itself */
	const char *const *targets; /* sorted, no duplicates; none: see invariant 4 */
	size_t target_count;
	enum job_gate gate;
	enum job_deadline deadline;
	int64_t deadline_ms;
	const char *requested_by, *annotations, *traceparent; /* NULL where absent */
	const struct error *refusal; /* why it can't be accepted whatever the gate thinks (an unknown DP); a
	                                duplicate is answered as one all the same. NULL: none */
};

enum gate_blame {
	BLAME_POINT,   /* the DP's side: tried until nobody wants it any more */
	BLAME_CONTENT, /* the source's side: tried GATE_CONTENT_TRIES times, then failed */
	BLAME_FINAL,   /* no use in trying again */
	BLAME_NOBODY,  /* the transfer was cancelled from within: goes on soon, not counted */
};
enum { GATE_CONTENT_TRIES = 5, GATE_RETRY_FIRST_MS = 1000, GATE_RETRY_MOST_MS = 300000 };
enum { GATE_RETRY_AFTER_MOST_MS = 3600000 }; /* of what a server asks for */

enum gate_event_kind { GATE_JOB, GATE_STAGED, GATE_STAGE_FAILED, GATE_LOST_CONTENT, GATE_TICK };

struct gate_event {
	enum gate_event_kind kind;
	const struct gate_request *job; /* GATE_JOB */
	size_t held;                    /* live updates of all packages of the shard; JOB */

	/* GATE_STAGED, GATE_STAGE_FAILED: the outcome of one transfer. One of an attempt that is not the
	 * staging's current one has no effect. */
	const char *version, *point; /* point: LOST_CONTENT too */
	uint32_t attempt;
	const char *dp_id; /* STAGED: where; LOST_CONTENT: who the DP is now */
	uint64_t files, bytes;
	const char *read_back;
	enum gate_blame blame;
	const char *code, *message; /* STAGE_FAILED */
	int64_t retry_after_ms;

	/* LOST_CONTENT: what lay on the DP when it had one of these ids is confirmed lost */
	const char *const *lost_ids;
	size_t lost_count;
};

/* What goes out, in order. Ids and times are filled in; strings are valid during the call only. */
enum gate_fact_kind { FACT_STAGED, FACT_JOB, FACT_POINT, FACT_DUPLICATE };
struct gate_fact {
	enum gate_fact_kind kind;
	const char *traceparent; /* of the job it follows from; NULL */
	union {
		struct staged_record staged; /* staged, release or withheld */
		struct job_status job;
		struct dp_status point;
		struct duplicate_status duplicate;
	};
};

struct gate_out {
	void (*fact)(const struct gate_fact *fact, void *context);
	void (*row)(const struct gate_row *row, void *context); /* at the end, once per changed row */
	void *context;
};

void gate_apply(
        struct gate_state *state, const struct gate_event *event, int64_t now_ms, const struct gate_out *out);

/* The transfers that the state calls for: those of pending stagings, in order of version and DP. */
void gate_effects(const struct gate_state *state,
        void (*want)(const struct gate_version *version, const struct gate_staging *staging, void *context),
        void *context);

/* Updates that wait at the gate (on some DP at least), and since when the first of them; INT64_MAX: none. */
size_t gate_held(const struct gate_state *state, int64_t *ret_since_ms);

/* When it next wants a GATE_TICK; INT64_MAX: never. */
int64_t gate_wake_at(const struct gate_state *state);

#endif
