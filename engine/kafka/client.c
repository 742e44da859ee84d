#include "engine/client.h"

#include "base/clock.h"
#include "base/memory.h"
#include "engine/kafka/client_parts.h"

#include <stdlib.h>
#include <string.h>

/* Plain producing for commands; reading is client_reader.c. */

struct client {
	const struct options *options;
	struct chatter *chatter;
	rd_kafka_t *producer; /* made at its first use */
	rd_kafka_topic_t **topics;
	size_t topic_count;
};

struct pending { /* a record on its way */
	client_delivered *delivered;
	void *context;
};

const struct options *client_options(const struct client *client)
{
	return client->options;
}

struct chatter *client_chatter(const struct client *client)
{
	return client->chatter;
}

enum status client_open(const struct options *options, struct client **ret_client, struct error *err)
{
	enum status status = config_check(options, err);

	if (status != STATUS_OK)
		return status;
	struct client *client = memory_alloc(sizeof(*client));
	client->options = options;
	client->chatter = chatter_new(false);
	*ret_client = client;
	return STATUS_OK;
}

static void on_delivery(rd_kafka_t *handle, const rd_kafka_message_t *message, void *opaque)
{
	struct pending *pending = message->_private;
	struct position position = {message->partition, message->offset};
	struct error err;

	(void)opaque;
	if (message->err)
		handle_fail(handle, message->err, &err, "cannot write to %s",
		        message->rkt ? rd_kafka_topic_name(message->rkt) : "a topic");
	if (pending->delivered)
		pending->delivered(
		        pending->context, message->err ? NULL : &position, message->err ? &err : NULL);
	free(pending);
}

static enum status need_producer(struct client *client, struct error *err)
{
	rd_kafka_conf_t *config;
	enum status status;

	if (client->producer)
		return STATUS_OK;
	status = config_new(client->options, client->chatter, false, &config, err);
	if (status != STATUS_OK)
		return status;
	config_set(config, "enable.idempotence", "true");
	config_set(config, "partitioner", "murmur2_random");
	rd_kafka_conf_set_dr_msg_cb(config, on_delivery);
	return handle_new(RD_KAFKA_PRODUCER, config, &client->producer, err);
}

void client_close(struct client *client)
{
	if (!client)
		return;
	if (client->producer) {
		rd_kafka_purge(client->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
		rd_kafka_flush(client->producer, 1000);
	}
	for (size_t i = 0; i < client->topic_count; i++)
		rd_kafka_topic_destroy(client->topics[i]);
	if (client->producer)
		rd_kafka_destroy(client->producer);
	free(client->topics);
	chatter_free(client->chatter);
	free(client);
}

enum status client_partitions(struct client *client, const char *topic, int64_t timeout_ms,
        int32_t *ret_partitions, struct error *err)
{
	enum status status = need_producer(client, err);

	return status == STATUS_OK
	               ? handle_partitions(client->producer, topic, timeout_ms, ret_partitions, err)
	               : status;
}

static rd_kafka_topic_t *topic_named(struct client *client, const char *name)
{
	for (size_t i = 0; i < client->topic_count; i++)
		if (strcmp(rd_kafka_topic_name(client->topics[i]), name) == 0)
			return client->topics[i];
	client->topics = memory_resize(client->topics, (client->topic_count + 1) * sizeof(*client->topics));
	return client->topics[client->topic_count++] = rd_kafka_topic_new(client->producer, name, NULL);
}

static rd_kafka_headers_t *headers_new(const struct client_header *headers, size_t count)
{
	rd_kafka_headers_t *list = rd_kafka_headers_new(count);

	for (size_t i = 0; i < count; i++)
		rd_kafka_header_add(list, headers[i].name.data, (ssize_t)headers[i].name.len,
		        headers[i].value.data, (ssize_t)headers[i].value.len);
	return list;
}

static rd_kafka_resp_err_t produce(struct client *client, rd_kafka_topic_t *topic, int32_t partition,
        struct view key, struct view value, const struct client_header *headers, size_t header_count,
        struct pending *pending)
{
	rd_kafka_vu_t parts[] = {{.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic},
	        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = partition},
	        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
	        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)key.data, key.len}},
	        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)value.data, value.len}},
	        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = pending}, {.vtype = RD_KAFKA_VTYPE_HEADERS}};
	rd_kafka_headers_t *list = header_count ? headers_new(headers, header_count) : NULL;
	rd_kafka_error_t *error;
	rd_kafka_resp_err_t code;

	parts[6].u.headers = list;
	error = rd_kafka_produceva(client->producer, parts, list ? 7 : 6);
	code = rd_kafka_error_code(error);
	rd_kafka_error_destroy(error);
	if (code && list)
		rd_kafka_headers_destroy(list); /* taken over on success only */
	return code;
}

enum status client_produce_to(struct client *client, const char *topic, int32_t partition, struct view key,
        struct view value, const struct client_header *headers, size_t header_count, int64_t timeout_ms,
        client_delivered *delivered, void *context, struct error *err)
{
	int64_t deadline = clock_monotonic_ms() + timeout_ms;
	enum status status = need_producer(client, err);
	struct pending *pending;
	rd_kafka_resp_err_t code;

	if (status != STATUS_OK)
		return status;
	pending = memory_alloc(sizeof(*pending));
	*pending = (struct pending){delivered, context};
	rd_kafka_topic_t *handle = topic_named(client, topic);
	while ((code = produce(client, handle, partition, key, value, headers, header_count, pending)) ==
	                RD_KAFKA_RESP_ERR__QUEUE_FULL &&
	        until(deadline, 1) > 0)
		rd_kafka_poll(client->producer, until(deadline, 100));
	if (code) {
		free(pending);
		return handle_fail(client->producer,
		        code == RD_KAFKA_RESP_ERR__QUEUE_FULL ? RD_KAFKA_RESP_ERR__TIMED_OUT : code, err,
		        "cannot write to %s", topic);
	}
	rd_kafka_poll(client->producer, 0);
	return STATUS_OK;
}

enum status client_produce(struct client *client, const char *topic, struct view key, struct view value,
        const struct client_header *headers, size_t header_count, int64_t timeout_ms,
        client_delivered *delivered, void *context, struct error *err)
{
	return client_produce_to(client, topic, RD_KAFKA_PARTITION_UA, key, value, headers, header_count,
	        timeout_ms, delivered, context, err);
}

void client_poll(struct client *client, int64_t timeout_ms)
{
	if (client->producer)
		rd_kafka_poll(client->producer, until(clock_monotonic_ms() + timeout_ms, 60000));
}

enum status client_flush(struct client *client, int64_t timeout_ms, struct error *err)
{
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

	if (client->producer)
		code = rd_kafka_flush(client->producer, until(clock_monotonic_ms() + timeout_ms, INT32_MAX));
	if (code)
		return handle_fail(client->producer, code, err, "%d record(s) not known to be in the log",
		        rd_kafka_outq_len(client->producer));
	return STATUS_OK;
}
