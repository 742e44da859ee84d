#ifndef ENGINE_WORKER_H
#define ENGINE_WORKER_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/position.h"
#include "engine/effects.h"
#include "engine/options.h"
#include "engine/outbox.h"

#include <stdbool.h>
#include <stdint.h>

/* What a process declares; the engine runs it. Read this first.
 *
 * The engine is a keyed exactly-once worker: it reads an input topic, keeps a state per key, and for each
 * event calls apply(), a pure function that changes the state and says in an outbox which rows changed and
 * which records go out. A batch of events is one Kafka transaction. Work in the world (effects) is derived
 * from states after the commit that called for it, runs elsewhere, and comes back as one more event.
 *
 * A *shard* is one partition of the input: one thread, one transactional producer, its states, its changelog
 * partition. States, and all machine functions, are only ever used in their shard's thread. */

enum event_kind {
	EVENT_RECORD,     /* a record of the input topic */
	EVENT_COMPLETION, /* an effect ended */
	EVENT_TICK,       /* wake_at has come */
	EVENT_NOTICE,     /* worker_notice(): given to every state, and to each shard again after a restore */
};

/* A record of the input topic. Views are valid during the call. */
struct record {
	struct position position; /* where it was read */
	struct position
	        origin;  /* where it was first submitted: differs from position where it was re-routed */
	int64_t time_ms; /* the log's time stamp */
	struct view key, value;  /* absent (data NULL): null key, tombstone */
	struct view traceparent; /* of W3C's form; absent where it has none */
	bool structured;         /* content-type says a structured-mode CloudEvent */
	uint64_t input_headers;  /* the engine's */
};

struct event {
	enum event_kind kind;
	struct view key;             /* of the state */
	const struct record *record; /* RECORD */
	struct view tag;             /* COMPLETION: the effect's; NOTICE: its name */
	size_t waiting; /* how much waits in all states of the shard, before this event: see machine.waiting
	                 */
	const void *result; /* COMPLETION: what the effector delivered; NOTICE: a const struct view *, the
	                       bytes that worker_notice() was given */
};

/* How much of a state waits for something, and since when (log time; INT64_MAX: nothing waits). */
struct waiting {
	uint32_t count;
	int64_t since_ms;
};

/* Where a state writes its rows: each into name and value, which are empty and the writer's own, and then
 * says so. */
struct row_writer {
	struct buffer name, value;
	void (*take)(struct row_writer *writer); /* looks at name and value, and whether one became full */
};

static inline void row_written(struct row_writer *writer)
{
	writer->take(writer);
	buffer_clear(&writer->name);
	buffer_clear(&writer->value);
}

/* The pure side: one state per key. */
struct machine {
	void *(*state_new)(void *shell, struct view key);
	void (*state_free)(void *state);
	/* One row as last written; rows arrive in any order. A newer schema or a row it cannot read is
	 * STATUS_FATAL: the shard is refused with these words. */
	enum status (*state_load)(void *state, struct view row, struct view value, struct error *err);
	/* Writes all rows that would be loaded, so that the state may be kept as their bytes until its next
	 * event; false: it is not to be put away now. NULL: it never is. */
	bool (*state_save)(const void *state, struct row_writer *out);
	bool (*state_is_empty)(const void *state); /* nothing left to remember: it may be freed */
	/* Changes the state, and says all that follows in out: every changed row, so that loading the rows
	 * gives an equal state. Cannot fail: a bad record is a decision too. state is NULL for a record whose
	 * key cannot be a state's (null, empty, over 200 bytes, with '/' or a leading '@'): it must be
	 * dead-lettered. now_ms: log time, never runs back within a shard's claim. */
	void (*apply)(
	        void *shell, void *state, const struct event *event, int64_t now_ms, struct outbox *out);
	void (*effects)(const void *state, struct effects *effects);
	int64_t (*wake_at)(const void *state); /* log time at which it wants EVENT_TICK; INT64_MAX: never */
	/* The engine keeps the sum of counts and the oldest since over all states of a shard: for those who
	 * watch, and for bounds over all keys. NULL: nothing ever waits. */
	struct waiting (*waiting)(const void *state);
};

/* Delivered exactly once per started effect, from any thread; afterwards the token is gone. free_result (may
 * be NULL) is called with result once nobody needs it. */
struct completion;
void completion_deliver(struct completion *token, void *result, void (*free_result)(void *result));

struct claim {
	int32_t partition;
	char nonce[33];  /* of this claim: unique for ever */
	char log_id[64]; /* the input log's identity: positions compare only within one */
};

enum effect_start {
	EFFECT_STARTED,
	EFFECT_NEEDS_RECORD, /* *ret_offset: call again with that record of the input partition */
};

struct effect_context {
	struct view key, tag;
	const struct claim *claim;
	const struct record *record; /* the one that was asked for */
	bool record_gone;            /* it was asked for, but the log no longer has it */
	struct completion *token;    /* taken over by EFFECT_STARTED */
};

/* The side that acts. start() must not block; state is what the effect was derived from. *ret_effect is what
 * cancel() gets; cancel is a wish, the completion still comes. */
struct effector {
	enum effect_start (*start)(void *shell, const void *state, const struct effect_context *context,
	        uint64_t *ret_effect, int64_t *ret_offset);
	void (*cancel)(void *shell, uint64_t effect);
	/* Whether the place behind this lane refuses, by itself, work that a later owner has overtaken: then
	 * what is wanted early may start early. NULL: nowhere. */
	bool (*refuses_stale)(void *shell, struct view lane);
};

enum { WORKER_OUTPUTS_MAX = OUTBOX_OUTPUTS };

struct worker;

struct worker_spec {
	const char *role;  /* group and transactional ids begin with prefix + role */
	const char *input; /* topic names without prefix */
	const char *changelog;
	const char *outputs[WORKER_OUTPUTS_MAX]; /* outbox_record()'s numbers; NULL-terminated */
	const char *dead_letters;
	bool guarded;     /* the input is not this role's to write: strays are dead letters */
	const char *tell; /* non-transactional topic of worker_tell(), or NULL */
	const struct option_spec *options;  /* the process's own, after the common ones */
	const char *summary;                /* for --help */
	const char *waiting, *waiting_help; /* what machine.waiting counts, in metrics' names: "held_jobs" */

	struct machine machine;
	struct effector effector;

	/* The shell: what all shards of the process share (it must be safe for that). open may log;
	 * STATUS_REJECT ends the process with exit code 2, others with 1. close comes after every completion
	 * has been delivered or dropped. */
	enum status (*open)(
	        struct worker *worker, const struct options *options, void **ret_shell, struct error *err);
	void (*close)(void *shell);
	/* SIGHUP; main thread. Reads again what may change while it runs, and says in ret_what what that is
	 * now; where it fails, all stays as it was. */
	enum status (*reload)(void *shell, struct buffer *ret_what, struct error *err);
	/* Rows "role-specific" for /metrics: appended as Prometheus text; NULL: none. Any thread. */
	void (*metrics)(void *shell, struct buffer *out);
};

/* The main function of a worker: options, group membership, shards, signals, drain. Returns the exit code. */
int worker_main(const struct worker_spec *spec, int argc, char **argv);

/* From any thread. A notice is applied to every state as EVENT_NOTICE, and again to every shard that restores
 * later; a newer notice of the same name replaces the older. Bytes are copied. */
void worker_notice(struct worker *worker, const char *name, struct view notice);

/* From any thread: one record for eyes only, outside all transactions; dropped where the queue is full. */
void worker_tell(struct worker *worker, struct view key, struct view value);

#endif
