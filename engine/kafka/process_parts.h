#ifndef ENGINE_KAFKA_PROCESS_PARTS_H
#define ENGINE_KAFKA_PROCESS_PARTS_H

#include "engine/kafka/internal.h"
#include "engine/kafka/permits.h"
#include "engine/kafka/process.h"

#include <stdatomic.h>

/* The inside of a process's and a shard's Kafka side. */

enum { SESSION_MS = 6000, TRANSACTION_MS = 15000, COMMIT_MS = 20000, CALL_MS = 5000 };

struct process {
	const struct options *options;
	const struct worker_spec *spec;
	const char *instance; /* NULL: a dynamic member */
	struct process_limits limits;
	int32_t partitions;
	struct chatter *chatter;
	struct permits *permits;
	char *input, *changelog, *dead_letters, *outputs[WORKER_OUTPUTS_MAX];

	rd_kafka_t *group;
	int group_fd;                           /* readable once something of the group is to be served */
	rd_kafka_topic_partition_list_t *given; /* by the event to be answered */
	enum group_event event;
	bool leaving;
	struct error failure;
	atomic_bool joined, *is_given; /* per partition */

	rd_kafka_t *teller;
	rd_kafka_topic_t *tell;

	struct reader common;   /* whose handle reads for all shards that are idle */
	atomic_bool *is_shared; /* per partition: a shard reads it through that */
};

enum { LANE_BATCH = 256 };

/* Messages for one partition of one topic, on their way to the producer. */
struct lane {
	rd_kafka_topic_t *topic; /* NULL: there is none */
	size_t count;
	rd_kafka_message_t batch[LANE_BATCH];
};

struct kafka {
	struct process *process;
	int32_t partition;
	int completions_fd, control_fd;
	atomic_bool ended;
	int ended_fd; /* readable once told to end */
	atomic_llong position;

	/* transaction.c */
	rd_kafka_t *producer;                        /* NULL between a loss and the next claim */
	uint64_t permit;                             /* to commit; 0: none is held */
	int64_t delivered_offset, delivered_time_ms; /* of the message delivered last */
	rd_kafka_resp_err_t refused;                 /* the first delivery that failed */
	const char *refused_topic;

	/* input.c */
	struct reader input;
	int input_fd;
	bool input_pending; /* messages may be there without input_fd saying so */

	/* sharing.c */
	struct reader heir;                 /* of input: once it has begun to read */
	int64_t read_ms;                    /* when the last record came */
	int64_t second_ms, bytes_in_second; /* what came since then */

	/* input.c */
	int64_t next; /* offset to go on at */
	rd_kafka_message_t **batch;
	size_t batch_count, batch_capacity;

	/* recall.c */
	struct reader recall;
	int64_t recalled_ms;
	struct buffer recalled;

	struct lane lanes[OUTBOX_LANES]; /* transaction.c */
};

/* Whether the group can be joined with these options. */
must_check enum status group_check(const struct process *process, struct error *err);

bool kafka_is_ended(const struct kafka *kafka);
/* Sleeps unless told to end. */
void kafka_sleep(struct kafka *kafka, int64_t ms);
/* Sleeps longer at each try (0 …), by chance a little more or less. */
void kafka_back_off(struct kafka *kafka, int try);

void transaction_close(struct kafka *kafka); /* the producer; what it held is aborted by the next claim */
void input_close(struct kafka *kafka);
/* What a reader of the input that was just started gives first: a record, an end, an error of the partition.
 */
must_check enum outcome input_first_message(
        struct kafka *kafka, struct reader *reader, rd_kafka_message_t **ret_message, struct error *err);
/* An idle shard's reader gives way to one on the process's handle, a busy one's comes back: sharing.c. */
void sharing_begin(struct kafka *kafka); /* with input newly opened, a reader of its own */
void sharing_join_when_idle(struct kafka *kafka);
bool sharing_is_too_busy(const struct kafka *kafka); /* to go on with it */
size_t sharing_take(struct kafka *kafka, rd_kafka_message_t **messages, size_t most);
void sharing_close(struct kafka *kafka); /* whatever reads the input */
void recall_close(struct kafka *kafka);
void recall_close_idle(struct kafka *kafka);

/* A record's fields of a message; views look into the message. */
void record_of(const rd_kafka_message_t *message, struct record *ret_record);

#endif
