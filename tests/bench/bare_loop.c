/* A bare exactly-once loop on librdkafka: consume, produce, commit; nothing is parsed or kept. The limit that
 * a worker is compared with. One consumer over all partitions, one transactional producer, offsets in the
 * transaction.
 *
 *   bench_bare_loop BOOTSTRAP IN COUNT LINGER_MS BATCH OUT:SIZE [OUT:SIZE …]
 *
 * For each input record one record of SIZE bytes with its key goes to each OUT, on the input's partition
 * (SIZE 0: the input's own value). Ends after COUNT records (0: on SIGTERM) and prints {"records": …,
 * "seconds": …}, from the first record read to the last commit. */
#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { OUTS_MAX = 8, BATCH_MAX = 20000 };

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
	(void)signal_number;
	stopped = 1;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "bare_loop: %s: %s\n", what, why);
	exit(1);
}

static rd_kafka_t *open_client(rd_kafka_type_t type, const char *const settings[][2])
{
	char why[512];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();

	for (; (*settings)[0]; settings++)
		if (rd_kafka_conf_set(conf, (*settings)[0], (*settings)[1], why, sizeof(why)) !=
		        RD_KAFKA_CONF_OK)
			fail((*settings)[0], why);
	rd_kafka_t *client = rd_kafka_new(type, conf, why, sizeof(why));
	if (!client)
		fail("client", why);
	return client;
}

static void require(rd_kafka_error_t *error, const char *what)
{
	if (error)
		fail(what, rd_kafka_error_string(error));
}

struct loop {
	rd_kafka_t *consumer, *producer;
	rd_kafka_queue_t *queue;
	rd_kafka_topic_t *outs[OUTS_MAX];
	size_t sizes[OUTS_MAX];
	int out_count;
	const char *in;
	rd_kafka_message_t *taken[BATCH_MAX];
	rd_kafka_message_t *made;
	rd_kafka_topic_partition_list_t *offsets;
};

static char filler[1 << 20];

static void produce(struct loop *loop, int out, size_t from, size_t count)
{
	size_t done = 0;

	for (size_t i = 0; i < count; i++) {
		rd_kafka_message_t *message = loop->taken[from + i];
		loop->made[i] = (rd_kafka_message_t){.payload = loop->sizes[out] ? filler : message->payload,
		        .len = loop->sizes[out] ? loop->sizes[out] : message->len,
		        .key = message->key,
		        .key_len = message->key_len,
		        .partition = message->partition};
	}
	while (done < count) {
		int sent = rd_kafka_produce_batch(loop->outs[out], 0,
		        RD_KAFKA_MSG_F_PARTITION | RD_KAFKA_MSG_F_COPY, loop->made + done,
		        (int)(count - done));
		done += (size_t)sent;
		if (done < count)
			rd_kafka_poll(loop->producer, 10); /* the queue is full */
	}
}

static void run_transaction(struct loop *loop, size_t count)
{
	require(rd_kafka_begin_transaction(loop->producer), "begin");
	for (int out = 0; out < loop->out_count; out++)
		produce(loop, out, 0, count);
	for (size_t i = 0; i < count; i++) {
		rd_kafka_topic_partition_t *place = rd_kafka_topic_partition_list_find(
		        loop->offsets, loop->in, loop->taken[i]->partition);
		if (!place)
			place = rd_kafka_topic_partition_list_add(
			        loop->offsets, loop->in, loop->taken[i]->partition);
		place->offset = loop->taken[i]->offset + 1;
	}
	rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata(loop->consumer);
	require(rd_kafka_send_offsets_to_transaction(loop->producer, loop->offsets, group, -1), "offsets");
	rd_kafka_consumer_group_metadata_destroy(group);
	require(rd_kafka_commit_transaction(loop->producer, -1), "commit");
}

