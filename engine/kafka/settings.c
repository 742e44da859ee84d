#include "base/memory.h"
#include "engine/kafka/topics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Compares topics' settings with what the engine rests on. What would lose or repeat something is refused,
 * what may be meant is told. */

struct judgement {
	struct topics *topics;
	const struct topic_spec *spec;
	const char *name;
	size_t faults;
};

static void say(
        struct judgement *judgement, bool fault, const char *setting, const char *value, const char *words)
{
	char text[512];

	snprintf(text, sizeof(text), "%s is %s, but %s", setting, value, words);
	judgement->topics->say(judgement->topics->context, true, judgement->name, text);
	judgement->faults += fault;
}

static void judge_changelog(struct judgement *judgement, const char *setting, const char *value)
{
	if (strcmp(setting, "cleanup.policy") == 0 && strcmp(value, "compact") != 0)
		say(judgement, true, setting, value,
		        "must be exactly 'compact': else rows of the state are deleted");
	if (strcmp(setting, "delete.retention.ms") == 0 && atoll(value) < DELETE_RETENTION_MS)
		say(judgement, true, setting, value,
		        "must be 86400000 or more: a restore must see the rows that were removed while it "
		        "reads");
	if (strcmp(setting, "message.timestamp.type") == 0 && strcmp(value, "LogAppendTime") != 0)
		say(judgement, true, setting, value,
		        "must be LogAppendTime: the claim's time is the shard's clock");
}

static void judge_log(struct judgement *judgement, const char *setting, const char *value)
{
	if (strcmp(setting, "cleanup.policy") == 0 && strcmp(value, "delete") != 0)
		say(judgement, true, setting, value,
		        "must be exactly 'delete': compaction would take records out of it");
	if (strcmp(setting, "message.timestamp.type") == 0 && strcmp(value, "LogAppendTime") != 0)
		say(judgement, false, setting, value,
		        "should be LogAppendTime: else times are the clients' words");
	if (judgement->spec->retention_ms >= 0)
		return;
	if ((strcmp(setting, "retention.ms") == 0 || strcmp(setting, "retention.bytes") == 0) &&
	        strcmp(value, "-1") != 0)
		say(judgement, false, setting, value,
		        "should be -1 (for ever): the log is the audit trail, and what is deleted can't be "
		        "read again");
}

static void judge(struct judgement *judgement, const char *setting, const char *value)
{
	if (strcmp(setting, "max.message.bytes") == 0 &&
	        atoll(value) < topics_message_bytes(judgement->spec)) {
		char words[128];
		snprintf(words, sizeof(words),
		        "must be %d or more: else what was accepted may not be written",
		        topics_message_bytes(judgement->spec));
		say(judgement, true, setting, value, words);
	}
	if (judgement->spec->kind == TOPIC_CHANGELOG)
		judge_changelog(judgement, setting, value);
	else
		judge_log(judgement, setting, value);
}

static void judge_resource(struct topics *topics, const rd_kafka_ConfigResource_t *resource, size_t *faults)
{
	struct judgement judgement = {.topics = topics, .name = rd_kafka_ConfigResource_name(resource)};
	size_t count;
	const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);

	for (size_t i = 0; i < topics->count; i++)
		if (strcmp(topics->names[i], judgement.name) == 0)
			judgement.spec = &topics->specs[i];
	if (!judgement.spec)
		return;
	if (rd_kafka_ConfigResource_error(resource)) {
		char words[256];
		snprintf(words, sizeof(words), "its settings can't be checked: %s",
		        rd_kafka_err2str(rd_kafka_ConfigResource_error(resource)));
		topics->say(topics->context, true, judgement.name, words);
		return;
	}
	for (size_t i = 0; i < count; i++)
		if (rd_kafka_ConfigEntry_value(entries[i]))
			judge(&judgement, rd_kafka_ConfigEntry_name(entries[i]),
			        rd_kafka_ConfigEntry_value(entries[i]));
	*faults += judgement.faults;
}

static enum status judge_all(struct topics *topics, const rd_kafka_event_t *event, struct error *err)
{
	size_t count, faults = 0;
	const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(
	        rd_kafka_event_DescribeConfigs_result((rd_kafka_event_t *)event), &count);

	for (size_t i = 0; i < count; i++)
		judge_resource(topics, resources[i], &faults);
	if (faults)
		return error_set(err, STATUS_FATAL, "topic_settings",
		        "%zu settings of the topics can't be used (each was named): change them with "
		        "kafka-configs --alter --entity-type topics",
		        faults);
	return STATUS_OK;
}

enum status topics_check_settings(struct topics *topics, struct error *err)
{
	rd_kafka_ConfigResource_t **asked =
	        memory_alloc(topics->count * sizeof(struct rd_kafka_ConfigResource_t *));
	rd_kafka_AdminOptions_t *how =
	        rd_kafka_AdminOptions_new(topics->handle, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(topics->handle);
	rd_kafka_event_t *event;
	char words[128];

	for (size_t i = 0; i < topics->count; i++)
		asked[i] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topics->names[i]);
	rd_kafka_AdminOptions_set_request_timeout(
	        how, until(topics->deadline_ms, 60000) + 1, words, sizeof(words));
	rd_kafka_DescribeConfigs(topics->handle, asked, topics->count, how, queue);
	rd_kafka_AdminOptions_destroy(how);
	enum status status = topics_await(topics, queue, "ask for the topics' settings", &event, err);
	if (status == STATUS_OK) {
		status = judge_all(topics, event, err);
		rd_kafka_event_destroy(event);
	}
	rd_kafka_queue_destroy(queue);
	rd_kafka_ConfigResource_destroy_array(asked, topics->count);
	free(asked);
	return status;
}
