#include "engine/kafka/admin.h"

#include "base/clock.h"
#include "base/memory.h"
#include "engine/kafka/topics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Topics: which are there, and those that are not. */

enum { PARTITIONS_DEFAULT = 12 };

int32_t topics_message_bytes(const struct topic_spec *spec)
{
	return spec->max_message_bytes ? spec->max_message_bytes : MESSAGE_BYTES_DEFAULT;
}

/* ---- a run */

static enum status topics_open(struct topics *topics, const struct options *options, struct error *err)
{
	rd_kafka_conf_t *config;
	enum status status;

	topics->chatter = chatter_new(false);
	status = config_new(options, topics->chatter, true, &config, err);
	if (status != STATUS_OK)
		return status;
	topics->names = memory_alloc(topics->count * sizeof(*topics->names));
	topics->partitions = memory_alloc(topics->count * sizeof(*topics->partitions));
	for (size_t i = 0; i < topics->count; i++)
		topics->names[i] = memory_format("%s%s", options_prefix(options), topics->specs[i].name);
	return handle_new(RD_KAFKA_PRODUCER, config, &topics->handle, err);
}

static void topics_close(struct topics *topics)
{
	for (size_t i = 0; topics->names && i < topics->count; i++)
		free(topics->names[i]);
	free(topics->names);
	free(topics->partitions);
	if (topics->handle)
		rd_kafka_destroy(topics->handle);
	chatter_free(topics->chatter);
}

enum status topics_await(struct topics *topics, rd_kafka_queue_t *queue, const char *what,
        rd_kafka_event_t **ret_event, struct error *err)
{
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, until(topics->deadline_ms, INT32_MAX));
	rd_kafka_resp_err_t code = event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;

	if (!code) {
		*ret_event = event;
		return STATUS_OK;
	}
	if (event)
		rd_kafka_event_destroy(event);
	return handle_fail(topics->handle, code, err, "cannot %s", what);
}

/* ---- what is there */

static enum status look(struct topics *topics, struct error *err)
{
	const struct rd_kafka_metadata *metadata;
	rd_kafka_resp_err_t code =
	        handle_metadata(topics->handle, NULL, &metadata, until(topics->deadline_ms, INT32_MAX));

	if (code)
		return handle_fail(topics->handle, code, err, "cannot list the topics");
	for (size_t i = 0; i < topics->count; i++) {
		topics->partitions[i] = 0;
		for (int t = 0; t < metadata->topic_cnt; t++)
			if (strcmp(metadata->topics[t].topic, topics->names[i]) == 0 &&
			        !metadata->topics[t].err)
				topics->partitions[i] = metadata->topics[t].partition_cnt;
	}
	rd_kafka_metadata_destroy(metadata);
	return STATUS_OK;
}

/* The partition count that all present topics have, 0 where there are none. */
static enum status common_count(const struct topics *topics, int32_t *ret_count, struct error *err)
{
	size_t first = topics->count;

	for (size_t i = 0; i < topics->count; i++) {
		if (!topics->partitions[i])
			continue;
		if (first == topics->count)
			first = i;
		if (topics->partitions[i] != topics->partitions[first])
			return error_set(err, STATUS_FATAL, "partition_count",
			        "%s has %d partitions but %s has %d: all must have the same count, which is "
			        "for "
			        "life, since it decides where each key lies; use another --prefix, or delete "
			        "the "
			        "topics that were made by accident",
			        topics->names[first], topics->partitions[first], topics->names[i],
			        topics->partitions[i]);
	}
	*ret_count = first < topics->count ? topics->partitions[first] : 0;
	return STATUS_OK;
}

/* ---- those that are not */

static void set_config(rd_kafka_NewTopic_t *topic, const char *name, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)value);
	rd_kafka_NewTopic_set_config(topic, name, text);
}

static rd_kafka_NewTopic_t *new_topic(
        const struct topics *topics, size_t n, int32_t partitions, int32_t replication, struct error *err)
{
	const struct topic_spec *spec = &topics->specs[n];
	bool changelog = spec->kind == TOPIC_CHANGELOG;
	char words[256];
	rd_kafka_NewTopic_t *topic =
	        rd_kafka_NewTopic_new(topics->names[n], partitions, replication, words, sizeof(words));

	if (!topic) {
		error_set(err, STATUS_REJECT, "kafka_error", "cannot create %s: %s", topics->names[n], words);
		return NULL;
	}
	rd_kafka_NewTopic_set_config(topic, "cleanup.policy", changelog ? "compact" : "delete");
	rd_kafka_NewTopic_set_config(topic, "message.timestamp.type", "LogAppendTime");
	set_config(topic, "max.message.bytes", topics_message_bytes(spec));
	if (!changelog) {
		set_config(topic, "retention.ms", spec->retention_ms);
		set_config(topic, "retention.bytes", -1);
		return topic;
	}
	set_config(topic, "delete.retention.ms", DELETE_RETENTION_MS);
	set_config(topic, "min.compaction.lag.ms", 60 * 1000);
	/* the active segment is not compacted: a small one keeps restores short */
	set_config(topic, "segment.bytes", 64 << 20);
	return topic;
}

static enum status judge_created(
        struct topics *topics, const rd_kafka_CreateTopics_result_t *result, struct error *err)
{
	enum status status = STATUS_OK;
	size_t count;
	const rd_kafka_topic_result_t **results = rd_kafka_CreateTopics_result_topics(result, &count);

	for (size_t i = 0; i < count; i++) {
		rd_kafka_resp_err_t code = rd_kafka_topic_result_error(results[i]);
		const char *name = rd_kafka_topic_result_name(results[i]),
		           *words = rd_kafka_topic_result_error_string(results[i]);
		if (!code)
			topics->say(topics->context, false, name, "created");
		else if (code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS && status == STATUS_OK)
			status = handle_fail(
			        topics->handle, code, err, "cannot create %s (%s)", name, words ? words : "");
	}
	return status;
}