/* Takes what is there, waiting only for the first record and then at most linger_ms for a whole batch. */
static size_t take(struct loop *loop, size_t most, int linger_ms)
{
	rd_kafka_message_t *first = rd_kafka_consume_queue(loop->queue, 100);
	double until = now() + linger_ms / 1e3;
	size_t count = 0;

	if (first)
		loop->taken[count++] = first;
	while (count && count < most) {
		ssize_t got = rd_kafka_consume_batch_queue(
		        loop->queue, now() < until, loop->taken + count, most - count);
		if (got <= 0 && now() >= until)
			break;
		count += got > 0 ? (size_t)got : 0;
	}
	size_t good = 0;
	for (size_t i = 0; i < count; i++) {
		if (loop->taken[i]->err)
			rd_kafka_message_destroy(loop->taken[i]);
		else
			loop->taken[good++] = loop->taken[i];
	}
	return good;
}

static void delivered(rd_kafka_t *producer, const rd_kafka_message_t *message, void *context)
{
	(void)producer;
	(void)context;
	if (message->err)
		fail("delivery", rd_kafka_err2str(message->err));
}

static void open_loop(struct loop *loop, const char *bootstrap, const char *in)
{
	char id[64], why[512];

	snprintf(id, sizeof(id), "bare-%s-%ld", in, (long)time(NULL));
	const char *const consumer[][2] = {{"bootstrap.servers", bootstrap}, {"group.id", id},
	        {"isolation.level", "read_committed"}, {"enable.auto.commit", "false"},
	        {"auto.offset.reset", "earliest"}, {"queued.min.messages", "1000000"},
	        {"queued.max.messages.kbytes", "2000000"}, {"fetch.wait.max.ms", "10"},
	        {"session.timeout.ms", "6000"}, {NULL, NULL}};
	const char *const producer[][2] = {{"bootstrap.servers", bootstrap}, {"transactional.id", id},
	        {"socket.nagle.disable", "true"}, {"retry.backoff.ms", "10"}, {"linger.ms", "5"},
	        {"queue.buffering.max.messages", "1000000"}, {"queue.buffering.max.kbytes", "1000000"},
	        {"batch.num.messages", "100000"}, {"batch.size", "1000000"}, {NULL, NULL}};

	loop->in = in;
	loop->consumer = open_client(RD_KAFKA_CONSUMER, consumer);
	rd_kafka_poll_set_consumer(loop->consumer);
	loop->queue = rd_kafka_queue_get_consumer(loop->consumer);
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	for (size_t i = 0; producer[i][0]; i++)
		if (rd_kafka_conf_set(conf, producer[i][0], producer[i][1], why, sizeof(why)) !=
		        RD_KAFKA_CONF_OK)
			fail(producer[i][0], why);
	rd_kafka_conf_set_dr_msg_cb(conf, delivered);
	loop->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
	if (!loop->producer)
		fail("producer", why);
	require(rd_kafka_init_transactions(loop->producer, 60000), "init");
	rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(topics, in, RD_KAFKA_PARTITION_UA);
	rd_kafka_subscribe(loop->consumer, topics);
	rd_kafka_topic_partition_list_destroy(topics);
	loop->made = calloc(BATCH_MAX, sizeof(*loop->made));
	loop->offsets = rd_kafka_topic_partition_list_new(16);
}

int main(int argc, char **argv)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	double first = 0;
	long records = 0;

	if (argc < 7)
		fail("usage", "BOOTSTRAP IN COUNT LINGER_MS BATCH OUT:SIZE …");
	signal(SIGTERM, stop);
	memset(filler, 'x', sizeof(filler));
	long wanted = atol(argv[3]);
	size_t batch = (size_t)atol(argv[5]);
	batch = batch > BATCH_MAX ? BATCH_MAX : batch;
	open_loop(loop, argv[1], argv[2]);
	for (int i = 6; i < argc && loop->out_count < OUTS_MAX; i++) {
		char *colon = strrchr(argv[i], ':');
		loop->sizes[loop->out_count] = (size_t)atol(colon + 1);
		*colon = '\0';
		loop->outs[loop->out_count++] = rd_kafka_topic_new(loop->producer, argv[i], NULL);
	}
	while (!stopped && (!wanted || records < wanted)) {
		size_t count = take(loop, batch, atoi(argv[4]));
		if (!count)
			continue;
		first = first > 0 ? first : now();
		run_transaction(loop, count);
		for (size_t i = 0; i < count; i++)
			rd_kafka_message_destroy(loop->taken[i]);
		records += (long)count;
	}
	printf("{\"records\": %ld, \"seconds\": %.4f}\n", records, now() - first);
	return 0;
}
