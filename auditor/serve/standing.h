#ifndef AUDITOR_STANDING_H
#define AUDITOR_STANDING_H

#include "auditor/log/fact.h"

/* Where the follower stands, and what it counted on the way: written by its thread, read by those that answer
 * requests. Counts begin with the first record that this process read. */
struct standing;

struct standing *standing_new(void);
void standing_free(struct standing *standing); /* NULL is fine */

enum { STANDING_MINUTES = 60, STANDING_WORDS_MAX = 600 };
struct minute {
	int64_t minute_ms; /* when it began */
	uint64_t jobs, staged, updated, failed;
};

/* ---- the follower's thread */
void standing_count(struct standing *standing, const struct fact *fact); /* a record that was read */
/* Of a minute that was read before this process began. */
void standing_add_minute(struct standing *standing, const struct minute *minute);
struct standing_place {
	int64_t read_until_ms;          /* everything that was logged before has been read */
	bool caught_up;                 /* with all that is in the log, as far as Kafka tells */
	bool ready;                     /* with what was there at the start; stays */
	char words[STANDING_WORDS_MAX]; /* what goes on, for a reader */
	int64_t lag[LOG_TOPICS];        /* records not read yet; -1: not known */
};
void standing_set(struct standing *standing, const struct standing_place *place);

/* ---- any thread */
void standing_get(struct standing *standing, struct standing_place *ret);
/* The last STANDING_MINUTES, oldest first, up to the one that now_ms is in. */
void standing_minutes(struct standing *standing, int64_t now_ms, struct minute minutes[STANDING_MINUTES]);

struct point_counts {
	const char *name;
	uint64_t staged, updated;
	int64_t last_staged_ms, last_updated_ms;
};
struct standing_counts {
	uint64_t records[LOG_TOPICS];
};
void standing_counts(struct standing *standing, struct standing_counts *ret);
/* Calls visit, which must not call back, for each distribution point, sorted by name. */
void standing_each_point(struct standing *standing,
        void (*visit)(const struct point_counts *counts, void *context), void *context);

#endif
