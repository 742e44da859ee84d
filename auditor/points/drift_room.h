#ifndef AUDITOR_DRIFT_ROOM_H
#define AUDITOR_DRIFT_ROOM_H

#include "auditor/points/drift.h"

#include "base/queue.h"
#include "base/table.h"
#include "distribution/distribution.h"
#include "schemas/current.h"

/* Internal to drift*.c. A look is one inspection: what is looked at, and, once it is answered, what was seen,
 * copied in the room's I/O thread. drift_look.c carries them out, drift_judge.c compares them with what is
 * expected, drift.c says which to take and when to take them again. */
struct drift_point { /* a distribution point; its name first, see table.h */
	const char *name;
	bool known, can_list; /* known: it said who it is */
	char dp_id[DP_ID_SIZE];
	char **replaces;
	size_t replaces_count;
	bool down; /* nothing of it is looked at any more, because: */
	enum drift_code why;
	char *words;
	struct position place; /* the record that says otherwise; offset -1: none */
	enum log_topic topic;
	uint64_t passed_by; /* looks that were not taken for that */
};

struct drift_file { /* one that is not as sealed */
	char *path, *words;
	enum drift_code code;
};

enum { LOOK_FILES_MAX = 100 };
struct look {
	struct queue_item item; /* first */
	struct look *next;      /* to be taken */
	struct drift *drift;
	struct drift_point *point;
	enum inspect_wish wish;
	char *package, *version;
	bool uncalled; /* the log knows of no pointer there: is there one? */
	bool told;     /* it has found something */
	char wanted_digest[DIGEST_SIZE];

	/* what was seen */
	enum status status;
	struct error err;
	bool found, can_list;
	char *dp_id, **names, *link, digest[DIGEST_SIZE]; /* names: also those it replaces */
	size_t name_count;
	char *seen_version, *seen_release, *seen_digest; /* of the pointer; NULL: none, or it is none */
	uint64_t files, bytes;
	struct drift_file *differing;
	size_t differing_count, differing_more;
};

struct told { /* a finding, kept until it is certain; its texts are its own */
	struct drift_finding finding;
	struct look *again; /* to be taken once more for it; the first of a look's findings has it */
};

struct drift {
	struct drift_spec spec;
	struct expected *expected;
	struct distribution *distribution;
	struct queue *answers;
	struct table points;                                       /* struct drift_point by name */
	struct look *first, **last;                                /* to be taken */
	size_t next_pointer, pointer_count, next_copy, copy_count; /* rows are made looks one by one */
	size_t waiting, under_way, taken;
	bool again; /* not the first round: nothing is counted twice */
	struct told *told;
	size_t told_count, told_capacity;
	struct drift_counts counts;
};

/* drift_look.c */
struct look *look_new(struct drift *drift, struct drift_point *point, enum inspect_wish wish,
        const char *package, const char *version);
void look_free(struct look *look);                /* NULL is fine */
struct look *look_again(const struct look *look); /* the same, not taken yet */
void looks_add(struct drift *drift, struct look *look);
void looks_add_names(struct drift *drift, struct drift_point *point, const char *package);
void looks_take(struct drift *drift); /* all, and those that are added meanwhile; judges each */

/* drift_judge.c */
void look_judge(struct drift *drift, struct look *look);

/* drift.c */
struct look *look_next_row(struct drift *drift); /* NULL: there is none left */
/* Keeps a finding; look NULL: it is certain already. */
void drift_tell(struct drift *drift, struct look *look, const struct drift_finding *finding,
        const char *format, ...) printf_like(4, 5);

#endif
