#ifndef AUDITOR_VERIFY_ROOM_H
#define AUDITOR_VERIFY_ROOM_H

#include "auditor/verify/fingerprint.h"
#include "auditor/verify/verify.h"
#include "base/digest.h"
#include "schemas/status.h"

/* Internal to verify*.c: what is remembered, and what the parts ask of each other. In entries of tables the
 * first member is the fingerprint that they are found by. A place is where a record lies: the lane is known
 * where it is used, its partition is the table entry's. */

struct staged { /* by the event's id */
	uint64_t id, copy;
	uint64_t dp_id, digest;
	int64_t offset;
	int32_t partition;
};

struct claim { /* a job that may be what a copy was staged for */
	uint64_t job;
	uint32_t next; /* in verify.claims, 1-based; 0: none */
};

struct copy { /* by (package, version, distribution point) */
	uint64_t key;
	uint64_t staged; /* id of the newest staged event; 0: none */
	uint64_t cause;  /* the job that it was staged for */
	uint32_t claims; /* first of the jobs that wanted it since; in verify.claims */
	uint32_t count;  /* staged events */
	bool settled;    /* its last status word was staged or updated: a job that comes now arms nothing */
};

struct version { /* by (package, version) */
	uint64_t key, digest;
	bool from_job; /* an accepted job brought the digest; else its first staged event said it … */
	int64_t offset, time_ms; /* … which lies here; offset -1: it was reported. Else the job */
};

struct release { /* by its id; kept while it is its pointer's newest, or may still be seen current */
	uint64_t id, copy, pointer, job, job_id, staged, dp_id, digest;
	uint64_t older; /* the release before it on its pointer; 0: none, or forgotten */
	int64_t offset;
	int32_t partition;
};

struct pointer { /* by (package, distribution point) */
	uint64_t key;
	uint64_t newest;         /* release */
	int64_t newest_job;      /* where the job of the newest release was applied */
	uint64_t version, dp_id; /* of the last updated; 0: none yet */
	int64_t release, staged; /* offsets that it rests on */
	uint64_t held_up;        /* the look at orphans in which one of it was found to wait */
	uint32_t orphans;        /* of it */
};

enum part_state {
	PART_TARGET = 1, /* its acceptance named it */
	PART_RELEASED = 2,
	PART_WITHHELD = 4,
	PART_REFUSED = 8, /* released without a staged event: the updater fails it */
	PART_UPDATED = 16,
	PART_ENDED = 32, /* its job's end has an outcome for it */
};
struct part { /* of a job: one distribution point */
	uint64_t copy, pointer;
	int64_t offset, time_ms;          /* of its release or withheld */
	uint8_t state, withheld, outcome; /* enum job_state */
};

enum job_mark {
	JOB_SEEN = 1, /* its record */
	JOB_WAS_ACCEPTED = 2,
	JOB_WAS_REJECTED = 4,
	JOB_WAS_DUPLICATE = 8,
	JOB_WAS_REROUTED = 16,
	JOB_WAS_BURIED = 32, /* a dead letter */
	JOB_HAS_ENDED = 64,
	JOB_IS_CREATE = 128,
	JOB_KNOWS_TARGETS = 256,
	JOB_GATE_ALL = 1024,
	JOB_IS_UNREADABLE = 2048,
	JOB_IS_LATE = 512, /* something of it lies behind the end: what is missing is in flight */
};
enum {
	JOB_ANSWERS =
	        JOB_WAS_ACCEPTED | JOB_WAS_REJECTED | JOB_WAS_DUPLICATE | JOB_WAS_REROUTED | JOB_WAS_BURIED
};
struct claimed { /* a staged event that cites a job which is not known to want it yet */
	uint64_t copy, version;
	int64_t offset, time_ms;
};
struct tracked {                  /* a job: from the first that is heard of it until nothing more is due */
	struct position position; /* where it was applied */
	unsigned marks;
	uint64_t payload;              /* of its record; 0: not seen */
	uint64_t content;              /* digest of what it brings; 0: not known, or it brings nothing */
	uint64_t package;              /* of what it was accepted for */
	int64_t accepted, accepted_ms; /* where in status, and when */
	uint64_t id, version; /* of its record, or of what spoke of it first; version: (package, version) */
	uint32_t targets;     /* 0: not known */
	uint32_t resolved;    /* parts released, withheld or refused */
	struct part *parts;
	uint32_t part_count, part_capacity;
	struct claimed *claimed;
	uint32_t claimed_count;
	enum log_topic topic;     /* what is reported where something is missing: */
	struct position reported; /* its record, or what spoke of it first */
	int64_t time_ms;
	int64_t end, end_time_ms; /* its end's offset in status */
};
struct job_entry {
	uint64_t key;
	struct tracked *job;
};

/* The last accepted jobs of a package of which nothing more is due: as many as the stager remembers, and as
 * many again, since it may take them for ended in another order. */
enum { PAST_MAX = 512 };
struct past { /* by package */
	uint64_t key;
	uint64_t *jobs;    /* their ids and where they were applied, see past_print(); a ring */
	uint32_t capacity; /* of it; doubles up to PAST_MAX */
	uint32_t count;    /* all that there ever were */
};

struct orphan {           /* an updated record whose evidence has not come yet */
	uint64_t awaited; /* id of a release or a staged event */
	uint64_t release, staged, copy, pointer, dp_id, digest, job_id;
	uint64_t version, previous; /* names alone; previous 0: none */
	struct position release_position, staged_position, position;
	int64_t time_ms;
};

/* What is remembered of one partition. What records cite lies on their own partition, and while one partition
 * is read, its shelf is what the caches hold. */
struct shelf {
	struct fingerprints staged, copies, versions, releases, pointers, pasts;
};

