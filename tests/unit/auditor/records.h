#ifndef TESTS_UNIT_AUDITOR_RECORDS_H
#define TESTS_UNIT_AUDITOR_RECORDS_H

#include "auditor/history/database.h"

/* Facts made by hand, and what a database says of them, for its tests. */

/* Nothing but its place; time_ms and log_time_ms are 1000 + its offset. */
struct fact fact_at(enum fact_type type, enum log_topic topic, int32_t partition, int64_t offset);
/* In partition 0, of the create c-1 of PKG 1.0, for paris. */
struct fact fact_of(enum fact_type type, enum log_topic topic, int64_t offset, int64_t job_offset);

/* A random history in lanes: each in its order, of few names, so that records meet. */
struct history {
	struct fact *facts; /* lane by lane */
	size_t lane_starts[64];
	size_t lanes, count;
};
void history_make(struct history *history, unsigned seed);
void history_release(struct history *history);
/* Feeds all of it that is new to the database, the lanes interleaved at random, and commits now and then;
 * stops (without committing) after `stop` new records. Returns how many were new. */
size_t history_feed(const struct history *history, unsigned seed, size_t stop, struct database *database);

/* The rows of every table, in the order of their keys; the caller's to free(). */
char *database_dump(struct database *database);
/* The first row of the answer, columns joined by '|'; static memory. */
const char *ask(struct database *database, const char *sql);

/* A path that nothing is at, in a folder of its own; static memory. */
const char *new_file(void);
const char *old_file(void); /* the same */
void remove_file(void);

#endif
