#ifndef ENGINE_KAFKA_INTERNAL_H
#define ENGINE_KAFKA_INTERNAL_H

#include "base/bytes.h"
#include "base/error.h"
#include "engine/options.h"

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the files of this folder share; the only one that includes rdkafka. */

/* ---- handles: configuration, errors, one way to make and end them (handle.c) */

/* What librdkafka said last, for the words of an error; one for all handles of a client or worker. */
struct chatter;
struct chatter *chatter_new(bool log);      /* log: also write its warnings to the log */
void chatter_free(struct chatter *chatter); /* after its handles */
/* Handles' callbacks get the chatter as their opaque; this is whose it is. */
void chatter_set_owner(struct chatter *chatter, void *owner);
void *chatter_owner(const struct chatter *chatter);

/* -b, -X and -F over defaults of ours: what a handle begins with. Refuses properties that are not the user's
 * to set. quiet: this handle's chatter is kept for errors, but not logged. */
must_check enum status config_new(const struct options *options, struct chatter *chatter, bool quiet,
        rd_kafka_conf_t **ret_config, struct error *err);
/* Ours, over the user's; cannot fail. */
void config_set(rd_kafka_conf_t *config, const char *name, const char *value);
/* Ours unless the user chose another. */
void config_tune(rd_kafka_conf_t *config, const struct options *options, const char *name, const char *value);
void config_tune_if_known(/* by this librdkafka */
        rd_kafka_conf_t *config, const struct options *options, const char *name, const char *value);
must_check enum status config_check(const struct options *options, struct error *err);

/* Takes config, also on failure. */
must_check enum status handle_new(
        rd_kafka_type_t type, rd_kafka_conf_t *config, rd_kafka_t **ret_handle, struct error *err);

/* Fills err from librdkafka's code: code and status say what the caller may do (see client.h), the message
 * what happened to what, with librdkafka's own words behind it. */
enum status handle_fail(rd_kafka_t *handle, rd_kafka_resp_err_t code, struct error *err, const char *format,
        ...) printf_like(4, 5);
bool is_unreachable(rd_kafka_resp_err_t code);

/* rd_kafka_metadata(), of all topics where topic is NULL, that tells of silence: see client_on_silence(). */
rd_kafka_resp_err_t handle_metadata(rd_kafka_t *handle, rd_kafka_topic_t *topic,
        const struct rd_kafka_metadata **ret_metadata, int64_t timeout_ms);

/* The partition count of a topic, asked of the brokers. */
must_check enum status handle_partitions(rd_kafka_t *handle, const char *topic, int64_t timeout_ms,
        int32_t *ret_partitions, struct error *err);

/* fd, an eventfd: readable once something comes to the empty queue. */
void queue_wakes(rd_kafka_queue_t *queue, int fd);

/* Milliseconds until a deadline of clock_monotonic_ms(), never negative, never more than most. */
int until(int64_t deadline_ms, int most);

/* ---- readers: partitions read_committed, no group (reader.c)
 *
 * librdkafka's simple consumer: it joins and asks for no group, so it needs no coordinator, no further
 * connection and no permission on one. */
struct reader {
	const struct reader *host; /* whose handle this is; NULL: its own */
	const atomic_bool *ended;  /* whether nobody waits for it any more; NULL: somebody always does */
	rd_kafka_t *handle;
	rd_kafka_queue_t *queue;
	rd_kafka_topic_t **topics; /* those that were ever started */
	struct started {
		rd_kafka_topic_t *topic;
		int32_t partition;
	} * started;
	size_t topic_count, started_count;
	size_t half_messages, wake_bytes; /* half of what the queue holds: see reader_took() */
	bool was_half_full;               /* since a fetcher was woken */
	size_t taken_bytes;               /* since then */
	size_t nudged;
};

struct reader_bounds { /* what it may hold unread */
	int messages, kbytes;
	int fetch_bytes; /* of one partition at a time; 0: librdkafka's default */
	int wait_ms;     /* of a fetch for something to come, so also for an end to be told; 0: 500 */
};

must_check enum status reader_open(const struct options *options, struct chatter *chatter,
        struct reader_bounds bounds, struct reader *ret_reader, struct error *err);
/* A reader on the handle of another, which outlives it and opens no topic meanwhile. It has a queue of its
 * own, and the host's bounds. A partition may be read by one of them at a time. */
void reader_join(const struct reader *host, struct reader *ret_reader);
must_check enum status reader_know(
        struct reader *reader, const char *topic, struct error *err); /* to guests too */
/* offset: a number, RD_KAFKA_OFFSET_BEGINNING or _END. */
must_check enum status reader_start(
        struct reader *reader, const char *topic, int32_t partition, int64_t offset, struct error *err);
/* The same, into a queue of the caller's, to be destroyed after reader_stop(): reader_took() is to hear of
 * what is taken from it. */
must_check enum status reader_start_into(struct reader *reader, const char *topic, int32_t partition,
        int64_t offset, rd_kafka_queue_t *queue, struct error *err);
/* Messages that are there, or, waiting for timeout_ms, the first to come; each to be destroyed. The end of a
 * partition comes as one with err __PARTITION_EOF. */
size_t reader_take(struct reader *reader, rd_kafka_message_t **messages, size_t most, int timeout_ms);
/* A fetcher that finds the queue full sleeps until its next round, up to a second later, however soon it is
 * emptied (librdkafka up to 2.1). So one is woken each time that half of what the queue holds has been taken:
 * whenever it fell asleep, that is before the rest is used up. Markers of transactions lie in the queue too,
 * so messages can't be counted. The queue's bytes are not told, so what is taken is. */
void reader_took(struct reader *reader, rd_kafka_message_t **messages, size_t count);
/* Wakes a fetcher that may be asleep: a question to a leader, whose answer nobody waits for. */
void reader_nudge(struct reader *reader);
void reader_nudge_of(struct reader *reader, const char *topic, int32_t partition); /* a certain leader */
void reader_stop(struct reader *reader);                                           /* all that was started */
/* The log's first offset and its end, as its leader says. While there is none it asks again, for timeout_ms
 * or until it is ended. */
must_check enum status reader_bounds_of(struct reader *reader, const char *topic, int32_t partition,
        int64_t timeout_ms, int64_t *ret_low, int64_t *ret_high, struct error *err);
void reader_close(struct reader *reader); /* a zeroed one is fine */

struct view message_key(const rd_kafka_message_t *message);
struct view message_value(const rd_kafka_message_t *message);
struct view message_header(const rd_kafka_message_t *message, const char *name); /* the last of that name */
bool message_header_at(
        const rd_kafka_message_t *message, size_t index, struct view *ret_name, struct view *ret_value);

#endif
