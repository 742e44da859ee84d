#include "base/clock.h"
#include "base/memory.h"
#include "engine/kafka/process_parts.h"
#include "tests/kafka/real.h"
#include "tests/suites/kafka_suite.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The contract of kafka.h on a real broker. Here librdkafka is used directly where a test must do what the
 * engine never does: stall, delete, forge. */

static const struct topic_spec specs[] = {{.name = "in", .retention_ms = -1, .max_message_bytes = 2 << 20},
        {.name = "out", .retention_ms = -1},
        {.name = "dlq", .retention_ms = -1, .max_message_bytes = 2 << 20},
        {.name = "state", .kind = TOPIC_CHANGELOG}};
enum { SPECS = 4, PARTITIONS = 2, OWNERS_MAX = 8, PACKED_FROM = 900000, MARKERS_MS = 10000 };

static const struct worker_spec spec = {
        .role = "test", .input = "in", .changelog = "state", .outputs = {"out"}, .dead_letters = "dlq"};

struct real_world {
	struct kafka_world world;
	struct options *options;
	struct {
		struct process *process;
		struct kafka *kafka;
	} owners[OWNERS_MAX];
};

static void say(void *context, bool warning, const char *topic, const char *words)
{
	(void)context, (void)warning, (void)topic, (void)words;
}

/* ---- owners */

static struct kafka *owner(struct kafka_world *world)
{
	struct real_world *real = (struct real_world *)world;
	struct process_limits limits = {.transactions = 4};
	struct error err;
	int i = 0;

	while (real->owners[i].kafka)
		cr_assert_lt(++i, OWNERS_MAX);
	cr_assert_eq(process_open(real->options, &spec, NULL, &limits, REAL_TIMEOUT_MS,
	                     &real->owners[i].process, &err),
	        STATUS_OK, "%s", err.message);
	real->owners[i].kafka = kafka_open(real->owners[i].process, 0);
	return real->owners[i].kafka;
}

static void release(struct kafka_world *world, struct kafka *kafka)
{
	struct real_world *real = (struct real_world *)world;
	int i = 0;

	while (real->owners[i].kafka != kafka)
		cr_assert_lt(++i, OWNERS_MAX);
	kafka_close(kafka);
	process_close(real->owners[i].process);
	real->owners[i].kafka = NULL;
}

static void stall(struct kafka_world *world, struct kafka *kafka, const char *key)
{
	rd_kafka_resp_err_t code;

	(void)world;
	cr_assert_null(rd_kafka_begin_transaction(kafka->producer));
	code = rd_kafka_producev(kafka->producer, RD_KAFKA_V_TOPIC(kafka->process->outputs[0]),
	        RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_KEY(key, strlen(key)), RD_KAFKA_V_VALUE("v", 1),
	        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_OPAQUE(kafka), RD_KAFKA_V_END);
	cr_assert_eq(code, 0);
	cr_assert_eq(rd_kafka_flush(kafka->producer, REAL_TIMEOUT_MS), 0);
	cr_assert_eq(kafka->refused, 0);
}

/* ---- the input */

static void note_offset(void *context, const struct position *position, const struct error *err)
{
	cr_assert(position, "%s", err ? err->message : "");
	*(int64_t *)context = position->offset;
}

static void note_packed(rd_kafka_t *handle, const rd_kafka_message_t *message, void *opaque)
{
	(void)handle, (void)opaque;
	cr_assert_eq(message->err, 0, "%s", rd_kafka_err2str(message->err));
	*(int64_t *)message->_private = message->offset;
}

