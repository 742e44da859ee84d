#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/memory.h"
#include "engine/kafka/process_parts.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A shard's transactional producer: made at each claim, destroyed at each loss. Messages are produced without
 * copies: their bytes are the outbox's, which outlives the call, because every way out of kafka_commit()
 * either has seen all delivery reports or has destroyed the producer. */

enum {
	POLL_EVERY = 4096,
	SAY_EVERY_MS = 10000,
	FLUSH_MS = 50,
	SLICE_MS = 500, /* then: told to end? */
	INIT_MS = 150,  /* longer than a coordinator takes to answer … */
	AGAIN_MS = 50,  /* … and to abort a transaction */
};

static void on_delivery(rd_kafka_t *handle, const rd_kafka_message_t *message, void *opaque)
{
	struct kafka *kafka = message->_private;

	(void)handle, (void)opaque;
	if (!message->err) {
		kafka->delivered_offset = message->offset;
		kafka->delivered_time_ms = rd_kafka_message_timestamp(message, NULL);
	} else if (!kafka->refused && message->err != RD_KAFKA_RESP_ERR__PURGE_QUEUE &&
	           message->err != RD_KAFKA_RESP_ERR__PURGE_INFLIGHT) {
		kafka->refused = message->err;
		kafka->refused_topic = message->rkt ? rd_kafka_topic_name(message->rkt) : "";
	}
}

/* ---- the producer */

static void config_producer(struct kafka *kafka, rd_kafka_conf_t *config)
{
	struct process *process = kafka->process;
	char text[32], *id;

	id = memory_format(
	        "%s%s-%d", options_prefix(process->options), process->spec->role, kafka->partition);
	config_set(config, "transactional.id", id);
	free(id);
	snprintf(text, sizeof(text), "%d", TRANSACTION_MS);
	config_set(config, "transaction.timeout.ms", text);
	config_tune(config, process->options, "linger.ms", "0");
	config_tune(config, process->options, "retry.backoff.ms", "10");
	config_tune(config, process->options, "queue.buffering.max.messages", "200000");
	rd_kafka_conf_set_dr_msg_cb(config, on_delivery);
}

static void lane_open(struct kafka *kafka, int lane, const char *topic)
{
	kafka->lanes[lane].count = 0;
	kafka->lanes[lane].topic = topic ? rd_kafka_topic_new(kafka->producer, topic, NULL) : NULL;
}

static enum status producer_open(struct kafka *kafka, struct error *err)
{
	struct process *process = kafka->process;
	const struct rd_kafka_metadata *metadata;
	rd_kafka_conf_t *config;
	enum status status = config_new(process->options, process->chatter, true, &config, err);

	if (status != STATUS_OK)
		return status;
	config_producer(kafka, config);
	status = handle_new(RD_KAFKA_PRODUCER, config, &kafka->producer, err);
	if (status != STATUS_OK)
		return status;
	for (int i = 0; i < WORKER_OUTPUTS_MAX && process->outputs[i]; i++)
		lane_open(kafka, i, process->outputs[i]);
	lane_open(kafka, OUTBOX_LANE_CHANGELOG, process->changelog);
	lane_open(kafka, OUTBOX_LANE_DEAD_LETTERS, process->dead_letters);
	lane_open(kafka, OUTBOX_LANE_INPUT, process->input);
	/* known before the first message: one for a partition that isn't known yet would wait outside of the
	 * transaction */
	rd_kafka_resp_err_t code;
	int64_t deadline = clock_monotonic_ms() + CALL_MS;
	do
		code = rd_kafka_metadata(kafka->producer, 0, NULL, &metadata, SLICE_MS);
	while (code == RD_KAFKA_RESP_ERR__TIMED_OUT && until(deadline, 1) > 0 && !kafka_is_ended(kafka));
	if (code)
		return handle_fail(kafka->producer, code, err, "cannot find the topics of %s-%d",
		        process->spec->role, kafka->partition);
	rd_kafka_metadata_destroy(metadata);
	return STATUS_OK;
}

void transaction_close(struct kafka *kafka)
{
	if (!kafka->producer)
		return;
	for (int i = 0; i < OUTBOX_LANES; i++)
		if (kafka->lanes[i].topic)
			rd_kafka_topic_destroy(kafka->lanes[i].topic);
	rd_kafka_destroy(kafka->producer);
	kafka->producer = NULL;
}

/* ---- errors */

static bool is_messages_fault(rd_kafka_resp_err_t code)
{
	return code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || code == RD_KAFKA_RESP_ERR_INVALID_MSG ||
	       code == RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE || code == RD_KAFKA_RESP_ERR_INVALID_RECORD ||
	       code == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE;
}

/* Fills err for a transaction that did not go through, by the delivery that failed first if one did. */
static void explain(struct kafka *kafka, rd_kafka_resp_err_t code, struct error *err)
{
	const char *topic = kafka->refused ? kafka->refused_topic : "the transaction";

	if (kafka->refused)
		code = kafka->refused;
	handle_fail(kafka->producer, code, err, "%s [%d] was not written", topic, kafka->partition);
	if (is_messages_fault(code))
		err->status = STATUS_REJECT;
}

