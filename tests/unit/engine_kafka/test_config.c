#include "base/clock.h"
#include "engine/client.h"
#include "engine/kafka/process.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Which properties a user may set. None of this needs a broker. */

static enum status open_with(const char *property, struct error *err)
{
	static const struct command_spec command = {.name = "test", .kafka = true};
	char *argv[] = {"test", "-X", (char *)property, NULL};
	struct options *options;
	struct client *client = NULL;
	bool printed;

	cr_assert_eq(options_parse(&command, 3, argv, &options, &printed, err), STATUS_OK);
	enum status status = client_open(options, &client, err);
	client_close(client);
	options_free(options);
	return status;
}

Test(config, takes_librdkafkas_properties)
{
	struct error err = {0};

	cr_expect_eq(open_with("client.id=me", &err), STATUS_OK, "%s", err.message);
	cr_expect_eq(open_with("linger.ms=20", &err), STATUS_OK, "%s", err.message);
	cr_expect_eq(open_with("bootstrap.servers=kafka:9092", &err), STATUS_OK, "%s", err.message);
}

Test(config, refuses_what_exactly_once_rests_on)
{
	static const char *const properties[] = {"group.id=x", "group.instance.id=x", "transactional.id=x",
	        "isolation.level=read_uncommitted", "partitioner=random", "enable.auto.commit=true",
	        "auto.offset.reset=earliest", "enable.idempotence=false", "acks=1", "request.required.acks=1",
	        "partition.assignment.strategy=cooperative-sticky"};
	struct error err;

	for (size_t i = 0; i < sizeof(properties) / sizeof(*properties); i++) {
		cr_expect_eq(open_with(properties[i], &err), STATUS_REJECT, "%s", properties[i]);
		cr_expect_str_eq(err.code, "kafka_property");
	}
}

Test(config, names_a_property_that_nobody_knows)
{
	struct error err;

	cr_assert_eq(open_with("no.such.property=1", &err), STATUS_REJECT);
	cr_expect_str_eq(err.code, "kafka_property");
	cr_expect_neq(strstr(err.message, "no.such.property"), NULL, "%s", err.message);
}

/* ---- a Kafka that is not there */

static char silent[64];
static int64_t silent_left_ms;
static int tellings;

static void note_silence(const char *brokers, int64_t left_ms)
{
	snprintf(silent, sizeof(silent), "%s", brokers);
	silent_left_ms = left_ms;
	tellings++;
}

Test(client, tells_once_of_a_kafka_that_is_silent, .timeout = 30)
{
	static const struct command_spec command = {.name = "test", .kafka = true};
	char *argv[] = {"test", "-b", "127.0.0.1:1,127.0.0.1:2", NULL};
	struct options *options;
	struct client *client;
	struct error err;
	int32_t partitions;
	bool printed;

	cr_assert_eq(options_parse(&command, 3, argv, &options, &printed, &err), STATUS_OK);
	cr_assert_eq(client_open(options, &client, &err), STATUS_OK);
	client_on_silence(note_silence);
	cr_expect_eq(client_partitions(client, "jobs", 100, &partitions, &err), STATUS_RETRY);
	cr_expect_eq(tellings, 0, "it fails at once");
	for (int i = 0; i < 2; i++) {
		int64_t start = clock_monotonic_ms();
		cr_expect_eq(client_partitions(client, "jobs", 2500, &partitions, &err), STATUS_RETRY);
		cr_expect_str_eq(err.code, "kafka_unreachable");
		cr_expect_geq(clock_monotonic_ms() - start, 2400, "it goes on trying");
	}
	cr_expect_eq(tellings, 1);
	cr_expect_str_eq(silent, "127.0.0.1:1,127.0.0.1:2");
	cr_expect(silent_left_ms > 0 && silent_left_ms <= 500, "%d", (int)silent_left_ms);
	client_close(client);
	options_free(options);
}

/* ---- a worker's session */

static enum status begin_with(const char *property, struct error *err)
{
	static const struct command_spec command = {.name = "test", .kafka = true};
	static const struct worker_spec spec = {.role = "test", .input = "in", .changelog = "state"};
	struct process_limits limits = {.transactions = 1};
	char *argv[] = {"test", "-b", "127.0.0.1:1", "-X", (char *)property, NULL};
	struct process *process = NULL;
	struct options *options;
	bool printed;

	cr_assert_eq(options_parse(&command, 5, argv, &options, &printed, err), STATUS_OK);
	enum status status = process_open(options, &spec, NULL, &limits, 1, &process, err);
	options_free(options);
	return status;
}

Test(config, refuses_a_session_that_ends_before_a_worker_s_lease)
{
	static const char *const properties[] = {
	        "session.timeout.ms=5499", "session.timeout.ms=1000", "heartbeat.interval.ms=1001"};
	struct error err;

	for (size_t i = 0; i < sizeof(properties) / sizeof(*properties); i++) {
		cr_expect_eq(begin_with(properties[i], &err), STATUS_REJECT, "%s", properties[i]);
		cr_expect_str_eq(err.code, "session_too_short");
		cr_expect(strstr(err.message, "session.timeout.ms"), "%s", err.message);
		cr_expect(strstr(err.message, i < 2 ? "must be 5500 or more" : "must be 6001 or more"), "%s",
		        err.message);
	}
	cr_expect_eq(begin_with("session.timeout.ms=5500", &err), STATUS_RETRY, "no broker: %s", err.message);
	cr_expect_eq(
	        begin_with("heartbeat.interval.ms=1000", &err), STATUS_RETRY, "no broker: %s", err.message);
}

/* ---- a clock that jumps while librdkafka starts its threads */

static bool is_clock_back;

/* In place of the C library's: librdkafka reckons by it until when its threads must run. */
int timespec_get(struct timespec *now, int base)
{
	clock_gettime(CLOCK_REALTIME, now);
	now->tv_sec -= is_clock_back ? 10800 : 0;
	return base;
}

void __lsan_disable(void) __attribute__((weak));

Test(config, is_not_blamed_for_threads_that_do_not_start_in_time)
{
	static const struct command_spec command = {.name = "test", .kafka = true};
	char *argv[] = {"test", "-b", "127.0.0.1:1", NULL};
	struct options *options;
	struct error err = {0};
	bool printed;

	if (__lsan_disable) /* what librdkafka gives up it does not free */
		__lsan_disable();
	cr_assert_eq(options_parse(&command, 3, argv, &options, &printed, &err), STATUS_OK);
	is_clock_back = true;
	for (int try = 0; try < 50 && strcmp(err.code, "kafka_threads") != 0; try++) {
		struct client *client; /* not closed: its threads may still tell it something */
		int32_t partitions;
		cr_assert_eq(client_open(options, &client, &err), STATUS_OK);
		cr_assert_neq(client_partitions(client, "jobs", 1, &partitions, &err), STATUS_OK);
		cr_assert_str_neq(err.code, "kafka_property", "%s", err.message);
	}
	cr_assert_str_eq(err.code, "kafka_threads");
	cr_assert_eq(err.status, STATUS_FATAL);
}
