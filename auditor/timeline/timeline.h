#ifndef AUDITOR_TIMELINE_H
#define AUDITOR_TIMELINE_H

#include "auditor/log/fact.h"

#include <stdio.h>

/* The life of one package, told in order: what its records say, how long each thing took, and which job it
 * belongs to. Pure: facts in, events and jobs out.
 *
 * Times are the log's. Records of one topic keep their order; those of different topics are merged by their
 * time stamps and, where these are equal, causes before effects. */
struct timeline_event {
	enum fact_type type;
	enum log_topic topic;
	struct position position;
	int64_t time_ms;
	char *version, *point, *job_id, *job_type, *requested_by, *state, *reason, *detail, *read_back,
	        *previous_version, *gate; /* NULL: absent */
	char *names; /* of an accepted job its targets, of a held one what is missing: "paris, tokyo" */
	uint32_t name_count;
	char *origin; /* "jobs/3@17": of a dead letter, a duplicate, a re-routed or redriven job: from where
	               */
	bool redriven, final, retryable, has_content;
	uint32_t attempt, targets, waiting_staged, waiting_targets;
	uint64_t files, bytes;
	int64_t deadline_ms, next_retry_ms; /* 0: none */

	struct position job_position; /* of its job */
	struct position cites;        /* of an updated its release, of a duplicate the second job */

	/* what timeline_order() finds */
	int job;         /* index of the job that it is of, or -1 */
	int64_t took_ms; /* -1: nothing to say. Of an end: since the job was sent; of a release or withheld:
	                    how long it was held; of a staged: since it was wanted; of an updated: since its
	                    release */
	bool echo;       /* a status that repeats a staged or updated beside it */
};

struct timeline_job {
	struct position position; /* where it was applied */
	const char *id, *type, *version, *requested_by;
	const char *state, *reason, *detail; /* its newest; "submitted" before any */
	bool final, has_content;
	int64_t sent_ms, accepted_ms, held_ms, released_ms, ended_ms; /* 0: not (yet) */
	int accepted;                                                 /* the event that says so; -1 */
};

struct timeline;
struct timeline *timeline_new(void);
void timeline_free(struct timeline *timeline); /* NULL is fine */

/* Facts of one package, as the reader read them, in the order of the replay; redriven_from: "dlq/3@17" of a
 * job that has such a header, or absent. */
void timeline_add(struct timeline *timeline, struct fact_reader *reader, const struct fact *fact,
        struct view redriven_from);
void timeline_order(struct timeline *timeline); /* once, after the last */

size_t timeline_count(const struct timeline *timeline);
const struct timeline_event *timeline_at(const struct timeline *timeline, size_t index);
size_t timeline_job_count(const struct timeline *timeline); /* in the order of their first events */
const struct timeline_job *timeline_job_at(const struct timeline *timeline, size_t index);

/* By "jobs/3@17", "3@17", "3-17", "@3-17" or job id; the newest life of an id. -1: none. */
int timeline_job_find(const struct timeline *timeline, const char *name, const char *prefix);
/* Whether the event belongs to the life of this job: it says so itself, or it is about its version on one of
 * its distribution points while the job was open. */
bool timeline_is_of(const struct timeline *timeline, size_t event, size_t job);

#endif
