#include "base/clock.h"
#include "base/memory.h"
#include "engine/kafka/process_parts.h"
#include "engine/lease.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Group membership, and nothing else: what it assigns is paused at its end and never consumed here. */

static void note_given(struct process *process, int32_t partition)
{
	if (partition < process->partitions)
		atomic_store(&process->is_given[partition], true);
	else
		error_set(&process->failure, STATUS_FATAL, "partition_count",
		        "%s had %d partitions and has more now: keys lie elsewhere than their rows; go back "
		        "to the "
		        "old count, or begin anew under another --prefix",
		        process->input, process->partitions);
}

static void take_event(
        struct process *process, enum group_event event, const rd_kafka_topic_partition_list_t *list)
{
	if (process->given)
		rd_kafka_topic_partition_list_destroy(process->given);
	process->given = rd_kafka_topic_partition_list_copy(list);
	process->event = event;
	for (int32_t p = 0; p < process->partitions; p++)
		atomic_store(&process->is_given[p], false);
	for (int i = 0; event == GROUP_ASSIGNED && i < list->cnt; i++)
		note_given(process, list->elems[i].partition);
}

/* Only notes what happened, and ends serve(), so that nothing comes behind it before group_answer() tells the
 * group that we are ready. */
static void on_rebalance(
        rd_kafka_t *handle, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *list, void *opaque)
{
	struct process *process = chatter_owner(opaque);

	if (!process->leaving)
		rd_kafka_yield(handle);
	if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS && !process->leaving) {
		take_event(process, GROUP_ASSIGNED, list);
		return;
	}
	take_event(process, GROUP_REVOKED, list);
	if (process->leaving || code != RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS)
		rd_kafka_assign(handle, NULL);
}

/* What no further try will mend. All else librdkafka goes on from by itself. */
static void note_failure(struct process *process, rd_kafka_resp_err_t code, const char *words)
{
	char fatal[256] = "";

	if (code == RD_KAFKA_RESP_ERR__FATAL)
		code = rd_kafka_fatal_error(process->group, fatal, sizeof(fatal));
	if (code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID)
		error_set(&process->failure, STATUS_FATAL, "instance_taken",
		        "another worker has begun as --instance %s: give each a name of its own",
		        process->instance);
	else if (*fatal || code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED ||
	         code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
		error_set(&process->failure, STATUS_FATAL, "group_failed",
		        "this worker can't be in the consumer group of %s: %s (%s)", process->input,
		        rd_kafka_err2str(code), *fatal ? fatal : words);
}

static void on_error(rd_kafka_t *handle, int code, const char *reason, void *opaque)
{
	(void)handle;
	note_failure(chatter_owner(opaque), code, reason);
}

static enum status subscribe(struct process *process, struct error *err)
{
	rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);

	rd_kafka_topic_partition_list_add(topics, process->input, RD_KAFKA_PARTITION_UA);
	rd_kafka_resp_err_t code = rd_kafka_subscribe(process->group, topics);
	rd_kafka_topic_partition_list_destroy(topics);
	return code ? handle_fail(process->group, code, err, "cannot join the group of %s", process->input)
	            : STATUS_OK;
}

/* ---- joining and leaving */

static long number_of(const rd_kafka_conf_t *config, const char *name)
{
	char text[32] = "";
	size_t size = sizeof(text);

	return rd_kafka_conf_get(config, name, text, &size) == RD_KAFKA_CONF_OK ? atol(text) : 0;
}

static enum status check_session(const rd_kafka_conf_t *config, struct error *err)
{
	long session = number_of(config, "session.timeout.ms");
	long heartbeat = number_of(config, "heartbeat.interval.ms");

	if (session >= LEASE_MS + heartbeat)
		return STATUS_OK;
	return error_set(err, STATUS_REJECT, "session_too_short",
	        "session.timeout.ms is %ld, but must be %ld or more (%d and heartbeat.interval.ms): a worker "
	        "that Kafka no longer hears goes on for up to %d ms, and nobody else may take its work over "
	        "meanwhile",
	        session, LEASE_MS + heartbeat, LEASE_MS, LEASE_MS);
}

static enum status group_config(
        const struct process *process, rd_kafka_conf_t **ret_config, struct error *err)
{
	rd_kafka_conf_t *config;
	enum status status = config_new(process->options, process->chatter, false, &config, err);

	if (status != STATUS_OK)
		return status;
	config_tune(config, process->options, "session.timeout.ms", "6000");
	config_tune(config, process->options, "heartbeat.interval.ms", "500");
	status = check_session(config, err);
	if (status != STATUS_OK)
		rd_kafka_conf_destroy(config);
	*ret_config = config;
	return status;
}

enum status group_check(const struct process *process, struct error *err)
{
	rd_kafka_conf_t *config;
	enum status status = group_config(process, &config, err);

	if (status == STATUS_OK)
		rd_kafka_conf_destroy(config);
	return status;
}

static void watch_queue(struct process *process)
{
	rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(process->group);

	process->group_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (process->group_fd < 0)
		abort(); /* out of descriptors */
	queue_wakes(queue, process->group_fd);
	rd_kafka_queue_destroy(queue);
}

enum status group_join(struct process *process, struct error *err)
{
	rd_kafka_conf_t *config;
	char *name;
	enum status status = group_config(process, &config, err);

