#ifndef ENGINE_KAFKA_PROCESS_H
#define ENGINE_KAFKA_PROCESS_H

#include "base/error.h"
#include "engine/kafka.h"
#include "engine/worker.h"

#include <stdbool.h>
#include <stdint.h>

/* The Kafka side of a process: what its shards share, and how worker.c makes and ends a shard's struct kafka.
 * No librdkafka here. */
struct process;

struct process_limits {
	int transactions; /* under way at a time, of all shards */
	int64_t idle_ms;  /* without a record: then a shard gives up its own reader; 0: 5,000 */
};

/* Looks at the topics first, for at most timeout_ms: they must all be there, usable, and have the same
 * partition count. STATUS_RETRY: no broker answered, try again. */
must_check enum status process_open(const struct options *options, const struct worker_spec *spec,
        const char *instance, const struct process_limits *limits, int64_t timeout_ms,
        struct process **ret_process, struct error *err);
void process_close(struct process *process); /* after its group and shards; NULL is fine */
int32_t process_partitions(const struct process *process);

/* Any thread: one record of spec->tell, outside transactions. Dropped where the queue is full. */
void process_tell(struct process *process, struct view key, struct view value);

/* One shard's Kafka. The fds are shard_completions_fd() and shard_control_fd(). */
struct kafka *kafka_open(struct process *process, int32_t partition);
void kafka_attach(struct kafka *kafka, int completions_fd, int control_fd);
void kafka_end(struct kafka *kafka);   /* any thread: calls that would wait for long answer ENDED */
void kafka_close(struct kafka *kafka); /* after the shard's thread; NULL is fine */
int64_t kafka_noted_position(const struct kafka *kafka); /* any thread; -1: none yet */

/* ---- the group: who should try which shard. All of it for the main thread, but group_confirms().
 *
 * A rebalance comes as an event and is answered when the shards are ready for it; the group waits. */
enum group_event { GROUP_NOTHING, GROUP_ASSIGNED, GROUP_REVOKED, GROUP_FAILED };

must_check enum status group_join(struct process *process, struct error *err);
/* Serves the group for up to timeout_ms, or until other_fd is readable. GROUP_FAILED: it can't be a member;
 * err says why. */
enum group_event group_poll(struct process *process, int timeout_ms, int other_fd, struct error *err);
bool group_is_given(const struct process *process, int32_t partition); /* by the last event; any thread */
void group_answer(struct process *process);                            /* to the last ASSIGNED or REVOKED */
bool group_has_joined(const struct process *process); /* what it gave last was not taken back; any thread */
/* For lag tools: sends the positions (−1: none), without waiting, or at the end with. */
void group_send_positions(struct process *process, const int64_t *positions, bool wait);
void group_leave(struct process *process); /* a static member stays known until its session ends */

/* Any thread: whether the group's coordinator takes a commit of ours for this partition, which it gave us. */
bool group_confirms(struct process *process, int32_t partition, int64_t position, int64_t timeout_ms);

#endif