/* A topic's limit is on what is sent: compressed, much more goes through. */
static int64_t produce_packed(
        const struct real_world *real, const char *topic, const char *key, const char *value)
{
	static struct chatter *chatter;
	int64_t offset = -1;
	rd_kafka_conf_t *config;
	rd_kafka_t *handle;
	struct error err;

	chatter = chatter ? chatter : chatter_new(false);
	cr_assert_eq(config_new(real->options, chatter, true, &config, &err), STATUS_OK);
	config_set(config, "compression.codec", "gzip");
	config_set(config, "message.max.bytes", "100000000");
	rd_kafka_conf_set_dr_msg_cb(config, note_packed);
	cr_assert_eq(handle_new(RD_KAFKA_PRODUCER, config, &handle, &err), STATUS_OK);
	cr_assert_eq(rd_kafka_producev(handle, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0),
	                     RD_KAFKA_V_KEY(key, strlen(key)), RD_KAFKA_V_VALUE((void *)value, strlen(value)),
	                     RD_KAFKA_V_OPAQUE(&offset), RD_KAFKA_V_END),
	        0);
	cr_assert_eq(rd_kafka_flush(handle, REAL_TIMEOUT_MS), 0);
	rd_kafka_destroy(handle);
	cr_assert_geq(offset, 0);
	return offset;
}

static int64_t produce(struct kafka_world *world, const char *key, const char *value)
{
	struct real_world *real = (struct real_world *)world;
	struct client *client;
	struct error err;
	int64_t offset = -1;
	char topic[256];

	real_topic(real->options, "in", topic);
	if (value && strlen(value) > PACKED_FROM)
		return produce_packed(real, topic, key, value);
	cr_assert_eq(client_open(real->options, &client, &err), STATUS_OK);
	cr_assert_eq(client_produce_to(client, topic, 0, view_text(key), view_text(value), NULL, 0,
	                     REAL_TIMEOUT_MS, note_offset, &offset, &err),
	        STATUS_OK);
	cr_assert_eq(client_flush(client, REAL_TIMEOUT_MS, &err), STATUS_OK);
	client_close(client);
	return offset;
}

static void on_delivery(rd_kafka_t *handle, const rd_kafka_message_t *message, void *opaque)
{
	(void)handle, (void)opaque;
	cr_assert_eq(message->err, 0);
}

static rd_kafka_t *handle_of(struct real_world *real, const char *transactional_id)
{
	static struct chatter *chatter;
	rd_kafka_conf_t *config;
	rd_kafka_t *handle;
	struct error err;

	chatter = chatter ? chatter : chatter_new(false);
	cr_assert_eq(config_new(real->options, chatter, true, &config, &err), STATUS_OK);
	if (transactional_id)
		config_set(config, "transactional.id", transactional_id);
	rd_kafka_conf_set_dr_msg_cb(config, on_delivery);
	cr_assert_eq(handle_new(RD_KAFKA_PRODUCER, config, &handle, &err), STATUS_OK);
	return handle;
}

static void produce_aborted(struct kafka_world *world, const char *key)
{
	struct real_world *real = (struct real_world *)world;
	char topic[256], id[256];

	real_topic(real->options, "in", topic);
	real_topic(real->options, "aborter", id);
	rd_kafka_t *handle = handle_of(real, id);
	cr_assert_null(rd_kafka_init_transactions(handle, REAL_TIMEOUT_MS));
	cr_assert_null(rd_kafka_begin_transaction(handle));
	cr_assert_eq(rd_kafka_producev(handle, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0),
	                     RD_KAFKA_V_KEY(key, strlen(key)), RD_KAFKA_V_VALUE("v", 1), RD_KAFKA_V_END),
	        0);
	cr_assert_eq(rd_kafka_flush(handle, REAL_TIMEOUT_MS), 0);
	cr_assert_null(rd_kafka_abort_transaction(handle, REAL_TIMEOUT_MS));
	rd_kafka_destroy(handle);
	/* the coordinator answers before it has written the marker, and the next claim of the id behind it */
	handle = handle_of(real, id);
	cr_assert_null(rd_kafka_init_transactions(handle, REAL_TIMEOUT_MS));
	rd_kafka_destroy(handle);
}

/* ---- administration */