/* Takes error. */
static rd_kafka_resp_err_t code_of(rd_kafka_error_t *error)
{
	rd_kafka_resp_err_t code = rd_kafka_error_code(error);

	rd_kafka_error_destroy(error);
	return code;
}

/* ---- producing */

static rd_kafka_resp_err_t lane_flush(struct kafka *kafka, struct lane *lane)
{
	size_t sent = 0;

	while (sent < lane->count) {
		size_t left = lane->count - sent;
		if (rd_kafka_produce_batch(lane->topic, kafka->partition, 0, lane->batch + sent, (int)left) ==
		        (int)left)
			break;
		while (sent < lane->count && !lane->batch[sent].err)
			sent++;
		/* after the first that failed none went through, unless that one alone was at fault */
		if (lane->batch[sent].err != RD_KAFKA_RESP_ERR__QUEUE_FULL)
			return lane->batch[sent].err;
		if (kafka->refused)
			return kafka->refused;
		rd_kafka_poll(kafka->producer, 10);
	}
	lane->count = 0;
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void add_header(rd_kafka_headers_t *list, const char *name, ssize_t name_len, struct view value)
{
	rd_kafka_header_add(list, name, name_len, value.data, (ssize_t)value.len);
}

/* A message with headers, or for another partition. */
static rd_kafka_resp_err_t produce_whole(
        struct kafka *kafka, struct lane *lane, const struct outbox_message *message, int32_t partition)
{
	rd_kafka_headers_t *headers = rd_kafka_headers_new(message->header_count + 1);
	rd_kafka_vu_t parts[] = {{.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = lane->topic},
	        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = partition},
	        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)message->key.data, message->key.len}},
	        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)message->value.data, message->value.len}},
	        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = kafka},
	        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers}};
	rd_kafka_resp_err_t code;

	for (size_t i = 0; i < message->header_count; i++)
		add_header(headers, message->headers[i].name.data, (ssize_t)message->headers[i].name.len,
		        message->headers[i].value);
	if (message->kind == OUTBOX_DEAD_LETTER) /* only this side knows the topic's whole name */
		add_header(headers, "__connect.errors.topic", -1, view_text(kafka->process->input));
	while ((code = code_of(rd_kafka_produceva(kafka->producer, parts, 6))) ==
	                RD_KAFKA_RESP_ERR__QUEUE_FULL &&
	        !kafka->refused)
		rd_kafka_poll(kafka->producer, 10);
	if (code)
		rd_kafka_headers_destroy(headers);
	return code;
}

