/* Publishes jobs at a steady rate and measures how long it takes until a record that cites the same job
 * appears, committed, elsewhere.
 *
 *   bench_latency BOOTSTRAP IN OUT PARTITIONS RATE COUNT PACKAGES TAG < TEMPLATES
 *
 * Job i is of package i modulo PACKAGES (its key), and of the template (a line of standard input) that is
 * next for that package; "%KEY%" becomes the package, "%JOB%" the job's id, TAG-i, which the record read back
 * has as "job_id". Open loop: a slow answer delays no later job, and a job's time runs from when it was due.
 * The first fifth warms up and does not count. Prints {"p50": …, "p99": …, "p999": …, "max": …} in
 * milliseconds, {"n": …, "missing": …} in jobs, and how late the latest job was published. */
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
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

static void sleep_until(double when)
{
	double wait = when - now();
	struct timespec pause = {(time_t)wait, (long)((wait - (double)(time_t)wait) * 1e9)};

	if (wait > 0)
		nanosleep(&pause, NULL);
}

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "latency: %s: %s\n", what, why);
	exit(1);
}

static rd_kafka_t *open_client(rd_kafka_type_t type, const char *bootstrap)
{
	static const char *const producer[][2] = {{"partitioner", "murmur2_random"}, {"linger.ms", "0"},
	        {"enable.idempotence", "true"}, {"queue.buffering.max.messages", "1000000"}, {NULL, NULL}};
	static const char *const consumer[][2] = {{"isolation.level", "read_committed"},
	        {"enable.auto.commit", "false"}, {"group.id", "bench-latency"}, {NULL, NULL}};
	const char *const(*settings)[2] = type == RD_KAFKA_PRODUCER ? producer : consumer;
	char why[512];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();

	rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, why, sizeof(why));
	rd_kafka_conf_set(conf, "socket.nagle.disable", "true", why, sizeof(why));
	for (; (*settings)[0]; settings++)
		if (rd_kafka_conf_set(conf, (*settings)[0], (*settings)[1], why, sizeof(why)) !=
		        RD_KAFKA_CONF_OK)
			fail((*settings)[0], why);
	rd_kafka_t *client = rd_kafka_new(type, conf, why, sizeof(why));
	if (!client)
		fail("client", why);
	return client;
}

enum { TEMPLATES_MAX = 8 };

static struct {
	long count, packages;
	char *templates[TEMPLATES_MAX];
	long template_count;
	char cited[64]; /* how a record that cites one of ours says so, up to the number */
	double *due, *seen, latest;
	rd_kafka_t *consumer;
	atomic_long found;
	atomic_bool stopped;
} run;

/* The number of the job that a record cites; -1: none of ours. */
static long job_of(const rd_kafka_message_t *message)
{
	char digits[24] = "";
	const char *end = (char *)message->payload + message->len;
	const char *at = memmem(message->payload, message->len, run.cited, strlen(run.cited));

	if (!at)
		return -1;
	at += strlen(run.cited);
	memcpy(digits, at, (size_t)(end - at) < 20 ? (size_t)(end - at) : 20);
	long number = atol(digits);
	return number >= 0 && number < run.count ? number : -1;
}

