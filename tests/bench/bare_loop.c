/* A bare exactly-once loop on librdkafka: consume, produce, commit; nothing is kept. The limit that a worker
 * is compared with. Each thread has its share of the partitions, one consumer, one transactional producer,
 * and its offsets in the transaction.
 *
 *   bench_bare_loop [--threads N] [--parse] BOOTSTRAP IN COUNT LINGER_MS BATCH OUT:SIZE [OUT:SIZE …]
 *
 * For each input record one record of SIZE bytes with its key goes to each OUT, on the input's partition
 * (SIZE 0: the input's own value). --parse: each is parsed as a job first, with the parser that the stager
 * has. Ends after COUNT records (0: on SIGTERM) and prints {"records": …, "seconds": …}, from the first
 * record read to the last commit. */
#include "base/clock.h"
#include "schemas/job.h"

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OUTS_MAX = 8, BATCH_MAX = 20000, THREADS_MAX = 16 };

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
	(void)signal_number;
	stopped = 1;
}

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "bare_loop: %s: %s\n", what, why);
	exit(1);
}

static void require(rd_kafka_error_t *error, const char *what)
{
	if (error)
		fail(what, rd_kafka_error_string(error));
}

/* What is asked for, the same for all threads, and what they did together. */
struct task {
	const char *bootstrap, *in;
	long wanted;
	int linger_ms, threads;
	size_t batch;
	bool parse;
	const char *outs[OUTS_MAX];
	size_t sizes[OUTS_MAX];
	int out_count;
	_Atomic long records;
	_Atomic int64_t first_us;
};

struct loop {
	struct task *task;
	int number;
	pthread_t thread;
	rd_kafka_t *consumer, *producer;
	rd_kafka_queue_t *queue;
	rd_kafka_topic_t *outs[OUTS_MAX];
	rd_kafka_message_t *taken[BATCH_MAX];
	rd_kafka_message_t made[BATCH_MAX];
	rd_kafka_topic_partition_list_t *offsets;
};

static char filler[1 << 20];

/* ---- clients */

static void delivered(rd_kafka_t *producer, const rd_kafka_message_t *message, void *context)
{
	(void)producer, (void)context;
	if (message->err)
		fail("delivery", rd_kafka_err2str(message->err));
}

static rd_kafka_t *open_client(rd_kafka_type_t type, const char *const settings[][2])
{
	char why[512];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();

	for (; (*settings)[0]; settings++)
		if (rd_kafka_conf_set(conf, (*settings)[0], (*settings)[1], why, sizeof(why)) !=
		        RD_KAFKA_CONF_OK)
			fail((*settings)[0], why);
	if (type == RD_KAFKA_PRODUCER)
		rd_kafka_conf_set_dr_msg_cb(conf, delivered);
	rd_kafka_t *client = rd_kafka_new(type, conf, why, sizeof(why));
	if (!client)
		fail("client", why);
	return client;
}

/* Every threads-th partition, from its start. */
static void take_share(struct loop *loop)
{
	const struct task *task = loop->task;
	const struct rd_kafka_metadata *metadata;
	rd_kafka_topic_t *topic = rd_kafka_topic_new(loop->consumer, task->in, NULL);
	rd_kafka_topic_partition_list_t *share = rd_kafka_topic_partition_list_new(16);

	if (rd_kafka_metadata(loop->consumer, 0, topic, &metadata, 10000))
		fail(task->in, "no metadata");
	for (int p = loop->number; p < metadata->topics[0].partition_cnt; p += task->threads)
		rd_kafka_topic_partition_list_add(share, task->in, p)->offset = RD_KAFKA_OFFSET_BEGINNING;
	rd_kafka_metadata_destroy(metadata);
	rd_kafka_topic_destroy(topic);
	rd_kafka_assign(loop->consumer, share);
	rd_kafka_topic_partition_list_destroy(share);
}

