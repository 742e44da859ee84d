/* Publishes records at a steady rate and measures how long it takes until the same key appears, committed,
 * elsewhere.
 *
 *   bench_latency BOOTSTRAP IN OUT PARTITIONS RATE COUNT PREFIX < TEMPLATE
 *
 * Each record's key is PREFIX and its number; its value is the template, each "%KEY%" replaced by the key.
 * Open loop: a slow answer delays no later record, and a record's time runs from when it was due. The first
 * fifth warms up and does not count. Prints
 * {"p50": …, "p99": …, "p999": …, "missing": …} in milliseconds. */
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "latency: %s: %s\n", what, why);
	exit(1);
}

static rd_kafka_t *open_client(rd_kafka_type_t type, const char *bootstrap)
{
	char why[512];
	const char *const settings[][2] = {{"bootstrap.servers", bootstrap}, {"socket.nagle.disable", "true"},
	        {type == RD_KAFKA_PRODUCER ? "partitioner" : "isolation.level",
	                type == RD_KAFKA_PRODUCER ? "murmur2_random" : "read_committed"},
	        {type == RD_KAFKA_PRODUCER ? "linger.ms" : "fetch.wait.max.ms",
	                type == RD_KAFKA_PRODUCER ? "0" : "10"},
	        {type == RD_KAFKA_PRODUCER ? "enable.idempotence" : "enable.auto.commit",
	                type == RD_KAFKA_PRODUCER ? "true" : "false"},
	        {type == RD_KAFKA_PRODUCER ? "client.id" : "group.id", "bench-latency"}};
	rd_kafka_conf_t *conf = rd_kafka_conf_new();

	for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++)
		if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], why, sizeof(why)) !=
		        RD_KAFKA_CONF_OK)
			fail(settings[i][0], why);
	rd_kafka_t *client = rd_kafka_new(type, conf, why, sizeof(why));
	if (!client)
		fail("client", why);
	return client;
}

static struct {
	const char *prefix;
	long count;
	double *due, *seen;
	rd_kafka_t *consumer;
	volatile long found;
	volatile int stopped;
} run;

static void *read_back(void *unused)
{
	size_t prefix = strlen(run.prefix);

	(void)unused;
	while (!run.stopped && run.found < run.count) {
		rd_kafka_message_t *message = rd_kafka_consumer_poll(run.consumer, 100);
		if (!message)
			continue;
		if (!message->err && message->key_len > prefix &&
		        memcmp(message->key, run.prefix, prefix) == 0) {
			char digits[24] = "";
			memcpy(digits, (char *)message->key + prefix,
			        message->key_len - prefix < 23 ? message->key_len - prefix : 23);
			long number = atol(digits);
			if (number >= 0 && number < run.count && run.seen[number] == 0) {
				run.seen[number] = now();
				run.found++;
			}
		}
		rd_kafka_message_destroy(message);
	}
	return unused;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static char *fill(const char *template, const char *key)
{
	static char value[1 << 20];
	char *to = value;

	while (*template) {
		if (strncmp(template, "%KEY%", 5) == 0) {
			to = stpcpy(to, key);
			template += 5;
		} else {
			*to++ = *template ++;
		}
	}
	*to = '\0';
	return value;
}

static void report(void)
{
	double *took = calloc((size_t)run.count, sizeof(double));
	size_t n = 0;

	for (long i = run.count / 5; i < run.count; i++)
		if (run.seen[i] > 0)
			took[n++] = (run.seen[i] - run.due[i]) * 1e3;
	if (n == 0)
		fail("result", "no record came back");
	qsort(took, n, sizeof(double), by_value);
	printf("{\"p50\": %.2f, \"p99\": %.2f, \"p999\": %.2f, \"missing\": %ld}\n", took[n / 2],
	        took[n * 99 / 100], took[n * 999 / 1000], run.count - run.count / 5 - (long)n);
}

int main(int argc, char **argv)
{
	static char template[1 << 16];
	pthread_t reader;

	if (argc != 8)
		fail("usage", "BOOTSTRAP IN OUT PARTITIONS RATE COUNT PREFIX < TEMPLATE");
	template[fread(template, 1, sizeof(template) - 1, stdin)] = '\0';
	double rate = atof(argv[5]);
	run.count = atol(argv[6]);
	run.prefix = argv[7];
	run.due = calloc((size_t)run.count, sizeof(double));
	run.seen = calloc((size_t)run.count, sizeof(double));
	run.consumer = open_client(RD_KAFKA_CONSUMER, argv[1]);
	rd_kafka_poll_set_consumer(run.consumer);
	rd_kafka_topic_partition_list_t *places = rd_kafka_topic_partition_list_new(16);
	for (int p = 0; p < atoi(argv[4]); p++) {
		int64_t low, high;
		rd_kafka_resp_err_t error;
		double until = now() + 10; /* a client learns of new topics at its own pace */
		do
			error = rd_kafka_query_watermark_offsets(run.consumer, argv[3], p, &low, &high, 2000);
		while (error && now() < until);
		if (error)
			fail(argv[3], rd_kafka_err2str(error));
		rd_kafka_topic_partition_list_add(places, argv[3], p)->offset = high;
	}
	rd_kafka_assign(run.consumer, places);
	rd_kafka_t *producer = open_client(RD_KAFKA_PRODUCER, argv[1]);
	pthread_create(&reader, NULL, read_back, NULL);
	double start = now() + 0.5;
	for (long i = 0; i < run.count; i++) {
		char key[128];
		run.due[i] = start + (double)i / rate;
		double wait = run.due[i] - now();
		if (wait > 0) {
			struct timespec pause = {(time_t)wait, (long)((wait - (double)(time_t)wait) * 1e9)};
			nanosleep(&pause, NULL);
		}
		snprintf(key, sizeof(key), "%s%ld", run.prefix, i);
		char *value = fill(template, key);
		while (rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(argv[2]),
		               RD_KAFKA_V_KEY(key, strlen(key)), RD_KAFKA_V_VALUE(value, strlen(value)),
		               RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
		               RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
			rd_kafka_poll(producer, 1);
		rd_kafka_poll(producer, 0);
	}
	rd_kafka_flush(producer, 10000);
	for (double until = now() + 20; run.found < run.count && now() < until;) {
		struct timespec pause = {0, 20000000};
		nanosleep(&pause, NULL);
	}
	run.stopped = 1;
	pthread_join(reader, NULL);
	report();
	return 0;
}
