#ifndef ENGINE_KAFKA_H
#define ENGINE_KAFKA_H

#include "engine/worker.h"

/* The seam: one shard's Kafka, in blocking calls used by its thread alone. Production is engine/kafka/, the
 * simulator links its own; one contract suite runs on both. Every call is bounded in time, and answers:
 *
 *   OK       done
 *   LOST     the shard may no longer be ours, or nobody knows whether a transaction went through: forget the
 *            state, claim again (if the group still gives it to us)
 *   ENDED    the shard was told to end: stop
 *   REFUSED  it must not be run as things are; err says why and what to do
 *
 * A LOST from kafka_commit() whose err has STATUS_REJECT says that the messages themselves were refused (too
 * large for the topic, an invalid record): it will happen again, so the shard looks for the record that
 * causes it. Every other status (a fence, a time-out, an abort by the coordinator) is nobody's fault.
 *
 * Being told to end cuts short what may wait long (claim, restore, still_ours); a commit still commits and
 * kafka_wait() still waits, since the shard drains before it ends. */
enum outcome { OUTCOME_OK, OUTCOME_LOST, OUTCOME_ENDED, OUTCOME_REFUSED };

struct kafka;

/* Fences every earlier owner and aborts what it left open (init_transactions), then commits one row @claim
 * with a fresh nonce to the changelog. The producer is made anew at each claim. ret_time_ms is the log's time
 * of the claim, the base of the shard's clock; ret_offset where @claim lies. Fills claim->nonce. Retries what
 * can be retried until told to end. */
must_check enum outcome kafka_claim(struct kafka *kafka, struct claim *claim, int64_t *ret_offset,
        int64_t *ret_time_ms, struct error *err);

/* Reads the changelog, read_committed, from its start until the claim at claim_offset comes by, giving every
 * row in order (the engine's own "@…" too). LOST where the partition ends, or goes on beyond claim_offset,
 * without it. REFUSED where there is no "@genesis" row, or row() said so. */
must_check enum outcome kafka_restore(struct kafka *kafka, struct claim *claim, int64_t claim_offset,
        enum status (*row)(struct view key, struct view value, void *context, struct error *err),
        void *context, struct error *err);

/* Opens the input at offset (-1: the log's start). REFUSED where offset lies before the log's start or past
 * its end. last: fingerprint of the record at last_offset, the one before offset (control records may lie
 * between), as kafka_fingerprint() gave it; absent and -1 where there was none. Where that record is still
 * there and differs the log was re-created: REFUSED. */
must_check enum outcome kafka_open_input(
        struct kafka *kafka, int64_t offset, int64_t last_offset, struct view last, struct error *err);
enum { FINGERPRINT_SIZE = 33 };
void kafka_fingerprint(const struct record *record, char text[FINGERPRINT_SIZE]);

enum { WAIT_INPUT = 1, WAIT_COMPLETIONS = 2, WAIT_CONTROL = 4 };
/* Sleeps until input, a completion or a control message may be there, or timeout_ms passes. The only place
 * where a shard sleeps. paused: do not wake for input. Returns a set of WAIT_…, 0 at time-out. */
int kafka_wait(struct kafka *kafka, int64_t timeout_ms, bool paused);

/* Takes up to most records that are here, in order, without blocking; *ret_next is the offset to go on at,
 * which also moves over the log's own control records. Records are valid until the next kafka_read(),
 * whatever else is called between. LOST on errors that a re-open may mend (after back-off). */
must_check enum outcome kafka_read(struct kafka *kafka, struct record *records, size_t most,
        size_t *ret_count, int64_t *ret_next, struct error *err);

/* One record of the input partition again. *ret_found false: the log no longer has it. Valid until the next
 * recall. */
must_check enum outcome kafka_recall(
        struct kafka *kafka, int64_t offset, struct record *ret_record, bool *ret_found, struct error *err);

/* Waits until this shard may commit: a worker has few transactions under way at a time. What comes meanwhile
 * can still be taken in. The next kafka_commit() uses the turn up; where none follows it is passed on. */
void kafka_await_turn(struct kafka *kafka);
void kafka_pass_turn(struct kafka *kafka); /* none held is fine */

/* One transaction of all that outbox holds (at least one message: an empty commit proves nothing). Awaits its
 * turn first where that was not done. OK: all of it is in the log. LOST: none of it, or nobody knows. */
must_check enum outcome kafka_commit(struct kafka *kafka, const struct outbox *outbox, struct error *err);

/* After LOST: waits, with jitter and back-off, until the group confirms (a synchronous, generation-checked
 * commit) that this shard is still given to us. ENDED where told to end meanwhile. */
must_check enum outcome kafka_still_ours(struct kafka *kafka, int64_t position, struct error *err);

/* The offset that lag tools should see; sent lazily, outside transactions, for eyes only. */
void kafka_note_position(struct kafka *kafka, int64_t position);

/* Where the input ends, as far as is known: for eyes only. -1: nothing is known. */
int64_t kafka_input_end(const struct kafka *kafka);

/* The partition that key belongs to, murmur2 over the topic's partition count. */
int32_t kafka_partition_of(const struct kafka *kafka, struct view key);

#endif