	if (status != STATUS_OK)
		return status;
	name = memory_format("%s%s", options_prefix(process->options), process->spec->role);
	config_set(config, "group.id", name);
	free(name);
	if (process->instance)
		config_set(config, "group.instance.id", process->instance);
	config_set(config, "partition.assignment.strategy", "range");
	config_set(config, "enable.auto.commit", "false");
	config_set(config, "enable.auto.offset.store", "false");
	config_set(config, "auto.offset.reset", "latest");
	config_set(config, "isolation.level", "read_committed");
	config_set(config, "fetch.wait.max.ms", "5000");
	rd_kafka_conf_set_rebalance_cb(config, on_rebalance);
	rd_kafka_conf_set_error_cb(config, on_error);
	status = handle_new(RD_KAFKA_CONSUMER, config, &process->group, err);
	if (status != STATUS_OK)
		return status;
	rd_kafka_poll_set_consumer(process->group);
	watch_queue(process);
	return subscribe(process, err);
}

/* Takes what is here, up to a rebalance. The event fires only when the queue turns non-empty: it is quieted
 * before the queue is read. */
static bool serve(struct process *process)
{
	rd_kafka_message_t *message;
	uint64_t count;

	if (read(process->group_fd, &count, sizeof(count)) < 0)
		count = 0; /* quiet already */
	while ((message = rd_kafka_consumer_poll(process->group, 0))) {
		if (message->err) /* a record would have come before the pause */
			note_failure(process, message->err, rd_kafka_message_errstr(message));
		rd_kafka_message_destroy(message);
	}
	return process->event != GROUP_NOTHING || process->failure.status;
}

enum group_event group_poll(struct process *process, int timeout_ms, int other_fd, struct error *err)
{
	struct pollfd fds[] = {
	        {.fd = process->group_fd, .events = POLLIN}, {.fd = other_fd, .events = POLLIN}};

	process->event = GROUP_NOTHING;
	if (!serve(process) && poll(fds, 2, timeout_ms) > 0)
		serve(process);
	if (!process->failure.status)
		return process->event;
	*err = process->failure;
	return GROUP_FAILED;
}

bool group_is_given(const struct process *process, int32_t partition)
{
	return atomic_load(&process->is_given[partition]);
}

void group_answer(struct process *process)
{
	rd_kafka_topic_partition_list_t *given = process->given;

	if (!given)
		return;
	process->given = NULL;
	for (int i = 0; i < given->cnt; i++)
		given->elems[i].offset = RD_KAFKA_OFFSET_END;
	atomic_store(&process->joined, process->event == GROUP_ASSIGNED);
	if (process->event == GROUP_ASSIGNED) {
		rd_kafka_assign(process->group, given);
		rd_kafka_pause_partitions(process->group, given);
	} else {
		rd_kafka_assign(process->group, NULL);
	}
	rd_kafka_topic_partition_list_destroy(given);
}

bool group_has_joined(const struct process *process)
{
	return atomic_load(&process->joined);
}

static rd_kafka_topic_partition_list_t *list_positions(
        const struct process *process, const int64_t *positions)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(process->partitions);

	for (int32_t p = 0; p < process->partitions; p++)
		if (positions[p] >= 0)
			rd_kafka_topic_partition_list_add(list, process->input, p)->offset = positions[p];
	return list;
}

/* Sends a commit, and waits for its answer at most timeout_ms; 0: not at all. */
static bool commit(struct process *process, const rd_kafka_topic_partition_list_t *list, int64_t timeout_ms)
{
	rd_kafka_queue_t *queue = rd_kafka_queue_new(process->group);
	rd_kafka_event_t *event = NULL;
	bool done = false;

	/* rd_kafka_commit() itself waits without end where there is no coordinator */
	if (!rd_kafka_commit_queue(process->group, list, queue, NULL, NULL) && timeout_ms > 0)
		event = rd_kafka_queue_poll(queue, (int)timeout_ms);
	if (event && !rd_kafka_event_error(event)) {
		const rd_kafka_topic_partition_list_t *answer = rd_kafka_event_topic_partition_list(event);
		done = true;
		for (int i = 0; answer && i < answer->cnt; i++)
			done &= !answer->elems[i].err;
	}
	if (event)
		rd_kafka_event_destroy(event);
	rd_kafka_queue_destroy(queue);
	return done;
}

void group_send_positions(struct process *process, const int64_t *positions, bool wait)
{
	rd_kafka_topic_partition_list_t *list = list_positions(process, positions);

	if (list->cnt)
		commit(process, list, wait ? 1000 : 0);
	rd_kafka_topic_partition_list_destroy(list);
}

bool group_confirms(struct process *process, int32_t partition, int64_t position, int64_t timeout_ms)
{
	rd_kafka_topic_partition_list_t *list;
	bool confirmed;

	if (!group_is_given(process, partition))
		return false;
	list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(list, process->input, partition)->offset =
	        position < 0 ? 0 : position;
	confirmed = commit(process, list, timeout_ms);
	rd_kafka_topic_partition_list_destroy(list);
	return confirmed && group_is_given(process, partition);
}

void group_leave(struct process *process)
{
	if (!process->group)
		return;
	process->leaving = true;
	rd_kafka_consumer_close(process->group);
	if (process->given)
		rd_kafka_topic_partition_list_destroy(process->given);
	process->given = NULL;
	rd_kafka_destroy(process->group);
	close(process->group_fd);
	process->group = NULL;
}