static enum status send_create(
        struct topics *topics, rd_kafka_NewTopic_t **missing, size_t count, struct error *err)
{
	rd_kafka_AdminOptions_t *how =
	        rd_kafka_AdminOptions_new(topics->handle, RD_KAFKA_ADMIN_OP_CREATETOPICS);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(topics->handle);
	rd_kafka_event_t *event;
	char words[128];
	enum status status;

	rd_kafka_AdminOptions_set_request_timeout(
	        how, until(topics->deadline_ms, 60000) + 1, words, sizeof(words));
	rd_kafka_AdminOptions_set_operation_timeout(
	        how, until(topics->deadline_ms, 60000) + 1, words, sizeof(words));
	rd_kafka_CreateTopics(topics->handle, missing, count, how, queue);
	rd_kafka_AdminOptions_destroy(how);
	status = topics_await(topics, queue, "create topics", &event, err);
	if (status == STATUS_OK) {
		status = judge_created(topics, rd_kafka_event_CreateTopics_result(event), err);
		rd_kafka_event_destroy(event);
	}
	rd_kafka_queue_destroy(queue);
	return status;
}

/* Metadata reaches the brokers a moment after the controller has made a topic. */
static enum status await_all(struct topics *topics, struct error *err)
{
	for (;;) {
		size_t missing = 0;
		enum status status = look(topics, err);
		if (status != STATUS_OK)
			return status;
		for (size_t i = 0; i < topics->count; i++)
			missing += topics->partitions[i] == 0;
		if (missing == 0)
			return STATUS_OK;
		if (until(topics->deadline_ms, 1) == 0)
			return error_set(err, STATUS_RETRY, "kafka_unreachable",
			        "%zu of the created topics are not visible yet: run this again", missing);
		rd_kafka_poll(topics->handle, 100);
	}
}

static enum status create_missing(
        struct topics *topics, int32_t partitions, int32_t replication, struct error *err)
{
	rd_kafka_NewTopic_t **missing = memory_alloc(topics->count * sizeof(struct rd_kafka_NewTopic_t *));
	enum status status = STATUS_OK;
	size_t count = 0;

	for (size_t i = 0; status == STATUS_OK && i < topics->count; i++) {
		if (topics->partitions[i])
			continue;
		if (topics->specs[i].witness)
			status = genesis_check_witness(topics, i, err);
		if (status == STATUS_OK &&
		        !(missing[count++] = new_topic(topics, i, partitions, replication, err)))
			status = STATUS_REJECT, count--;
	}
	if (status == STATUS_OK && count)
		status = send_create(topics, missing, count, err);
	for (size_t i = 0; i < count; i++)
		rd_kafka_NewTopic_destroy(missing[i]);
	free(missing);
	return status == STATUS_OK ? await_all(topics, err) : status;
}

/* ---- the two ways in */

static enum status ensure(struct topics *topics, int32_t partitions, int32_t replication, struct error *err)
{
	int32_t present;
	enum status status = look(topics, err);

	if (status == STATUS_OK)
		status = common_count(topics, &present, err);
	if (status == STATUS_OK && present && partitions && present != partitions)
		return error_set(err, STATUS_FATAL, "partition_count",
		        "the topics have %d partitions, not %d: the count is for life, since it decides "
		        "where each "
		        "key lies",
		        present, partitions);
	if (status == STATUS_OK)
		status = create_missing(topics,
		        partitions     ? partitions
		        : present != 0 ? present
		                       : PARTITIONS_DEFAULT,
		        replication, err);
	if (status == STATUS_OK)
		status = common_count(topics, &present, err); /* others may have made some meanwhile */
	if (status == STATUS_OK)
		status = topics_check_settings(topics, err);
	for (size_t i = 0; status == STATUS_OK && i < topics->count; i++)
		if (topics->specs[i].kind == TOPIC_CHANGELOG)
			status = genesis_ensure(topics, i, err);
	return status;
}

enum status topics_ensure(const struct options *options, const struct topic_spec *specs, size_t count,
        int32_t partitions, int32_t replication, int64_t timeout_ms, topics_say *say, void *context,
        struct error *err)
{
	struct topics topics = {.options = options,
	        .specs = specs,
	        .count = count,
	        .say = say,
	        .context = context,
	        .deadline_ms = clock_monotonic_ms() + timeout_ms};
	enum status status = topics_open(&topics, options, err);

	if (status == STATUS_OK)
		status = ensure(&topics, partitions, replication, err);
	topics_close(&topics);
	return status;
}

static enum status check(struct topics *topics, int32_t *ret_partitions, struct error *err)
{
	enum status status = look(topics, err);

	for (size_t i = 0; status == STATUS_OK && i < topics->count; i++)
		if (!topics->partitions[i])
			status = handle_fail(topics->handle, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, err,
			        "cannot find %s", topics->names[i]);
	if (status == STATUS_OK)
		status = common_count(topics, ret_partitions, err);
	return status == STATUS_OK ? topics_check_settings(topics, err) : status;
}

enum status topics_check(const struct options *options, const struct topic_spec *specs, size_t count,
        int64_t timeout_ms, topics_say *say, void *context, int32_t *ret_partitions, struct error *err)
{
	struct topics topics = {.options = options,
	        .specs = specs,
	        .count = count,
	        .say = say,
	        .context = context,
	        .deadline_ms = clock_monotonic_ms() + timeout_ms};
	enum status status = topics_open(&topics, options, err);

	if (status == STATUS_OK)
		status = check(&topics, ret_partitions, err);
	topics_close(&topics);
	return status;
}
