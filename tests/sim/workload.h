#ifndef SIM_WORKLOAD_H
#define SIM_WORKLOAD_H

#include "base/digest.h"
#include "tests/sim/points.h"

/* What users send: jobs of every shape, well and badly formed, and what somebody else writes into the staged
 * topic. */

enum sent_kind {
	SENT_GOOD,         /* a job; what becomes of it depends on what came before */
	SENT_UNKNOWN,      /* a job for a distribution point or group that nobody knows: rejected */
	SENT_POISON,       /* no job at all: dead-lettered */
	SENT_POISON_NAMED, /* likewise, and a job id can be read: rejected too */
	SENT_UNTAKEN,      /* a good job, but no broker takes what follows from it: dead-lettered unread */
};

struct sent {
	enum sent_kind kind;
	int package, version;
	bool update, content, other_content, all;
	unsigned targets;  /* bits; 0: none given */
	char job_id[32];   /* "": none */
	char *key, *value; /* NULL: absent */
	struct sent *next;
};

struct workload_plan {
	bool far_deadlines;
	int packages, versions, jobs;
	int64_t window_ms;
	unsigned updates, misrouted, bad, duplicates, conflicts, forged; /* percent */
};

void workload_begin(const struct workload_plan *plan); /* sends from now on, within the window */
void workload_burst(int count);                        /* so many more, now */
void workload_sweep(void); /* creates of all that was asked for, so that everything can end well */
void workload_end(void);

/* What was sent and lies there; NULL where somebody else wrote it. */
const struct sent *workload_sent(int32_t partition, int64_t offset);

/* The digest of a version's manifest; other: of the content that it must not get. */
const char *workload_digest(int package, int version, bool other);

extern const char workload_catalogue[];

#endif