static void await_event(rd_kafka_queue_t *queue)
{
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, REAL_TIMEOUT_MS);

	cr_assert(event);
	cr_assert_eq(rd_kafka_event_error(event), 0, "%s", rd_kafka_event_error_string(event));
	rd_kafka_event_destroy(event);
	rd_kafka_queue_destroy(queue);
}

static void truncate_input(struct kafka_world *world, int64_t first_left)
{
	struct real_world *real = (struct real_world *)world;
	rd_kafka_t *handle = handle_of(real, NULL);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(handle);
	rd_kafka_topic_partition_list_t *before = rd_kafka_topic_partition_list_new(1);
	char topic[256];

	real_topic(real->options, "in", topic);
	rd_kafka_topic_partition_list_add(before, topic, 0)->offset = first_left;
	rd_kafka_DeleteRecords_t *request = rd_kafka_DeleteRecords_new(before);
	rd_kafka_DeleteRecords(handle, &request, 1, NULL, queue);
	await_event(queue);
	rd_kafka_DeleteRecords_destroy(request);
	rd_kafka_topic_partition_list_destroy(before);
	rd_kafka_destroy(handle);
}

static void create_topic(rd_kafka_t *handle, const char *topic, bool compacted)
{
	int64_t deadline = clock_monotonic_ms() + REAL_TIMEOUT_MS;
	char words[128];
	rd_kafka_resp_err_t code;

	do { /* the deletion takes a moment to reach the brokers */
		rd_kafka_queue_t *queue = rd_kafka_queue_new(handle);
		rd_kafka_NewTopic_t *new = rd_kafka_NewTopic_new(topic, PARTITIONS, 1, words, sizeof(words));
		size_t count;
		rd_kafka_NewTopic_set_config(new, "message.timestamp.type", "LogAppendTime");
		rd_kafka_NewTopic_set_config(new, "max.message.bytes", "2097152");
		if (compacted)
			rd_kafka_NewTopic_set_config(new, "cleanup.policy", "compact");
		rd_kafka_CreateTopics(handle, &new, 1, NULL, queue);
		rd_kafka_event_t *event = rd_kafka_queue_poll(queue, REAL_TIMEOUT_MS);
		cr_assert(event);
		cr_assert_eq(rd_kafka_event_error(event), 0);
		code = rd_kafka_topic_result_error(rd_kafka_CreateTopics_result_topics(
		        rd_kafka_event_CreateTopics_result(event), &count)[0]);
		rd_kafka_event_destroy(event);
		rd_kafka_queue_destroy(queue);
		rd_kafka_NewTopic_destroy(new);
		cr_assert(clock_monotonic_ms() < deadline, "waited for %s to be gone", topic);
	} while (code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS);
	cr_assert_eq(code, 0, "%s", rd_kafka_err2str(code));
}

static void recreate(struct real_world *real, const char *name, bool compacted)
{
	rd_kafka_t *handle = handle_of(real, NULL);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(handle);
	char topic[256];

	real_topic(real->options, name, topic);
	rd_kafka_DeleteTopic_t *request = rd_kafka_DeleteTopic_new(topic);
	rd_kafka_DeleteTopics(handle, &request, 1, NULL, queue);
	await_event(queue);
	rd_kafka_DeleteTopic_destroy(request);
	create_topic(handle, topic, compacted);
	int32_t count = 0;
	struct error err;
	for (int64_t end = clock_monotonic_ms() + REAL_TIMEOUT_MS; count != PARTITIONS;) {
		cr_assert(clock_monotonic_ms() < end, "waited for %s to be there again", topic);
		if (handle_partitions(handle, topic, REAL_TIMEOUT_MS, &count, &err) != STATUS_OK)
			rd_kafka_poll(handle, 50);
	}
	rd_kafka_destroy(handle);
}

static void recreate_input(struct kafka_world *world)
{
	recreate((struct real_world *)world, "in", false);
}

static void lose_changelog(struct kafka_world *world)
{
	recreate((struct real_world *)world, "state", true);
}