static void open_loop(struct loop *loop)
{
	const struct task *task = loop->task;
	char group[128], id[160];

	snprintf(group, sizeof(group), "bare-%s-%ld", task->in, (long)clock_wall_ms());
	snprintf(id, sizeof(id), "%s-%d", group, loop->number);
	/* 2.0.2 backs off for a second where its queue is full: so that is bounded by messages, at little */
	const char *const consumer[][2] = {{"bootstrap.servers", task->bootstrap}, {"group.id", group},
	        {"isolation.level", "read_committed"}, {"enable.auto.commit", "false"},
	        {"enable.auto.offset.store", "false"}, {"queued.min.messages", "30000"},
	        {"queued.max.messages.kbytes", "2000000"}, {"fetch.message.max.bytes", "4000000"},
	        {"fetch.wait.max.ms", "10"}, {NULL, NULL}};
	const char *const producer[][2] = {{"bootstrap.servers", task->bootstrap}, {"transactional.id", id},
	        {"socket.nagle.disable", "true"}, {"retry.backoff.ms", "10"}, {"linger.ms", "5"},
	        {"queue.buffering.max.messages", "1000000"}, {"queue.buffering.max.kbytes", "1000000"},
	        {"batch.num.messages", "100000"}, {"batch.size", "1000000"}, {NULL, NULL}};

	loop->consumer = open_client(RD_KAFKA_CONSUMER, consumer);
	rd_kafka_poll_set_consumer(loop->consumer);
	loop->queue = rd_kafka_queue_get_consumer(loop->consumer);
	loop->producer = open_client(RD_KAFKA_PRODUCER, producer);
	require(rd_kafka_init_transactions(loop->producer, 60000), "init");
	for (int i = 0; i < task->out_count; i++)
		loop->outs[i] = rd_kafka_topic_new(loop->producer, task->outs[i], NULL);
	loop->offsets = rd_kafka_topic_partition_list_new(16);
	take_share(loop);
}

/* ---- the loop */

/* Without copies: what is sent is the filler's or the input's, and both outlive the transaction. */
static void produce(struct loop *loop, int out, size_t count)
{
	size_t size = loop->task->sizes[out], done = 0;

	for (size_t i = 0; i < count; i++) {
		rd_kafka_message_t *message = loop->taken[i];
		loop->made[i] = (rd_kafka_message_t){.payload = size ? filler : message->payload,
		        .len = size ? size : message->len,
		        .key = message->key,
		        .key_len = message->key_len,
		        .partition = message->partition};
	}
	while (done < count) {
		done += (size_t)rd_kafka_produce_batch(
		        loop->outs[out], 0, RD_KAFKA_MSG_F_PARTITION, loop->made + done, (int)(count - done));
		if (done < count)
			rd_kafka_poll(loop->producer, 10); /* the queue is full */
	}
}

static void note_offsets(struct loop *loop, size_t count)
{
	rd_kafka_topic_partition_t *place = NULL;

	for (size_t i = 0; i < count; i++) {
		rd_kafka_message_t *message = loop->taken[i];
		if (!place || place->partition != message->partition)
			place = rd_kafka_topic_partition_list_find(
			        loop->offsets, loop->task->in, message->partition);
		if (!place)
			place = rd_kafka_topic_partition_list_add(
			        loop->offsets, loop->task->in, message->partition);
		place->offset = message->offset + 1;
	}
}

static void parse(const struct loop *loop, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const rd_kafka_message_t *message = loop->taken[i];
		struct job *job;
		struct job_hint hint;
		struct error err;

		if (job_parse((struct view){message->key, message->key_len},
		            (struct view){message->payload, message->len}, &job, &hint, &err) != STATUS_OK)
			fail("parse", err.message);
		job_free(job);
	}
}

static void run_transaction(struct loop *loop, size_t count)
{
	require(rd_kafka_begin_transaction(loop->producer), "begin");
	if (loop->task->parse)
		parse(loop, count);
	for (int out = 0; out < loop->task->out_count; out++)
		produce(loop, out, count);
	note_offsets(loop, count);
	rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata(loop->consumer);
	require(rd_kafka_send_offsets_to_transaction(loop->producer, loop->offsets, group, -1), "offsets");
	rd_kafka_consumer_group_metadata_destroy(group);
	require(rd_kafka_commit_transaction(loop->producer, -1), "commit");
}

