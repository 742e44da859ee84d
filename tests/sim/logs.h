#ifndef SIM_LOGS_H
#define SIM_LOGS_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

/* Kafka's logs as far as they matter: partitions of records with transactions that are open, committed or
 * aborted, markers that take offsets of their own, producer epochs that fence, and compaction that leaves
 * gaps. */

enum log_topic {
	LOG_JOBS,
	LOG_STAGED,
	LOG_UPDATED,
	LOG_STATUS,
	LOG_DLQ,
	LOG_STAGER_STATE,
	LOG_UPDATER_STATE,
	LOG_TOPICS
};
const char *log_name(enum log_topic topic); /* without the prefix */
enum log_topic log_named(const char *name);

enum log_state { LOG_OPEN, LOG_COMMITTED, LOG_ABORTED, LOG_MARKER, LOG_COMPACTED };

struct log_header {
	char *name, *value;
};

struct log_record {
	struct view key, value; /* in bytes; data NULL: absent */
	char *bytes;            /* owned */
	int64_t time_ms;
	int producer; /* -1: none, not transactional */
	enum log_state state;
	size_t header_count;
	struct log_header headers[8]; /* last: those that are not there are not cleared */
};

void logs_begin(void);
void logs_end(void);

int64_t log_start(enum log_topic topic, int32_t partition); /* first offset that is still there */
int64_t log_end(enum log_topic topic, int32_t partition);
int64_t log_stable_end(
        enum log_topic topic, int32_t partition); /* last stable offset: what read_committed sees */
const struct log_record *log_at(enum log_topic topic, int32_t partition, int64_t offset);
/* Committed records from *offset on, below the stable end; moves *offset behind the one found. NULL: none. */
const struct log_record *log_next_committed(
        enum log_topic topic, int32_t partition, int64_t *offset, int64_t *ret_at);

int64_t log_append(enum log_topic topic, int32_t partition, int producer, struct view key, struct view value);
void log_add_header(
        enum log_topic topic, int32_t partition, int64_t offset, const char *name, struct view value);

/* Transactional producers, by number. A new epoch aborts what the former left open. */
int log_producer(bool updater, int32_t partition);
uint64_t log_new_epoch(int producer);
bool log_epoch_is_live(int producer, uint64_t epoch);
bool log_end_transaction(int producer, bool commit); /* false: nothing was open */
uint64_t log_transactions(void);                     /* how many have ended */

/* Keeps only the newest committed record of each key below the first open one, tombstones included. */
void log_compact(enum log_topic topic, int32_t partition);

/* What befalls a topic: its first records are deleted, its last ones lost, or it is made anew, empty. What
 * somebody has just read of them stays valid. */
void log_shorten(enum log_topic topic, int32_t partition, int64_t end);
void log_truncate(enum log_topic topic, int32_t partition, int64_t first_left);
void log_recreate(enum log_topic topic, int32_t partition);

#endif