enum { BURIED_MAX = 32768, RECENT_MAX = 32768 };
struct buried { /* a job that went to the dead letters, or was rejected and so may have */
	uint64_t job, payload;
	bool rejected, has_letter;
};
struct verify {
	struct verify_spec spec;
	struct fingerprint_key key;
	struct fact_reader *names;    /* for fact_next() */
	struct shelf *shelves, *here; /* by partition; that of what is being judged */
	struct fingerprints jobs;
	struct fingerprints ids; /* those in recent */
	uint64_t *recent;        /* ids of held and point statuses; a ring */
	size_t recent_at;
	struct claim *claims;
	uint32_t claim_count, claim_capacity, claim_free; /* free ones are linked by next */
	struct orphan *orphans;
	size_t orphan_count, orphan_capacity;
	uint64_t looks;                               /* at them */
	int64_t *lane_begins, *lane_next, *lane_ends; /* by topic and partition */
	int64_t *answered, *consumed; /* by partition: the last job answered; how far the updater is known to
	                                 have read staged */
	struct verify_counts counts;
	uint64_t key_seen; /* whose partition was looked up last */
	int32_t key_partition;
	struct fingerprints buried; /* those in buried_order */
	uint64_t *buried_order;     /* the last ones; a ring */
	size_t buried_at;
	bool (*is_open)(void *context, enum log_topic topic, int32_t partition);
	void *is_open_context;
};

/* verify.c */
void violate(struct verify *verify, enum violation_code code, const struct fact *fact, const char *format,
        ...) printf_like(4, 5);
void violate_at(struct verify *verify, enum violation_code code, enum log_topic topic,
        struct position position, int64_t time_ms, const char *format, ...) printf_like(6, 7);
uint64_t job_key(const struct verify *verify, struct position position);
/* NULL where the position is of no partition that there is: records say what they like */
int64_t *in_partition(const struct verify *verify, int64_t *by_partition, struct position position);
uint64_t print_of(const struct verify *verify, struct view text);
uint64_t copy_key(const struct verify *verify, const struct fact *fact, struct view point);
uint64_t pointer_key(const struct verify *verify, const struct fact *fact, struct view point);
bool lane_has_passed(const struct verify *verify, enum log_topic topic, struct position position);
bool lies_before_log(const struct verify *verify, enum log_topic topic, struct position position);
bool is_behind_end(const struct verify *verify, enum log_topic topic, struct position position);
bool log_is_cut(
        const struct verify *verify, enum log_topic topic, int32_t partition); /* its beginning is gone */
bool lane_is_open(const struct verify *verify, enum log_topic topic, int32_t partition);
/* A view as an argument pair of "%.*s", cut. */
#define SHOWN(view) (int)((view).len < 100 ? (view).len : 100), (view).data ? (view).data : ""

/* verify_ids.c: whether the id is the one that the product derives */
bool id_is_staged(const struct fact *fact, uint32_t count);
bool id_is_decision(const struct fact *fact); /* release, withheld */
bool id_is_updated(const struct fact *fact);
bool id_is_answer(const struct fact *fact, const char *kind); /* accepted, rejected, duplicate */
bool id_is_end(const struct fact *fact);

/* verify_staged.c */
void apply_staged(struct verify *verify, const struct fact *fact);
void apply_decision(struct verify *verify, const struct fact *fact); /* release, withheld */
/* The job may become what the copy is staged for. */
void copy_claim(struct verify *verify, uint64_t copy, uint64_t job);

/* verify_versions.c */
uint64_t content_print(const struct verify *verify,
        const struct fact *fact); /* of a job's; 0: none, or none that can be read */
/* The job is accepted and its record is known: what it brings is its version's content from now on. */
void version_learn(struct verify *verify, const struct tracked *job);
/* Whether the staged event has its version's content. */
bool version_agrees(struct verify *verify, const struct fact *fact, uint64_t version);

/* verify_past.c */
void past_add(struct verify *verify, const struct tracked *job);
void past_free(struct shelf *shelf);
/* Whether the original that a duplicate cites was accepted, under its id. */
void check_original(struct verify *verify, const struct fact *fact);

/* verify_updated.c */
void apply_updated(struct verify *verify, const struct fact *fact);
void orphans_look(
        struct verify *verify, bool all); /* judges those whose evidence has come, or cannot any more */

/* verify_jobs.c */
struct tracked *tracked_find(const struct verify *verify, uint64_t key);
struct tracked *tracked_need(
        struct verify *verify, uint64_t key, const struct fact *fact); /* that speaks of it */
struct part *part_find(const struct tracked *job, uint64_t copy);
struct part *part_need(struct tracked *job, uint64_t copy);
bool tracked_wants(const struct tracked *job, uint64_t copy, uint64_t version);
void tracked_settle(struct verify *verify, uint64_t key); /* forgets it where nothing more is due */
void tracked_free(struct tracked *job);
void apply_job(struct verify *verify, const struct fact *fact);
void apply_dead_letter(struct verify *verify, const struct fact *fact);
void apply_answer(struct verify *verify, const struct fact *fact); /* accepted, rejected, duplicate */

/* verify_ends.c */
void apply_held(struct verify *verify, const struct fact *fact);
void apply_end(struct verify *verify, const struct fact *fact);
void apply_point(struct verify *verify, const struct fact *fact);
/* Of a part whose job has ended: whether its outcome is what its release or withheld allow. */
bool part_contradicts(const struct part *part);
bool part_is_due(const struct verify *verify, const struct tracked *job, const struct part *part);

/* verify_judge.c: what is missing of a job, and, where say is set, reported; returns how much */
unsigned tracked_judge(struct verify *verify, const struct tracked *job, bool say);

#endif