static rd_kafka_resp_err_t produce(struct kafka *kafka, const struct outbox_message *message)
{
	struct lane *lane = &kafka->lanes[outbox_lane(message)];
	bool rerouted = message->kind == OUTBOX_REROUTE;

	assert(lane->topic);
	if (message->header_count || rerouted || message->kind == OUTBOX_DEAD_LETTER) {
		rd_kafka_resp_err_t code = lane_flush(kafka, lane); /* what was said before */
		return code ? code
		            : produce_whole(
		                      kafka, lane, message, rerouted ? message->partition : kafka->partition);
	}
	lane->batch[lane->count++] = (rd_kafka_message_t){.payload = (void *)message->value.data,
	        .len = message->value.len,
	        .key = (void *)message->key.data,
	        .key_len = message->key.len,
	        ._private = kafka};
	return lane->count == LANE_BATCH ? lane_flush(kafka, lane) : RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t produce_all(struct kafka *kafka, const struct outbox *outbox)
{
	size_t count = outbox_count(outbox);
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

	for (size_t i = 0; !code && i < count; i++) {
		code = produce(kafka, outbox_message(outbox, i));
		if (i % POLL_EVERY == POLL_EVERY - 1)
			rd_kafka_poll(kafka->producer, 0);
	}
	for (int i = 0; !code && i < OUTBOX_LANES; i++)
		code = lane_flush(kafka, &kafka->lanes[i]);
	return code ? code : kafka->refused;
}

/* ---- one transaction */

/* Waits until all is delivered, or one is refused: a commit would wait on for what is behind that one. */
static rd_kafka_resp_err_t deliver(struct kafka *kafka, int64_t deadline)
{
	while (!kafka->refused && !kafka_is_ended(kafka) && until(deadline, 1) > 0)
		if (!rd_kafka_flush(kafka->producer, until(deadline, FLUSH_MS)))
			break;
	return kafka->refused;
}

/* Commits what was produced, for COMMIT_MS at most, or until told to end: a commit may be resumed. */
static rd_kafka_resp_err_t finish(struct kafka *kafka)
{
	int64_t deadline = clock_monotonic_ms() + COMMIT_MS;

	if (deliver(kafka, deadline))
		return kafka->refused;
	for (;;) {
		rd_kafka_error_t *error =
		        rd_kafka_commit_transaction(kafka->producer, until(deadline, SLICE_MS) + 1);
		if (!error)
			return RD_KAFKA_RESP_ERR_NO_ERROR;
		bool again = rd_kafka_error_is_retriable(error) && until(deadline, 1) > 0 &&
		             !kafka_is_ended(kafka);
		rd_kafka_resp_err_t code = code_of(error);
		if (!again)
			return code ? code : RD_KAFKA_RESP_ERR__FAIL;
	}
}

/* What is still open then is aborted by the next claim, ours or another's, before anything else. To abort it
 * here would hold up the shard: librdkafka's abort waits for seconds after a refused message. */
static enum outcome give_up(struct kafka *kafka, rd_kafka_resp_err_t code, struct error *err)
{
	explain(kafka, code, err);
	transaction_close(kafka);
	return OUTCOME_LOST;
}

void kafka_await_turn(struct kafka *kafka)
{
	if (!kafka->permit)
		kafka->permit = permits_take(kafka->process->permits);
}

void kafka_pass_turn(struct kafka *kafka)
{
	if (kafka->permit)
		permits_give(kafka->process->permits, kafka->permit);
	kafka->permit = 0;
}

enum outcome kafka_commit(struct kafka *kafka, const struct outbox *outbox, struct error *err)
{
	assert(outbox_count(outbox) > 0 && !outbox_is_overfull(outbox));
	if (!kafka->producer) {
		error_set(err, STATUS_RETRY, "not_claimed", "partition %d is not claimed", kafka->partition);
		return OUTCOME_LOST;
	}
	kafka->refused = RD_KAFKA_RESP_ERR_NO_ERROR;
	kafka_await_turn(kafka);
	rd_kafka_resp_err_t code = code_of(rd_kafka_begin_transaction(kafka->producer));
	if (!code)
		code = produce_all(kafka, outbox);
	if (!code)
		code = finish(kafka);
	enum outcome outcome = code ? give_up(kafka, code, err) : OUTCOME_OK;
	kafka_pass_turn(kafka);
	return outcome;
}

/* ---- claiming */

/* While the coordinator aborts what a dead owner left open, it refuses. librdkafka would ask again half a
 * second later; it does so at once where it is called again. */
static rd_kafka_resp_err_t init(struct kafka *kafka)
{
	for (int slice_ms = INIT_MS;;) {
		rd_kafka_error_t *error = rd_kafka_init_transactions(kafka->producer, slice_ms);
		bool again = error && rd_kafka_error_is_retriable(error) && !kafka_is_ended(kafka);
		rd_kafka_resp_err_t code = code_of(error);
		if (!again)
			return code;
		slice_ms = code == RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS ? AGAIN_MS : SLICE_MS;
	}
}

static rd_kafka_resp_err_t write_claim(struct kafka *kafka, const struct claim *claim)
{
	rd_kafka_topic_t *changelog = kafka->lanes[OUTBOX_LANE_CHANGELOG].topic;
	rd_kafka_resp_err_t code = code_of(rd_kafka_begin_transaction(kafka->producer));

	if (!code && rd_kafka_produce(changelog, kafka->partition, RD_KAFKA_MSG_F_COPY, (void *)claim->nonce,
	                     strlen(claim->nonce), "@claim", 6, kafka) != 0)
		code = rd_kafka_last_error();
	return code ? code : finish(kafka);
}

static enum status try_claim(struct kafka *kafka, struct claim *claim, struct error *err)
{
	rd_kafka_resp_err_t code;
	enum status status;

	transaction_close(kafka);
	status = producer_open(kafka, err);
	if (status != STATUS_OK)
		return status;
	kafka->refused = RD_KAFKA_RESP_ERR_NO_ERROR;
	kafka->delivered_offset = -1;
	claim->partition = kafka->partition;
	random_name(claim->nonce);
	code = init(kafka);
	if (!code)
		code = write_claim(kafka, claim);
	if (!code && kafka->delivered_offset < 0)
		code = RD_KAFKA_RESP_ERR__FAIL; /* committed, but where? */
	if (code) {
		explain(kafka, code, err);
		error_prefix(err, "cannot claim partition %d: ", kafka->partition);
		return err->status;
	}
	return STATUS_OK;
}

enum outcome kafka_claim(struct kafka *kafka, struct claim *claim, int64_t *ret_offset, int64_t *ret_time_ms,
        struct error *err)
{
	int64_t said = clock_monotonic_ms();

	input_close(kafka); /* of an earlier claim */
	for (int try = 0; !kafka_is_ended(kafka); try++) {
		enum status status = try_claim(kafka, claim, err);
		if (status == STATUS_OK) {
			*ret_offset = kafka->delivered_offset;
			*ret_time_ms = kafka->delivered_time_ms;
			return OUTCOME_OK;
		}
		if (strcmp(err->code, "fenced") == 0)
			return OUTCOME_LOST;
		if (status != STATUS_RETRY)
			return OUTCOME_REFUSED;
		if (clock_monotonic_ms() - said > SAY_EVERY_MS) {
			said = clock_monotonic_ms();
			log_line(LOG_WARN, "claiming, again and again", "partition",
			        log_number(kafka->partition), "code", err->code, "error", err->message, NULL);
		}
		kafka_back_off(kafka, try);
	}
	return OUTCOME_ENDED;
}