static void *read_back(void *unused)
{
	while (!run.stopped && run.found < run.count) {
		rd_kafka_message_t *message = rd_kafka_consumer_poll(run.consumer, 100);
		long number = message && !message->err ? job_of(message) : -1;
		if (number >= 0 && run.seen[number] == 0) {
			run.seen[number] = now();
			run.found++;
		}
		if (message)
			rd_kafka_message_destroy(message);
	}
	return unused;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static char *fill(const char *template, const char *key, const char *job)
{
	static char value[1 << 20];
	char *to = value;

	while (*template) {
		bool is_key = strncmp(template, "%KEY%", 5) == 0;
		if (is_key || strncmp(template, "%JOB%", 5) == 0) {
			to = stpcpy(to, is_key ? key : job);
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
	long first = run.count / 5;
	size_t n = 0;

	for (long i = first; i < run.count; i++)
		if (run.seen[i] > 0)
			took[n++] = (run.seen[i] - run.due[i]) * 1e3;
	if (n == 0)
		fail("result", "no record came back");
	qsort(took, n, sizeof(double), by_value);
	printf("{\"missing\": %ld, \"late\": %.2f, \"took\": [", run.count - first - (long)n,
	        run.latest * 1e3);
	for (size_t i = 0; i < n; i++)
		printf("%s%.2f", i ? ", " : "", took[i]);
	printf("]}\n");
}

static void read_templates(void)
{
	char *line = NULL;
	size_t size = 0;

	while (run.template_count < TEMPLATES_MAX && getline(&line, &size, stdin) > 0) {
		line[strcspn(line, "\n")] = '\0';
		run.templates[run.template_count++] = strdup(line);
	}
	free(line);
	if (run.template_count == 0)
		fail("usage", "no template on standard input");
}

/* Reads from the topic's end as it is now. */
static void open_reader(const char *bootstrap, const char *topic, int partitions)
{
	rd_kafka_topic_partition_list_t *places = rd_kafka_topic_partition_list_new(16);

	run.consumer = open_client(RD_KAFKA_CONSUMER, bootstrap);
	rd_kafka_poll_set_consumer(run.consumer);
	for (int p = 0; p < partitions; p++) {
		int64_t low, high;
		rd_kafka_resp_err_t error;
		double until = now() + 10; /* a client learns of new topics at its own pace */
		do
			error = rd_kafka_query_watermark_offsets(run.consumer, topic, p, &low, &high, 2000);
		while (error && now() < until);
		if (error)
			fail(topic, rd_kafka_err2str(error));
		rd_kafka_topic_partition_list_add(places, topic, p)->offset = high;
	}
	rd_kafka_assign(run.consumer, places);
	rd_kafka_topic_partition_list_destroy(places);
}

static void publish(rd_kafka_t *producer, const char *topic, long number, const char *tag)
{
	char key[32], job[64];
	const char *template = run.templates[number / run.packages % run.template_count];

	snprintf(key, sizeof(key), "PKG%06ld", number % run.packages);
	snprintf(job, sizeof(job), "%s-%ld", tag, number);
	const char *value = fill(template, key, job);
	while (rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_KEY(key, strlen(key)),
	               RD_KAFKA_V_VALUE((void *)value, strlen(value)),
	               RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
	               RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
		rd_kafka_poll(producer, 1);
	rd_kafka_poll(producer, 0);
}

static void publish_all(rd_kafka_t *producer, const char *topic, double rate, const char *tag)
{
	const struct rd_kafka_metadata *metadata;
	rd_kafka_topic_t *handle = rd_kafka_topic_new(producer, topic, NULL);

	/* a first record would wait for it, and as long for the one after */
	if (rd_kafka_metadata(producer, 0, handle, &metadata, 10000))
		fail(topic, "no metadata");
	rd_kafka_metadata_destroy(metadata);
	double start = now() + 0.5;
	for (long i = 0; i < run.count; i++) {
		run.due[i] = start + (double)i / rate;
		sleep_until(run.due[i]);
		double late = now() - run.due[i];
		if (i >= run.count / 5 && late > run.latest)
			run.latest = late;
		publish(producer, topic, i, tag);
	}
	rd_kafka_flush(producer, 10000);
}

int main(int argc, char **argv)
{
	pthread_t reader;

	if (argc != 9)
		fail("usage", "BOOTSTRAP IN OUT PARTITIONS RATE COUNT PACKAGES TAG < TEMPLATES");
	run.count = atol(argv[6]);
	run.packages = atol(argv[7]);
	run.due = calloc((size_t)run.count, sizeof(double));
	run.seen = calloc((size_t)run.count, sizeof(double));
	snprintf(run.cited, sizeof(run.cited), "\"job_id\":\"%s-", argv[8]);
	read_templates();
	open_reader(argv[1], argv[3], atoi(argv[4]));
	pthread_create(&reader, NULL, read_back, NULL);
	publish_all(open_client(RD_KAFKA_PRODUCER, argv[1]), argv[2], atof(argv[5]), argv[8]);
	for (double until = now() + 20; run.found < run.count && now() < until;)
		sleep_until(now() + 0.02);
	run.stopped = true;
	pthread_join(reader, NULL);
	report();
	return 0;
}
