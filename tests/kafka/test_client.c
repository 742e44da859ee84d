#include "base/clock.h"
#include "engine/client_lanes.h"
#include "tests/kafka/real.h"

#include <criterion/criterion.h>
#include <string.h>

/* The plain client of commands, on a real broker. */

static const struct topic_spec specs[] = {{.name = "in", .retention_ms = -1}};

static void say(void *context, bool warning, const char *topic, const char *words)
{
	(void)context, (void)warning, (void)topic, (void)words;
}

static struct options *with_topic(char topic[256])
{
	struct options *options = real_options();
	struct error err;

	cr_assert_eq(topics_ensure(options, specs, 1, 3, -1, REAL_TIMEOUT_MS, say, NULL, &err), STATUS_OK,
	        "%s", err.message);
	real_topic(options, "in", topic);
	return options;
}

static void delivered(void *context, const struct position *position, const struct error *err)
{
	cr_assert(position, "%s", err ? err->message : "");
	*(struct position *)context = *position;
}

Test(client_produce, delivers_to_the_partition_of_java_clients)
{
	char topic[256];
	struct options *options = with_topic(topic);
	struct position at = {-1, -1};
	struct client *client;
	struct error err;

	cr_assert_eq(client_open(options, &client, &err), STATUS_OK);
	cr_assert_eq(client_produce(client, topic, view_text("PKG00042"), view_text("v"), NULL, 0,
	                     REAL_TIMEOUT_MS, delivered, &at, &err),
	        STATUS_OK);
	cr_assert_eq(client_flush(client, REAL_TIMEOUT_MS, &err), STATUS_OK);
	/* org.apache.kafka.common.utils.Utils.toPositive(Utils.murmur2("PKG00042")) % 3 */
	cr_expect_eq(at.partition, 2);
	cr_expect_eq(at.offset, 0);
	client_close(client);
	options_free(options);
}

Test(client_reader, reads_from_the_end_on_what_is_written_after_its_opening)
{
	char topic[256];
	struct options *options = with_topic(topic);
	struct client_source source = {topic, -1, CLIENT_FROM_END};
	struct client_header header = {view_text("traceparent"), view_text("00-1")};
	struct client_reader *reader;
	struct client_record record;
	struct client *client;
	struct error err;
	bool found = false;

	real_produce(options, "in", 0, "old", "v");
	cr_assert_eq(client_open(options, &client, &err), STATUS_OK);
	cr_assert_eq(client_reader_open(client, &source, 1, REAL_TIMEOUT_MS, &reader, &err), STATUS_OK);
	cr_expect(client_reader_is_past_end(reader));
	cr_assert_eq(client_produce(client, topic, view_text("new"), view_text("v"), &header, 1,
	                     REAL_TIMEOUT_MS, NULL, NULL, &err),
	        STATUS_OK);
	cr_assert_eq(client_flush(client, REAL_TIMEOUT_MS, &err), STATUS_OK);
	for (int64_t end = clock_monotonic_ms() + REAL_TIMEOUT_MS; !found && clock_monotonic_ms() < end;)
		cr_assert_eq(
		        client_reader_next(reader, 100, &record, &found, &err), STATUS_OK, "%s", err.message);
	cr_assert(found, "the record did not come");
	cr_expect(view_is(record.key, "new"));
	cr_expect_str_eq(record.topic, topic);
	cr_expect(view_is(client_reader_header(reader, "traceparent"), "00-1"));
	cr_expect(!client_reader_header(reader, "none").data);
	client_reader_close(reader);
	client_close(client);
	options_free(options);
}

Test(client_reader, tells_when_it_is_past_what_was_there)
{
	char topic[256];
	struct options *options = with_topic(topic);
	struct client_source source = {topic, -1, CLIENT_FROM_BEGINNING};
	struct client_reader *reader;
	struct client_record record;
	struct client *client;
	struct error err;
	bool found;
	int count = 0;

	for (int p = 0; p < 3; p++)
		real_produce(options, "in", p, "k", "v");
	cr_assert_eq(client_open(options, &client, &err), STATUS_OK);
	cr_assert_eq(client_reader_open(client, &source, 1, REAL_TIMEOUT_MS, &reader, &err), STATUS_OK);
	while (!client_reader_is_past_end(reader)) {
		cr_assert_eq(client_reader_next(reader, REAL_TIMEOUT_MS, &record, &found, &err), STATUS_OK);
		count += found;
	}
	cr_expect_eq(count, 3);
	client_reader_close(reader);
	client_close(client);
	options_free(options);
}

Test(client_partitions, names_a_missing_topic)
{
	struct options *options = real_options();
	struct client *client;
	struct error err;
	int32_t count;

	cr_assert_eq(client_open(options, &client, &err), STATUS_OK);
	cr_assert_eq(client_partitions(client, "no-such-topic", REAL_TIMEOUT_MS, &count, &err), STATUS_FATAL);
	cr_expect_str_eq(err.code, "topic_missing");
	client_close(client);
	options_free(options);
}

