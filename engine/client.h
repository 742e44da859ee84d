#ifndef ENGINE_CLIENT_H
#define ENGINE_CLIENT_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/position.h"
#include "engine/options.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Kafka for commands: plain producing and reading, without groups, transactions or shards. For one thread.
 *
 * Topic names are whole (with their prefix). Error codes: "kafka_unreachable" (STATUS_RETRY: no broker
 * answered in time), "topic_missing", "kafka_property" (a -X or -F property is refused), "kafka_denied" (not
 * authorized), "record_too_large", "kafka_error" (anything else; the message says it). Every call that may
 * block takes its bound in milliseconds. */
struct client;

/* Connects to nothing yet. The options must have kafka = true; without -b, localhost:9092 is used. */
must_check enum status client_open(
        const struct options *options, struct client **ret_client, struct error *err);
void client_close(struct client *client); /* drops what was not delivered; its readers first; NULL is fine */

/* For a process of commands: told, once, where a Kafka that is to say what topics there are has been silent
 * for two seconds: its bootstrap servers, and for how long it is asked on. */
typedef void client_silence(const char *brokers, int64_t left_ms);
void client_on_silence(client_silence *tell);

must_check enum status client_partitions(struct client *client, const char *topic, int64_t timeout_ms,
        int32_t *ret_partitions, struct error *err);

struct client_header {
	struct view name, value;
};

/* What became of a record. Called exactly once per accepted record, from client_poll(), client_flush(),
 * client_produce() or client_close(). On success position tells where it lies; else err says why it is not
 * known to be in the log (after a time-out it may still be: its job id makes sending it again harmless). */
typedef void client_delivered(void *context, const struct position *position, const struct error *err);

/* Sends one record, idempotently (acks=all), to the partition that murmur2 gives its key, as Java clients do.
 * key, value and headers are copied. Where the queue is full it waits for room, at most timeout_ms: then
 * STATUS_RETRY. On failure delivered is not called. */
must_check enum status client_produce(struct client *client, const char *topic, struct view key,
        struct view value, const struct client_header *headers, size_t header_count, int64_t timeout_ms,
        client_delivered *delivered, void *context, struct error *err);

/* The same, to a partition of the caller's choice: for what is to lie exactly there. */
must_check enum status client_produce_to(struct client *client, const char *topic, int32_t partition,
        struct view key, struct view value, const struct client_header *headers, size_t header_count,
        int64_t timeout_ms, client_delivered *delivered, void *context, struct error *err);

/* Serves delivery callbacks for up to timeout_ms, returning early after some came. */
void client_poll(struct client *client, int64_t timeout_ms);

/* Waits until every record has been delivered or failed; STATUS_RETRY "kafka_unreachable" where that took
 * longer: those left have not been called back yet. */
must_check enum status client_flush(struct client *client, int64_t timeout_ms, struct error *err);

/* Reading, read_committed, all partitions of some topics, or chosen ones, without a group. */
enum { CLIENT_FROM_BEGINNING = -1, CLIENT_FROM_END = -2 };

struct client_source {
	const char *topic;
	int32_t partition; /* -1: all */
	int64_t offset;    /* first offset wanted, or CLIENT_FROM_… */
};

struct client_record { /* views are valid until the next call with this reader */
	size_t source; /* index of the source it came from */
	const char *topic;
	struct position position;
	int64_t time_ms;        /* the log's time stamp */
	struct view key, value; /* absent: null */
};

struct client_reader;

/* Finds each partition's present start and end before it returns, so whatever is written later to a source
 * that begins at CLIENT_FROM_END is read. */
must_check enum status client_reader_open(struct client *client, const struct client_source *sources,
        size_t source_count, int64_t timeout_ms, struct client_reader **ret_reader, struct error *err);
void client_reader_close(struct client_reader *reader); /* NULL is fine */

/* The next record: of one partition in order, among partitions in any. STATUS_OK with *ret_found false: none
 * came in timeout_ms, or the reader's end was just passed. STATUS_RETRY: brokers are not reachable for now
 * (reading goes on by itself: call again). */
must_check enum status client_reader_next(struct client_reader *reader, int64_t timeout_ms,
        struct client_record *ret_record, bool *ret_found, struct error *err);

/* Whether everything has been read that was there when the reader was opened. */
bool client_reader_is_past_end(const struct client_reader *reader);

/* The header's value of the record last read; absent where it has none of that name. */
struct view client_reader_header(const struct client_reader *reader, const char *name);

#endif
