#ifndef AUDITOR_VERIFY_H
#define AUDITOR_VERIFY_H

#include "auditor/log/fact.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Proves from the log alone that the promises were kept: facts in, violations out. Pure: no clock, no I/O,
 * no globals; the rules in words are in docs/auditing.md.
 *
 * Order. Within a lane (one partition of one topic) facts come in the log's order, and rules about one lane
 * rest on that: a release on what was staged before it, a status on what was accepted before it. Between
 * lanes nothing is assumed: a fact that cites what has not come yet waits for it, and is judged at the end at
 * the latest. So the lanes may be merged in any way; merged by time, little waits.
 *
 * Memory. Texts are not kept, only 64-bit fingerprints (fingerprint.h) and offsets:
 *  - for each version on each distribution point about 130 bytes: the copy and its staged event; one more
 *    staged event (70 bytes) each time its content was replaced;
 *  - for each package on each distribution point about 200 bytes: the pointer and the newest release;
 *  - for each version 50 bytes;
 *  - what is in flight: jobs without their end (120 bytes and 48 for each target), releases that are neither
 *    seen current nor overtaken by a newer one that is (90 bytes), facts that wait.
 *  - the ids of the last 32,768 statuses that tell of the way, not of an end: 1 MB; and as many jobs that
 *    were rejected or went to the dead letters: 3 MB.
 * What is settled is forgotten, so memory does not grow with events. */
enum violation_code {
	VIOLATION_UNREADABLE,
	VIOLATION_KEY_MISMATCH,
	VIOLATION_WRONG_PARTITION,
	VIOLATION_ID_WRONG,
	VIOLATION_ID_DOUBLED,
	VIOLATION_STAGED_TWICE,
	VIOLATION_STAGED_WITHOUT_JOB,
	VIOLATION_DIGEST_CHANGED,
	VIOLATION_RELEASE_WITHOUT_STAGED,
	VIOLATION_RELEASE_DIFFERS,
	VIOLATION_RELEASE_ORDER,
	VIOLATION_RELEASE_WITHOUT_JOB,
	VIOLATION_GATE_OPENED_EARLY,
	VIOLATION_RESOLVED_TWICE,
	VIOLATION_TARGET_UNKNOWN,
	VIOLATION_TARGETS_DIFFER,
	VIOLATION_UPDATED_WITHOUT_RELEASE,
	VIOLATION_UPDATED_WITHOUT_STAGED,
	VIOLATION_UPDATED_DIFFERS,
	VIOLATION_UPDATED_TWICE,
	VIOLATION_POINTER_BACK,
	VIOLATION_POSITION_WRONG,
	VIOLATION_PREVIOUS_WRONG,
	VIOLATION_ANSWER_WITHOUT_JOB,
	VIOLATION_ANSWER_DIFFERS,
	VIOLATION_ANSWERED_TWICE,
	VIOLATION_JOB_UNANSWERED,
	VIOLATION_REROUTE_WRONG,
	VIOLATION_DEAD_LETTER_DIFFERS,
	VIOLATION_STATUS_WITHOUT_JOB,
	VIOLATION_ENDED_TWICE,
	VIOLATION_END_MISSING,
	VIOLATION_END_CONTRADICTS,
};
enum { VIOLATION_CODES = VIOLATION_END_CONTRADICTS + 1 };
const char *violation_code_name(enum violation_code code); /* "unreadable", "key_mismatch" … */

struct violation {
	enum violation_code code;
	enum log_topic topic;
	struct position position; /* of the record that breaks the rule */
	int64_t log_time_ms;
	const char *detail; /* words; valid during the call */
};

struct verify_spec {
	int32_t partitions;
	bool mirror; /* positions that records cite are of another log: only ids are compared */
	struct view
	        package; /* absent: all; else other packages' records are passed by. Outlives the verify */
	void (*report)(const struct violation *violation, void *context); /* as found */
	void *context;
};

struct verify_counts {
	uint64_t records, by_type[FACT_DEAD_LETTER + 1];
	uint64_t staged_proven, releases_proven, updated_proven, jobs_ended, jobs_rejected, jobs_duplicate,
	        jobs_rerouted;
	uint64_t jobs_open, jobs_unanswered, releases_open; /* in flight; after verify_end() */
	uint64_t unproven; /* cite what lay before the log's present beginning */
	uint64_t violations;
};

struct verify;
struct verify *verify_new(const struct verify_spec *spec);
void verify_free(struct verify *verify); /* NULL is fine */

/* Where a lane begins, if not at 0: what is cited from before is counted as unproven. And where its end is,
 * if it is known: what lies there or behind is evidence for what lies before it, and what is missing of it is
 * in flight. Before the first fact. */
void verify_lane(struct verify *verify, enum log_topic topic, int32_t partition, int64_t begin, int64_t end);

void verify_fact(struct verify *verify, const struct fact *fact);

/* Whether verify_end() would find what is missing: then it is worth while to read on for a moment. */
bool verify_has_suspects(struct verify *verify);

/* Judges what waits. is_open (NULL: none is): whether more of a lane was written already, in a transaction
 * that is not decided yet; what may be missing only for that is in flight, and no violation. */
void verify_end(struct verify *verify,
        bool (*is_open)(void *context, enum log_topic topic, int32_t partition), void *context);

void verify_count(const struct verify *verify, struct verify_counts *ret);

#endif
