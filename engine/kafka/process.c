#include "engine/kafka/process.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "engine/kafka/admin.h"
#include "engine/kafka/process_parts.h"

#include <stdlib.h>
#include <string.h>

/* What the shards of a process share, and the topics looked at before any is begun. */

enum { LEND_MS = 2000, IDLE_MS = 5000, COMMON_WAIT_MS = 2000 };

static void say(void *context, bool warning, const char *topic, const char *words)
{
	(void)context;
	log_line(warning ? LOG_WARN : LOG_INFO, "topic", "topic", topic, "text", words, NULL);
}

static enum status check_topics(struct process *process, int64_t timeout_ms, struct error *err)
{
	const struct worker_spec *spec = process->spec;
	struct topic_spec topics[WORKER_OUTPUTS_MAX + 4];
	size_t count = 0;

	topics[count++] = (struct topic_spec){.name = spec->input, .retention_ms = -1};
	topics[count++] = (struct topic_spec){.name = spec->changelog, .kind = TOPIC_CHANGELOG};
	for (int i = 0; i < WORKER_OUTPUTS_MAX && spec->outputs[i]; i++)
		topics[count++] = (struct topic_spec){.name = spec->outputs[i], .retention_ms = -1};
	if (spec->dead_letters)
		topics[count++] = (struct topic_spec){.name = spec->dead_letters, .retention_ms = -1};
	if (spec->tell)
		topics[count++] = (struct topic_spec){.name = spec->tell, .retention_ms = 0};
	return topics_check(
	        process->options, topics, count, timeout_ms, say, NULL, &process->partitions, err);
}

static char *full_name(const struct process *process, const char *name)
{
	return name ? memory_format("%s%s", options_prefix(process->options), name) : NULL;
}

static void name_topics(struct process *process)
{
	const struct worker_spec *spec = process->spec;

	process->input = full_name(process, spec->input);
	process->changelog = full_name(process, spec->changelog);
	process->dead_letters = full_name(process, spec->dead_letters);
	for (int i = 0; i < WORKER_OUTPUTS_MAX && spec->outputs[i]; i++)
		process->outputs[i] = full_name(process, spec->outputs[i]);
}

static enum status teller_open(struct process *process, struct error *err)
{
	rd_kafka_conf_t *config;
	char *topic;
	enum status status;

	if (!process->spec->tell)
		return STATUS_OK;
	status = config_new(process->options, process->chatter, true, &config, err);
	if (status != STATUS_OK)
		return status;
	config_set(config, "acks", "1");
	config_set(config, "partitioner", "murmur2_random");
	config_set(config, "linger.ms", "50");
	config_set(config, "message.timeout.ms", "5000");
	config_set(config, "queue.buffering.max.messages", "10000");
	status = handle_new(RD_KAFKA_PRODUCER, config, &process->teller, err);
	if (status != STATUS_OK)
		return status;
	topic = full_name(process, process->spec->tell);
	process->tell = rd_kafka_topic_new(process->teller, topic, NULL);
	free(topic);
	return STATUS_OK;
}

void process_tell(struct process *process, struct view key, struct view value)
{
	if (process->tell) /* for eyes only: a full queue drops it */
		(void)rd_kafka_produce(process->tell, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY,
		        (void *)value.data, value.len, key.data, key.len, NULL);
}

/* What a shard that is not idle gets, it gets through a reader of its own, so little is asked for at a time.
 */
static enum status common_open(struct process *process, struct error *err)
{
	struct reader_bounds bounds = {
	        .messages = 1000, .kbytes = 1024, .fetch_bytes = 65536, .wait_ms = COMMON_WAIT_MS};
	enum status status = reader_open(process->options, process->chatter, bounds, &process->common, err);

	return status == STATUS_OK ? reader_know(&process->common, process->input, err) : status;
}

enum status process_open(const struct options *options, const struct worker_spec *spec, const char *instance,
        const struct process_limits *limits, int64_t timeout_ms, struct process **ret_process,
        struct error *err)
{
	struct process *process = memory_alloc(sizeof(*process));
	enum status status;

	process->options = options;
	process->spec = spec;
	process->instance = instance;
	process->limits = *limits;
	if (!process->limits.idle_ms)
		process->limits.idle_ms = IDLE_MS;
	process->chatter = chatter_new(true);
	chatter_set_owner(process->chatter, process);
	process->permits = permits_new(limits->transactions, LEND_MS);
	name_topics(process);
	status = group_check(process, err);
	if (status == STATUS_OK)
		status = check_topics(process, timeout_ms, err);
	if (status == STATUS_OK)
		status = teller_open(process, err);
	if (status == STATUS_OK)
		status = common_open(process, err);
	if (status != STATUS_OK) {
		process_close(process);
		return status;
	}
	process->is_given = memory_alloc((size_t)process->partitions * sizeof(*process->is_given));
	process->is_shared = memory_alloc((size_t)process->partitions * sizeof(*process->is_shared));
	*ret_process = process;
	return STATUS_OK;
}

void process_close(struct process *process)
{
	if (!process)
		return;
	if (process->tell)
		rd_kafka_topic_destroy(process->tell);
	if (process->teller)
		rd_kafka_destroy(process->teller);
	reader_close(&process->common);
	permits_free(process->permits);
	chatter_free(process->chatter);
	free(process->input);
	free(process->changelog);
	free(process->dead_letters);
	for (int i = 0; i < WORKER_OUTPUTS_MAX; i++)
		free(process->outputs[i]);
	free(process->is_given);
	free(process->is_shared);
	free(process);
}

int32_t process_partitions(const struct process *process)
{
	return process->partitions;
}
