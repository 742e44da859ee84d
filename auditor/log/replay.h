#ifndef AUDITOR_REPLAY_H
#define AUDITOR_REPLAY_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/position.h"
#include "engine/options.h"

#include <stdbool.h>
#include <stdint.h>

/* The log read again: the topics of an installation, read_committed, from Kafka (a production cluster or a
 * mirror) or from a dump of it. Nothing is written or committed anywhere.
 *
 * A *lane* is one partition of one topic. Records of a lane come in its order. Lanes of one partition number
 * (which hold the same packages) are merged by the log's time stamps; these are of brokers' clocks, so a
 * cause may come a little after its effect: who needs causes first waits for them (see verify.h).
 *
 * The end of a replay is what was in the log when it was opened, each topic asked before those that its
 * records cite (updated, status, staged, jobs, dlq last), so that no record cites one beyond the end. */
enum log_topic { LOG_JOBS, LOG_STAGED, LOG_UPDATED, LOG_STATUS, LOG_DLQ };
enum { LOG_TOPICS = 5 };
const char *log_topic_name(enum log_topic topic); /* without prefix */
#define LOG_BIT(topic) (1u << (topic))
#define LOG_ALL ((1u << LOG_TOPICS) - 1)

struct replay_record { /* views are valid until the next call with this replay */
	enum log_topic topic;
	struct position position;
	int64_t time_ms;        /* the log's time stamp */
	struct view key, value; /* absent: null */
};

struct replay_spec {
	unsigned topics;       /* LOG_BIT()s */
	const char *package;   /* only its partition number; NULL: all. Other packages' records come too. */
	int64_t until_time_ms; /* records stamped later are left out; INT64_MAX: none */
	/* Where a lane begins, for those who go on where they were; NULL: at its beginning. */
	int64_t (*first_offset)(void *context, enum log_topic topic, int32_t partition);
	void *context;
	bool follow;        /* go on beyond the end */
	int64_t timeout_ms; /* how long Kafka may take to answer */
	int wait_ms; /* how long it may hold an answer back where nothing is new; 0: 2, with follow 50 */
};

/* The options every reading subcommand takes, beside the common ones: end an array of own ones with them. */
#define REPLAY_OPTIONS                                                                                       \
	{                                                                                                    \
		.name = "dump", .argument = "FILE",                                                          \
		.help = "read a dump, as `kcat -C -J` prints it, instead of a Kafka; - is standard input"    \
	}

struct replay;

/* By --dump or by -b. A dump must have each lane in its order; it ends where it ends. Errors: as client.h; of
 * a dump "dump_unreadable", "dump_invalid" (the message names the line). */
must_check enum status replay_open(const struct options *options, const struct replay_spec *spec,
        struct replay **ret, struct error *err);
void replay_close(struct replay *replay); /* NULL is fine */
int32_t replay_partitions(const struct replay *replay);

/* As client_reader_next(): STATUS_OK and not *ret_found: nothing came in timeout_ms, or the end was passed.
 */
must_check enum status replay_next(struct replay *replay, int64_t timeout_ms,
        struct replay_record *ret_record, bool *ret_found, struct error *err);
bool replay_is_past_end(const struct replay *replay);

/* The next offset to be read of a lane. */
int64_t replay_next_offset(const struct replay *replay, enum log_topic topic, int32_t partition);
/* Where a lane began and ended when it was opened. Of a dump: 0, and behind its last record. */
void replay_lane(const struct replay *replay, enum log_topic topic, int32_t partition, int64_t *ret_begin,
        int64_t *ret_end);
/* Whether more of the lane than was read is written already, in a transaction that is not decided yet. */
bool replay_lane_is_open(const struct replay *replay, enum log_topic topic, int32_t partition);
/* For a meter: how much of what was there at the opening has been read. */
void replay_progress(const struct replay *replay, uint64_t *ret_done, uint64_t *ret_total);

/* Headers of the record last read: by name, or all in order (until false). Of NULL: none. */
struct view replay_header(const struct replay *replay, const char *name);
bool replay_header_at(
        const struct replay *replay, size_t index, struct view *ret_name, struct view *ret_value);

#endif
