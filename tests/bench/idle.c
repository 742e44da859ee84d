/* The bare limit of being idle: transactional producers that have each written one record, and wait.
 *
 *   bench_idle [--group] BOOTSTRAP TOPIC COUNT
 *
 * --group: beside them one consumer, in a group, that has all partitions of the topic and finds nothing new.
 * The topic needs COUNT partitions. Prints "ready" once all is so; ends on SIGTERM. */
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "idle: %s: %s\n", what, why);
	exit(1);
}

static void require(rd_kafka_error_t *error, const char *what)
{
	if (error)
		fail(what, rd_kafka_error_string(error));
}

static rd_kafka_t *open_client(
        rd_kafka_type_t type, const char *bootstrap, const char *id_name, const char *id)
{
	char why[512];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();

	if (rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, why, sizeof(why)) ||
	        rd_kafka_conf_set(conf, id_name, id, why, sizeof(why)))
		fail(id_name, why);
	rd_kafka_t *client = rd_kafka_new(type, conf, why, sizeof(why));
	if (!client)
		fail("client", why);
	return client;
}

static void begin_producer(const char *bootstrap, const char *topic, int number)
{
	char id[160];

	snprintf(id, sizeof(id), "idle-%s-%d", topic, number);
	rd_kafka_t *producer = open_client(RD_KAFKA_PRODUCER, bootstrap, "transactional.id", id);
	require(rd_kafka_init_transactions(producer, 60000), "init");
	require(rd_kafka_begin_transaction(producer), "begin");
	rd_kafka_resp_err_t code =
	        rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(number),
	                RD_KAFKA_V_VALUE("x", 1), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
	if (code)
		fail("produce", rd_kafka_err2str(code));
	require(rd_kafka_commit_transaction(producer, 60000), "commit");
}

static void *poll_for_ever(void *consumer)
{
	for (;;) {
		rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, 60000);
		if (message)
			rd_kafka_message_destroy(message);
	}
	return NULL;
}

/* Once it has its partitions. */
static void begin_consumer(const char *bootstrap, const char *topic)
{
	rd_kafka_t *consumer = open_client(RD_KAFKA_CONSUMER, bootstrap, "group.id", topic);
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	pthread_t thread;

	rd_kafka_poll_set_consumer(consumer);
	rd_kafka_topic_partition_list_add(list, topic, RD_KAFKA_PARTITION_UA);
	if (rd_kafka_subscribe(consumer, list))
		fail(topic, "cannot subscribe");
	for (int count = 0; count == 0;) {
		rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, 100);
		if (message)
			rd_kafka_message_destroy(message);
		rd_kafka_topic_partition_list_destroy(list);
		if (rd_kafka_assignment(consumer, &list))
			fail(topic, "no assignment");
		count = list->cnt;
	}
	rd_kafka_topic_partition_list_destroy(list);
	if (pthread_create(&thread, NULL, poll_for_ever, consumer))
		fail("thread", "none");
}

int main(int argc, char **argv)
{
	bool group = argc > 1 && strcmp(argv[1], "--group") == 0;
	sigset_t end;
	int number;

	argv += group;
	if (argc - group != 4)
		fail("usage", "[--group] BOOTSTRAP TOPIC COUNT");
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &end, NULL);
	for (int n = 0; n < atoi(argv[3]); n++)
		begin_producer(argv[1], argv[2], n);
	if (group)
		begin_consumer(argv[1], argv[2]);
	puts("ready");
	fflush(stdout);
	sigwait(&end, &number);
	_exit(0);
}
