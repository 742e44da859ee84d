/* The bare limit of reading: a plain librdkafka consumer that reads topics from their beginning to their end,
 * read_committed, and looks at nothing.
 *
 *   bench_bare_read BOOTSTRAP TOPIC…
 *
 * Prints {"records": …, "bytes": …, "seconds": …, "peak_kb": …}; the seconds run from its start. */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { BATCH = 2000 };

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "bare_read: %s: %s\n", what, why);
	exit(1);
}

static rd_kafka_t *open_consumer(const char *bootstrap)
{
	const char *const settings[][2] = {{"bootstrap.servers", bootstrap}, {"group.id", "bench"},
	        {"isolation.level", "read_committed"}, {"enable.partition.eof", "true"},
	        {"enable.auto.commit", "false"}, {"queued.min.messages", "1000000"},
	        {"queued.max.messages.kbytes", "1048576"}};
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char why[512];

	for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++)
		if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], why, sizeof(why)) !=
		        RD_KAFKA_CONF_OK)
			fail(settings[i][0], why);
	rd_kafka_t *consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
	if (!consumer)
		fail("client", why);
	rd_kafka_poll_set_consumer(consumer);
	return consumer;
}

static size_t assign(rd_kafka_t *consumer, char **topics, int count)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(64);
	size_t partitions = 0;

	for (int i = 0; i < count; i++) {
		const struct rd_kafka_metadata *metadata;
		rd_kafka_topic_t *topic = rd_kafka_topic_new(consumer, topics[i], NULL);

		if (rd_kafka_metadata(consumer, 0, topic, &metadata, 10000) || metadata->topic_cnt != 1)
			fail(topics[i], "no metadata");
		for (int p = 0; p < metadata->topics[0].partition_cnt; p++, partitions++)
			rd_kafka_topic_partition_list_add(list, topics[i], p)->offset =
			        RD_KAFKA_OFFSET_BEGINNING;
		rd_kafka_metadata_destroy(metadata);
		rd_kafka_topic_destroy(topic);
	}
	if (rd_kafka_assign(consumer, list))
		fail("assign", "refused");
	rd_kafka_topic_partition_list_destroy(list);
	return partitions;
}

int main(int argc, char **argv)
{
	static rd_kafka_message_t *messages[BATCH];
	double start = now();
	long records = 0;
	double bytes = 0;
	struct rusage usage;

	if (argc < 3)
		fail("usage", "bench_bare_read BOOTSTRAP TOPIC…");
	rd_kafka_t *consumer = open_consumer(argv[1]);
	size_t open = assign(consumer, argv + 2, argc - 2);
	rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(consumer);
	while (open) {
		ssize_t count = rd_kafka_consume_batch_queue(queue, 1000, messages, BATCH);
		for (ssize_t i = 0; i < count; i++) {
			if (messages[i]->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
				open--;
			else if (messages[i]->err)
				fail("message", rd_kafka_message_errstr(messages[i]));
			else
				records++, bytes += (double)messages[i]->len;
			rd_kafka_message_destroy(messages[i]);
		}
	}
	double seconds = now() - start;
	getrusage(RUSAGE_SELF, &usage);
	printf("{\"records\": %ld, \"bytes\": %.0f, \"seconds\": %.3f, \"peak_kb\": %ld}\n", records, bytes,
	        seconds, usage.ru_maxrss);
	rd_kafka_queue_destroy(queue);
	rd_kafka_consumer_close(consumer);
	rd_kafka_destroy(consumer);
	return 0;
}