/* Takes what is there, waiting only for the first record and then at most linger_ms for a whole batch. */
static size_t take(struct loop *loop)
{
	rd_kafka_message_t *first = rd_kafka_consume_queue(loop->queue, 100);
	int64_t until = clock_monotonic_ms() + loop->task->linger_ms;
	size_t count = 0, good = 0;

	if (first)
		loop->taken[count++] = first;
	while (count && count < loop->task->batch) {
		bool wait = clock_monotonic_ms() < until;
		ssize_t got = rd_kafka_consume_batch_queue(
		        loop->queue, wait, loop->taken + count, loop->task->batch - count);
		if (got <= 0 && !wait)
			break;
		count += got > 0 ? (size_t)got : 0;
	}
	for (size_t i = 0; i < count; i++) {
		if (loop->taken[i]->err)
			rd_kafka_message_destroy(loop->taken[i]);
		else
			loop->taken[good++] = loop->taken[i];
	}
	return good;
}

static int64_t now_us(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static void *run(void *context)
{
	struct loop *loop = context;
	struct task *task = loop->task;
	open_loop(loop);
	while (!stopped && (!task->wanted || task->records < task->wanted)) {
		size_t count = take(loop);
		if (!count)
			continue;
		atomic_compare_exchange_strong(&task->first_us, &(int64_t){0}, now_us());
		run_transaction(loop, count);
		for (size_t i = 0; i < count; i++)
			rd_kafka_message_destroy(loop->taken[i]);
		task->records += (long)count;
	}
	return NULL;
}

/* ---- what is asked for */

static char **read_switches(struct task *task, char **argv)
{
	for (; *argv && strncmp(*argv, "--", 2) == 0; argv++)
		if (strcmp(*argv, "--parse") == 0)
			task->parse = true;
		else if (strcmp(*argv, "--threads") == 0 && argv[1])
			task->threads = atoi(*++argv);
		else
			fail(*argv, "unknown");
	return argv;
}

static void read_task(struct task *task, char **argv)
{
	int count = 0;

	argv = read_switches(task, argv);
	while (argv[count])
		count++;
	if (count < 6 || task->threads < 1 || task->threads > THREADS_MAX)
		fail("usage", "[--threads N] [--parse] BOOTSTRAP IN COUNT LINGER_MS BATCH OUT:SIZE …");
	task->bootstrap = argv[0];
	task->in = argv[1];
	task->wanted = atol(argv[2]);
	task->linger_ms = atoi(argv[3]);
	task->batch = (size_t)atol(argv[4]) > BATCH_MAX ? BATCH_MAX : (size_t)atol(argv[4]);
	for (int i = 5; i < count && task->out_count < OUTS_MAX; i++) {
		char *colon = strrchr(argv[i], ':');
		task->sizes[task->out_count] = (size_t)atol(colon + 1);
		*colon = '\0';
		task->outs[task->out_count++] = argv[i];
	}
}

int main(int argc, char **argv)
{
	static struct task task = {.threads = 1};
	struct loop *loops[THREADS_MAX];

	(void)argc;
	signal(SIGTERM, stop);
	memset(filler, 'x', sizeof(filler));
	read_task(&task, argv + 1);
	for (int i = 0; i < task.threads; i++) {
		loops[i] = calloc(1, sizeof(*loops[i]));
		*loops[i] = (struct loop){.task = &task, .number = i};
		pthread_create(&loops[i]->thread, NULL, run, loops[i]);
	}
	for (int i = 0; i < task.threads; i++)
		pthread_join(loops[i]->thread, NULL);
	printf("{\"records\": %ld, \"seconds\": %.4f}\n", task.records,
	        (double)(now_us() - task.first_us) / 1e6);
	return 0;
}
