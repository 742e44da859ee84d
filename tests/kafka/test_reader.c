#include "base/clock.h"
#include "base/memory.h"
#include "engine/kafka/internal.h"
#include "tests/kafka/real.h"

#include <criterion/criterion.h>

/* What a reader's queue had no room for comes as soon as there is room. librdkafka's fetcher rests for up to
 * a second when the queue was full, so a test fills and empties it again and again: most waits must be no
 * rests. Each rest is half a second on average; a fetch takes a few milliseconds, on a busy machine now and
 * then much more. */
enum { PARTITION = 0, BOUND = 1000, ROUNDS = 6, MOST = 100, REST_MS = 150 };

struct waits {
	int all, long_ones;
};

/* One partition, and who writes it. */
struct log {
	struct options *options;
	struct chatter *chatter;
	rd_kafka_t *producer;
	char topic[256];
};

static void say(void *context, bool warning, const char *topic, const char *words)
{
	(void)context, (void)warning, (void)topic, (void)words;
}

static void on_delivery(rd_kafka_t *handle, const rd_kafka_message_t *message, void *opaque)
{
	(void)handle, (void)opaque;
	cr_assert_eq(message->err, 0, "%s", rd_kafka_err2str(message->err));
}

static void log_open(struct log *log, bool transactional)
{
	static const struct topic_spec spec = {
	        .name = "in", .retention_ms = -1, .max_message_bytes = 2 << 20};
	rd_kafka_conf_t *config;
	struct error err;

	log->options = real_options();
	log->chatter = chatter_new(false);
	real_topic(log->options, spec.name, log->topic);
	cr_assert_eq(topics_ensure(log->options, &spec, 1, 1, -1, REAL_TIMEOUT_MS, say, NULL, &err),
	        STATUS_OK, "%s", err.message);
	cr_assert_eq(config_new(log->options, log->chatter, true, &config, &err), STATUS_OK);
	if (transactional)
		config_set(config, "transactional.id", log->topic);
	rd_kafka_conf_set_dr_msg_cb(config, on_delivery);
	cr_assert_eq(handle_new(RD_KAFKA_PRODUCER, config, &log->producer, &err), STATUS_OK);
	if (transactional)
		cr_assert_null(rd_kafka_init_transactions(log->producer, REAL_TIMEOUT_MS));
}

static void log_close(struct log *log)
{
	rd_kafka_destroy(log->producer);
	chatter_free(log->chatter);
	options_free(log->options);
}

static void produce(struct log *log, size_t count, size_t size)
{
	char *value = memory_alloc(size);

	for (size_t i = 0; i < count; i++) {
		while (rd_kafka_producev(log->producer, RD_KAFKA_V_TOPIC(log->topic),
		               RD_KAFKA_V_PARTITION(PARTITION), RD_KAFKA_V_VALUE(value, size),
		               RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
		               RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
			rd_kafka_poll(log->producer, 10);
	}
	cr_assert_eq(rd_kafka_flush(log->producer, REAL_TIMEOUT_MS), 0);
	free(value);
}

/* Until the queue holds so much. */
static void await_queued(struct reader *reader, size_t queued, struct waits *waits)
{
	int64_t began = clock_monotonic_ms();

	while (rd_kafka_queue_length(reader->queue) < queued) {
		cr_assert(clock_monotonic_ms() < began + REAL_TIMEOUT_MS, "%zu were not fetched", queued);
		rd_kafka_poll(reader->handle, 1);
	}
	waits->all++;
	waits->long_ones += clock_monotonic_ms() - began > REST_MS;
}

static size_t take_all(struct reader *reader)
{
	rd_kafka_message_t *messages[MOST];
	size_t count, taken = 0;

	while ((count = reader_take(reader, messages, MOST, 0)) > 0)
		for (size_t i = 0; i < count; i++) {
			taken += !messages[i]->err;
			rd_kafka_message_destroy(messages[i]);
		}
	return taken;
}

/* Reads count records, each time only when the queue is full, of so many things, or has the last of them. */
static void read_in_gulps(
        struct log *log, struct reader_bounds bounds, size_t count, size_t full, struct waits *waits)
{
	struct reader reader;
	struct error err;

	cr_assert_eq(
	        reader_open(log->options, log->chatter, bounds, &reader, &err), STATUS_OK, "%s", err.message);
	cr_assert_eq(reader_start(&reader, log->topic, PARTITION, 0, &err), STATUS_OK, "%s", err.message);
	for (size_t taken = 0; taken < count; taken += take_all(&reader))
		await_queued(&reader, count - taken < full ? count - taken : full, waits);
	reader_close(&reader);
}

static void most_are_short(const struct waits *waits)
{
	cr_assert_leq(waits->long_ones, waits->all / 2, "%d of %d waits took more than %d ms",
	        waits->long_ones, waits->all, REST_MS);
}

Test(reader_does_not_rest, backlogs_of_any_size)
{
	static const size_t sizes[] = {BOUND - 1, BOUND + 1, BOUND + BOUND / 4, BOUND + BOUND / 2 + 1,
	        2 * BOUND, 2 * BOUND + BOUND / 2, 3 * BOUND, 5 * BOUND};
	enum { SIZES = sizeof(sizes) / sizeof(*sizes) };
	struct reader_bounds bounds = {.messages = BOUND, .kbytes = 32768, .fetch_bytes = 16384};
	struct waits waits = {0};
	struct log log;
	size_t there = 0;

	log_open(&log, false);
	for (int i = 0; i < SIZES; i++) {
		produce(&log, sizes[i] - there, 100);
		there = sizes[i];
		read_in_gulps(&log, bounds, there, BOUND, &waits);
	}
	most_are_short(&waits);
	log_close(&log);
}

/* Every second thing in the queue is a transaction's marker. */
Test(reader_does_not_rest, small_transactions)
{
	enum { TRANSACTIONS = 200, FEW = TRANSACTIONS / 4 };
	struct reader_bounds bounds = {.messages = FEW, .kbytes = 32768, .fetch_bytes = 2048};
	struct waits waits = {0};
	struct log log;

	log_open(&log, true);
	for (int i = 0; i < TRANSACTIONS; i++) {
		cr_assert_null(rd_kafka_begin_transaction(log.producer));
		produce(&log, 1, 100);
		cr_assert_null(rd_kafka_commit_transaction(log.producer, REAL_TIMEOUT_MS));
	}
	for (int i = 0; i < ROUNDS; i++)
		read_in_gulps(&log, bounds, TRANSACTIONS, FEW, &waits);
	most_are_short(&waits);
	log_close(&log);
}

/* The queue is full by its bytes. */
Test(reader_does_not_rest, large_records)
{
	enum { RECORDS = 40, SIZE = 100000, KBYTES = 1024 };
	struct reader_bounds bounds = {.messages = BOUND, .kbytes = KBYTES, .fetch_bytes = 2 * SIZE};
	struct waits waits = {0};
	struct log log;

	log_open(&log, false);
	produce(&log, RECORDS, SIZE);
	for (int i = 0; i < ROUNDS; i++)
		read_in_gulps(&log, bounds, RECORDS, KBYTES * 1024 / SIZE + 1, &waits);
	most_are_short(&waits);
	log_close(&log);
}