/* ---- the output */

static int64_t end_of(struct real_world *real, const char *topic, const char *isolation)
{
	static struct chatter *chatter;
	rd_kafka_conf_t *config;
	rd_kafka_t *handle;
	struct error err;
	int64_t beginning, end;

	chatter = chatter ? chatter : chatter_new(false);
	cr_assert_eq(config_new(real->options, chatter, true, &config, &err), STATUS_OK);
	config_set(config, "isolation.level", isolation);
	cr_assert_eq(handle_new(RD_KAFKA_CONSUMER, config, &handle, &err), STATUS_OK);
	cr_assert_eq(
	        rd_kafka_query_watermark_offsets(handle, topic, 0, &beginning, &end, REAL_TIMEOUT_MS), 0);
	rd_kafka_destroy(handle);
	return end;
}

/* A commit is answered before its markers are written, and what is committed ends before the first that is
 * missing. What a lost owner has left open may stay so: then there is nothing to wait for. */
static void await_markers(struct real_world *real, const char *topic)
{
	int64_t end = clock_monotonic_ms() + MARKERS_MS;

	while (end_of(real, topic, "read_committed") < end_of(real, topic, "read_uncommitted") &&
	        clock_monotonic_ms() < end)
		usleep(20000);
}

static size_t count_output(struct kafka_world *world, const char *key)
{
	struct real_world *real = (struct real_world *)world;
	struct client_reader *reader;
	struct client_record record;
	struct client *client;
	struct error err;
	char topic[256];
	size_t count = 0;
	bool found;

	real_topic(real->options, "out", topic);
	await_markers(real, topic);
	struct client_source source = {topic, 0, CLIENT_FROM_BEGINNING};
	cr_assert_eq(client_open(real->options, &client, &err), STATUS_OK);
	cr_assert_eq(client_reader_open(client, &source, 1, REAL_TIMEOUT_MS, &reader, &err), STATUS_OK);
	while (!client_reader_is_past_end(reader)) {
		cr_assert_eq(client_reader_next(reader, REAL_TIMEOUT_MS, &record, &found, &err), STATUS_OK);
		count += found && view_is(record.key, key);
	}
	client_reader_close(reader);
	client_close(client);
	return count;
}

static void add_poison(struct kafka_world *world, struct outbox *outbox)
{
	/* as much as an outbox takes; with its key and framing it is more than the topic takes */
	struct view value = {memory_alloc(OUTBOX_VALUE_MAX), OUTBOX_VALUE_MAX};

	(void)world;
	outbox_about(outbox, view_text("poison"), (struct view){0});
	outbox_record(outbox, 0, value);
	cr_assert(!outbox_is_overfull(outbox));
	free((char *)value.data);
}

/* ---- the world */

static void close_world(struct kafka_world *world)
{
	struct real_world *real = (struct real_world *)world;

	for (int i = 0; i < OWNERS_MAX; i++)
		cr_expect_null(real->owners[i].kafka);
	options_free(real->options);
	free(real);
}

static struct kafka_world *open_world(void)
{
	struct real_world *real = memory_alloc(sizeof(*real));
	struct error err;

	real->world = (struct kafka_world){.owner = owner,
	        .release = release,
	        .stall = stall,
	        .produce = produce,
	        .produce_aborted = produce_aborted,
	        .count_output = count_output,
	        .add_poison = add_poison,
	        .truncate_input = truncate_input,
	        .recreate_input = recreate_input,
	        .lose_changelog = lose_changelog,
	        .close = close_world};
	real->options = real_options();
	cr_assert_eq(
	        topics_ensure(real->options, specs, SPECS, PARTITIONS, -1, REAL_TIMEOUT_MS, say, NULL, &err),
	        STATUS_OK, "%s", err.message);
	return &real->world;
}

#define FACT(fact) KAFKA_FACT_TEST(kafka_real, fact, open_world)
KAFKA_FACTS(FACT)
