#include "base/clock.h"
#include "base/digest.h"
#include "base/memory.h"
#include "engine/kafka/topics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The row @genesis, first in each partition of a changelog: it tells a new changelog from a lost one. It is
 * written once, in one transaction over all partitions, under a transactional id of its own: whoever begins
 * later fences whoever began before, and looks again. */

enum { BATCH = 100 };

struct scan { /* what the rows of one partition say */
	bool genesis, other_rows, ended;
	int32_t partitions; /* by the genesis row */
};

static void scan_row(struct scan *scan, const rd_kafka_message_t *message)
{
	struct view key = message_key(message), value = message_value(message);
	const char *space = value.data ? memchr(value.data, ' ', value.len) : NULL;

	if (view_is(key, "@genesis") && space) {
		char text[12] = "";
		size_t len = value.len - (size_t)(space + 1 - value.data);
		memcpy(text, space + 1, len < sizeof(text) - 1 ? len : sizeof(text) - 1);
		scan->genesis = true;
		scan->partitions = atoi(text);
	} else if (!view_is(key, "@claim")) {
		scan->other_rows = true; /* a claim comes before the claimer knows what it has claimed */
	}
}

static enum status scan_message(struct topics *topics, size_t n, struct scan *scans,
        const rd_kafka_message_t *message, size_t *left, struct error *err)
{
	struct scan *scan = &scans[message->partition];

	if (message->err && message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
		return handle_fail(topics->handle, message->err, err, "cannot read %s [%d]", topics->names[n],
		        message->partition);
	if (scan->ended)
		return STATUS_OK;
	if (message->err)
		scan->ended = true;
	else
		scan_row(scan, message);
	scan->ended |= scan->genesis || scan->other_rows;
	*left -= scan->ended;
	return STATUS_OK;
}

static enum status scan_all(
        struct topics *topics, size_t n, struct reader *reader, struct scan *scans, struct error *err)
{
	size_t left = (size_t)topics->partitions[n];
	enum status status = STATUS_OK;

	for (int32_t p = 0; status == STATUS_OK && p < topics->partitions[n]; p++)
		status = reader_start(reader, topics->names[n], p, RD_KAFKA_OFFSET_BEGINNING, err);
	while (status == STATUS_OK && left) {
		rd_kafka_message_t *messages[BATCH];
		size_t count = reader_take(reader, messages, BATCH, until(topics->deadline_ms, 1000));
		if (count == 0 && until(topics->deadline_ms, 1) == 0)
			return handle_fail(topics->handle, RD_KAFKA_RESP_ERR__TIMED_OUT, err,
			        "cannot read %s", topics->names[n]);
		for (size_t i = 0; i < count; i++) {
			if (status == STATUS_OK)
				status = scan_message(topics, n, scans, messages[i], &left, err);
			rd_kafka_message_destroy(messages[i]);
		}
	}
	return status;
}

/* What a scan found: all have it, none has it and none has rows, or something is amiss. */
static enum status judge(
        struct topics *topics, size_t n, const struct scan *scans, bool *ret_all, struct error *err)
{
	int32_t count = topics->partitions[n], with = 0, rows = 0;

	for (int32_t p = 0; p < count; p++) {
		with += scans[p].genesis;
		rows += scans[p].other_rows;
		if (scans[p].genesis && scans[p].partitions != count)
			return error_set(err, STATUS_FATAL, "partition_count",
			        "%s had %d partitions when it was made and has %d now: keys lie elsewhere "
			        "than "
			        "their rows; the count can't be changed",
			        topics->names[n], scans[p].partitions, count);
	}
	if (with != count && (with || rows))
		return error_set(err, STATUS_FATAL, "changelog_lost",
		        "%s has rows, but not in each partition the row @genesis that it began with: rows "
		        "were "
		        "lost; put it back from a copy of the whole cluster, or begin anew under another "
		        "--prefix",
		        topics->names[n]);
	*ret_all = with == count;
	return STATUS_OK;
}

static enum status has_genesis(struct topics *topics, size_t n, bool *ret_all, struct error *err)
{
	struct reader_bounds bounds = {.messages = BATCH, .kbytes = 1024, .wait_ms = 20};
	struct reader reader = {0};
	struct scan *scans = memory_alloc((size_t)topics->partitions[n] * sizeof(*scans));
	enum status status = reader_open(topics->options, topics->chatter, bounds, &reader, err);

	if (status == STATUS_OK)
		status = scan_all(topics, n, &reader, scans, err);
	reader_close(&reader);
	if (status == STATUS_OK)
		status = judge(topics, n, scans, ret_all, err);
	free(scans);
	return status;
}

/* ---- writing it */

static void on_delivery(rd_kafka_t *handle, const rd_kafka_message_t *message, void *opaque)
{
	(void)handle, (void)message, (void)opaque; /* the commit tells; without this it would be slow */
}

static enum status writer_open(struct topics *topics, rd_kafka_t **ret_writer, struct error *err)
{
	rd_kafka_conf_t *config;
	enum status status = config_new(topics->options, topics->chatter, true, &config, err);
	char *id = memory_format("%stopics", options_prefix(topics->options));

	if (status == STATUS_OK) {
		config_set(config, "transactional.id", id);
		rd_kafka_conf_set_dr_msg_cb(config, on_delivery);
		status = handle_new(RD_KAFKA_PRODUCER, config, ret_writer, err);
	}
	free(id);
	return status;
}

static enum status finish(rd_kafka_t *writer, rd_kafka_error_t *error, struct error *err, const char *what)
{
	if (!error)
		return STATUS_OK;
	handle_fail(writer, rd_kafka_error_code(error), err, "cannot %s", what);
	rd_kafka_error_destroy(error);
	return err->status;
}

static enum status write_rows(struct topics *topics, size_t n, rd_kafka_t *writer, struct error *err)
{
	char uuid[37], value[64];
	enum status status = finish(writer, rd_kafka_begin_transaction(writer), err, "begin a transaction");

	random_uuid(uuid);
	snprintf(value, sizeof(value), "%s %d", uuid, topics->partitions[n]);
	for (int32_t p = 0; status == STATUS_OK && p < topics->partitions[n]; p++) {
		rd_kafka_resp_err_t code =
		        rd_kafka_producev(writer, RD_KAFKA_V_TOPIC(topics->names[n]), RD_KAFKA_V_PARTITION(p),
		                RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY("@genesis", 8),
		                RD_KAFKA_V_VALUE(value, strlen(value)), RD_KAFKA_V_END);
		if (code)
			status = handle_fail(
			        writer, code, err, "cannot write to %s [%d]", topics->names[n], p);
	}
	if (status == STATUS_OK)
		status =
		        finish(writer, rd_kafka_commit_transaction(writer, until(topics->deadline_ms, 60000)),
		                err, "commit the first rows");
	return status;
}

/* Looks again once earlier writers are fenced, and writes where there is still none. */
static enum status write_once(struct topics *topics, size_t n, struct error *err)
{
	rd_kafka_t *writer;
	bool all = false;
	enum status status = writer_open(topics, &writer, err);

	if (status != STATUS_OK)
		return status;
	status = finish(writer, rd_kafka_init_transactions(writer, until(topics->deadline_ms, 60000)), err,
	        "begin as the one that makes the topics");
	if (status == STATUS_OK)
		status = has_genesis(topics, n, &all, err);
	if (status == STATUS_OK && !all)
		status = write_rows(topics, n, writer, err);
	rd_kafka_destroy(writer);
	return status;
}

/* Fenced by another that does the same: it waits a while, each another one, to see what that one did. */
static void stand_back(struct topics *topics)
{
	char random[RANDOM_NAME_SIZE];

	random_name(random);
	random[3] = '\0';
	rd_kafka_poll(topics->handle, until(topics->deadline_ms, 200 + (int)strtol(random, NULL, 16) / 2));
}

static enum status try_once(struct topics *topics, size_t n, struct error *err)
{
	bool all = false;
	enum status status = has_genesis(topics, n, &all, err);

	if (status == STATUS_OK && !all)
		status = genesis_check_witness(topics, n, err);
	return status == STATUS_OK && !all ? write_once(topics, n, err) : status;
}

enum status genesis_ensure(struct topics *topics, size_t n, struct error *err)
{
	for (;;) {
		enum status status = try_once(topics, n, err);
		/* it is there: a broker that does not know it yet will */
		bool again = status == STATUS_RETRY || (status && strcmp(err->code, "topic_missing") == 0);
		if (!again || until(topics->deadline_ms, 1) == 0)
			return status;
		stand_back(topics);
	}
}

/* ---- a lost changelog */

enum status genesis_check_witness(struct topics *topics, size_t n, struct error *err)
{
	const char *witness = topics->specs[n].witness;
	struct reader reader = {0};
	enum status status = STATUS_OK;
	int64_t low, high;
	size_t w = 0;

	while (witness && w < topics->count && strcmp(topics->specs[w].name, witness) != 0)
		w++;
	if (!witness || w == topics->count || !topics->partitions[w])
		return STATUS_OK;
	status = reader_open(topics->options, topics->chatter,
	        (struct reader_bounds){.messages = BATCH, .kbytes = 1024, .wait_ms = 20}, &reader, err);
	for (int32_t p = 0; status == STATUS_OK && p < topics->partitions[w]; p++) {
		status = reader_bounds_of(
		        &reader, topics->names[w], p, until(topics->deadline_ms, 60000), &low, &high, err);
		if (status == STATUS_OK && high > 0)
			status = error_set(err, STATUS_FATAL, "changelog_lost",
			        "%s is missing or empty, though %s has records: it was lost, and an empty "
			        "one "
			        "would have everything done again; put it back from a copy of the whole "
			        "cluster, or "
			        "begin anew under another --prefix",
			        topics->names[n], topics->names[w]);
	}
	reader_close(&reader);
	return status;
}