Test(client_partitions, says_when_no_broker_answers)
{
	static const struct command_spec command = {.name = "test", .kafka = true};
	char *argv[] = {"test", "-b", "127.0.0.1:1", NULL};
	int64_t start = clock_monotonic_ms();
	struct options *options;
	struct client *client;
	struct error err;
	int32_t count;
	bool printed;

	cr_assert_eq(options_parse(&command, 3, argv, &options, &printed, &err), STATUS_OK);
	cr_assert_eq(client_open(options, &client, &err), STATUS_OK);
	cr_assert_eq(client_partitions(client, "in", 700, &count, &err), STATUS_RETRY);
	cr_expect_str_eq(err.code, "kafka_unreachable");
	cr_expect_neq(strstr(err.message, "Connection refused"), NULL, "%s", err.message);
	cr_expect_lt(clock_monotonic_ms() - start, 5000);
	client_close(client);
	options_free(options);
}

/* ---- lanes */

/* How many records a lane gives until it is past its end, within the time-out. */
static int take_all(struct client_lanes *lanes, size_t lane)
{
	struct client_record record;
	struct error err;
	bool found;
	int count = 0;

	for (int64_t end = clock_monotonic_ms() + REAL_TIMEOUT_MS;;) {
		struct client_lane_place place = client_lane_place(lanes, lane);
		if (place.next >= place.end || clock_monotonic_ms() > end)
			return count;
		cr_assert_eq(
		        client_lane_take(lanes, lane, &record, &found, &err), STATUS_OK, "%s", err.message);
		count += found;
		if (!found)
			client_lanes_wait(lanes, 100);
	}
}

Test(client_lanes, gives_each_partition_by_itself_in_its_order)
{
	char topic[256];
	struct options *options = with_topic(topic);
	const char *const topics[] = {topic};
	struct client_lanes *lanes;
	struct client *client;
	struct error err;
	int32_t partitions;

	for (int i = 0; i < 5; i++)
		real_produce(options, "in", 1, "k", "v");
	real_produce(options, "in", 2, "k", "v");
	cr_assert_eq(client_open(options, &client, &err), STATUS_OK);
	cr_assert_eq(
	        client_lanes_open(client, topics, 1, 1 << 20, 5, REAL_TIMEOUT_MS, &partitions, &lanes, &err),
	        STATUS_OK, "%s", err.message);
	cr_expect_eq(partitions, 3);
	for (int32_t p = 0; p < 3; p++)
		cr_assert_eq(client_lanes_add(
		                     lanes, 0, p, p == 1 ? 2 : CLIENT_FROM_BEGINNING, REAL_TIMEOUT_MS, &err),
		        STATUS_OK, "%s", err.message);
	cr_assert_eq(client_lanes_start(lanes, &err), STATUS_OK);
	cr_expect_eq(take_all(lanes, 2), 1); /* although nobody has taken from those before it */
	cr_expect_eq(take_all(lanes, 1), 3);
	cr_expect_eq(take_all(lanes, 0), 0);
	cr_expect_eq(client_lane_place(lanes, 1).begin, 0);
	cr_expect_eq(client_lane_place(lanes, 1).start, 2);
	cr_expect_eq(client_lane_place(lanes, 1).next, 5);
	cr_expect(!client_lane_is_open(lanes, 1));
	client_lanes_close(lanes);
	client_close(client);
	options_free(options);
}

Test(client_lanes, gives_headers_by_name_and_in_order)
{
	char topic[256];
	struct options *options = with_topic(topic);
	const char *const topics[] = {topic};
	struct client_header headers[] = {{view_text("a"), view_text("1")}, {view_text("b"), view_text("2")},
	        {view_text("a"), view_text("3")}};
	struct client_lanes *lanes;
	struct client *client;
	struct view name, value;
	struct error err;
	int32_t partitions;

	cr_assert_eq(client_open(options, &client, &err), STATUS_OK);
	cr_assert_eq(client_produce_to(client, topic, 0, view_text("k"), view_text("v"), headers, 3,
	                     REAL_TIMEOUT_MS, NULL, NULL, &err),
	        STATUS_OK);
	cr_assert_eq(client_flush(client, REAL_TIMEOUT_MS, &err), STATUS_OK);
	cr_assert_eq(
	        client_lanes_open(client, topics, 1, 1 << 20, 5, REAL_TIMEOUT_MS, &partitions, &lanes, &err),
	        STATUS_OK);
	cr_assert_eq(client_lanes_add(lanes, 0, 0, CLIENT_FROM_BEGINNING, REAL_TIMEOUT_MS, &err), STATUS_OK);
	cr_assert_eq(client_lanes_start(lanes, &err), STATUS_OK);
	cr_assert_eq(take_all(lanes, 0), 1);
	cr_expect(view_is(client_lane_header(lanes, 0, "a"), "3"));
	cr_expect(!client_lane_header(lanes, 0, "c").data);
	cr_assert(client_lane_header_at(lanes, 0, 1, &name, &value));
	cr_expect(view_is(name, "b") && view_is(value, "2"));
	cr_expect(!client_lane_header_at(lanes, 0, 3, &name, &value));
	client_lanes_close(lanes);
	client_close(client);
	options_free(options);
}
