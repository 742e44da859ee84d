#include "tests/sim/sim_kafka.h"

#include "base/digest.h"
#include "base/memory.h"
#include "engine/route.h"
#include "engine/trace.h"
#include "tests/sim/logs.h"
#include "tests/sim/marks.h"
#include "tests/sim/sim_eventfd.h"
#include "tests/sim/sim_worker.h"
#include "tests/sim/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_MAX = 1000000 };

struct kafka {
	int process, producer, completions_fd, control_fd;
	bool updater;
	int32_t partition;
	uint64_t epoch;
	int64_t next; /* input offset to read */
	int64_t proven_ms;
	bool ending, crashed, poked, wait_input;
	bool (*still_given)(void *context);
	void *given_context;
};

static uint64_t claims;
static int last_claimer[2 * PARTITIONS];

void sim_kafka_begin(void)
{
	claims = 0;
	memset(last_claimer, -1, sizeof(last_claimer));
}

static enum log_topic changelog(const struct kafka *kafka)
{
	return kafka->updater ? LOG_UPDATER_STATE : LOG_STAGER_STATE;
}

static enum log_topic input(const struct kafka *kafka)
{
	return kafka->updater ? LOG_STAGED : LOG_JOBS;
}

static enum log_topic output(const struct kafka *kafka, int number)
{
	if (number == 1)
		return LOG_STATUS;
	return kafka->updater ? LOG_UPDATED : LOG_STAGED;
}

struct kafka *sim_kafka_new(
        int process, bool updater, int32_t partition, bool (*still_given)(void *context), void *context)
{
	struct kafka *kafka = memory_alloc(sizeof(*kafka));

	*kafka = (struct kafka){.process = process,
	        .producer = log_producer(updater, partition),
	        .completions_fd = -1,
	        .proven_ms = INT64_MIN,
	        .control_fd = -1,
	        .updater = updater,
	        .partition = partition,
	        .still_given = still_given,
	        .given_context = context};
	return kafka;
}

void sim_kafka_free(struct kafka *kafka)
{
	free(kafka);
}

void sim_kafka_attach(struct kafka *kafka, int completions_fd, int control_fd)
{
	kafka->completions_fd = completions_fd;
	kafka->control_fd = control_fd;
}

void sim_kafka_end(struct kafka *kafka)
{
	kafka->ending = kafka->poked = true;
}

void sim_kafka_crash(struct kafka *kafka)
{
	kafka->crashed = kafka->poked = true;
}

void sim_kafka_poke(struct kafka *kafka)
{
	kafka->poked = true;
}

bool sim_kafka_is_owner(const struct kafka *kafka)
{
	return log_epoch_is_live(kafka->producer, kafka->epoch);
}

int64_t sim_kafka_proven(const struct kafka *kafka)
{
	return kafka->proven_ms;
}

/* Between any two calls others may act; a dead process's calls answer ENDED and do nothing. */
static bool pass(struct kafka *kafka)
{
	if (!kafka->crashed && world_thousandth(world_chance()->strike_in_call))
		worker_strike(kafka->process);
	fiber_yield();
	return !kafka->crashed;
}

static enum outcome lost(struct kafka *kafka, struct error *err, enum status status, const char *why)
{
	world_trace("process %d shard %d: lost, %s", kafka->process, kafka->partition, why);
	error_set(err, status, "lost", "%s", why);
	return OUTCOME_LOST;
}

static enum outcome fenced(struct kafka *kafka, struct error *err)
{
	mark(MARK_fenced);
	return lost(kafka, err, STATUS_RETRY, "fenced");
}

static void name_claim(struct kafka *kafka, struct claim *claim)
{
	snprintf(claim->nonce, sizeof(claim->nonce), "%016llx%016llx", (unsigned long long)++claims,
	        (unsigned long long)world_random(UINT32_MAX));
	world_trace("process %d %s shard %d: claim %s", kafka->process, kafka->updater ? "updater" : "stager",
	        kafka->partition, claim->nonce);
	mark(MARK_claim);
	if (last_claimer[kafka->producer] >= 0 && last_claimer[kafka->producer] != kafka->process)
		mark(MARK_takeover);
	last_claimer[kafka->producer] = kafka->process;
}

enum outcome kafka_claim(struct kafka *kafka, struct claim *claim, int64_t *ret_offset, int64_t *ret_time_ms,
        struct error *err)
{
	if (!pass(kafka) || kafka->ending)
		return OUTCOME_ENDED;
	kafka->epoch = log_new_epoch(kafka->producer);
	kafka->proven_ms = INT64_MIN;
	name_claim(kafka, claim);
	if (!pass(kafka))
		return OUTCOME_ENDED;
	if (!log_epoch_is_live(kafka->producer, kafka->epoch))
		return fenced(kafka, err);
	*ret_offset = log_append(changelog(kafka), kafka->partition, kafka->producer, view_text("@claim"),
	        view_text(claim->nonce));
	*ret_time_ms = world_now();
	log_end_transaction(kafka->producer, true);
	if (world_percent(world_chance()->compaction)) {
		mark(MARK_compaction);
		log_compact(changelog(kafka), kafka->partition);
	}
	if (!pass(kafka))
		return OUTCOME_ENDED;
	if (!world_percent(world_chance()->claim_answer_lost))
		return OUTCOME_OK;
	mark(MARK_claim_answer_lost);
	return lost(kafka, err, STATUS_RETRY, "the claim's answer was lost");
}

static enum outcome restore_row(struct claim *claim, const struct log_record *record,
        enum status (*row)(struct view key, struct view value, void *context, struct error *err),
        void *context, bool *genesis, struct error *err)
{
	if (view_is(record->key, "@genesis")) {
		snprintf(claim->log_id, sizeof(claim->log_id), "%.*s", (int)record->value.len,
		        record->value.data);
		*genesis = true;
	}
	return row(record->key, record->value, context, err) == STATUS_OK ? OUTCOME_OK : OUTCOME_REFUSED;
}

enum outcome kafka_restore(struct kafka *kafka, struct claim *claim, int64_t claim_offset,
        enum status (*row)(struct view key, struct view value, void *context, struct error *err),
        void *context, struct error *err)
{
	bool genesis = false;
	int64_t offset = 0, at;

	for (;;) {
		if (world_percent(5) && (!pass(kafka) || kafka->ending))
			return OUTCOME_ENDED;
		const struct log_record *record =
		        log_next_committed(changelog(kafka), kafka->partition, &offset, &at);
		if (!record || at > claim_offset) {
			mark(MARK_claim_outrun);
			return lost(kafka, err, STATUS_RETRY, "the own claim did not come by");
		}
		enum outcome outcome = restore_row(claim, record, row, context, &genesis, err);
		if (outcome != OUTCOME_OK)
			return outcome;
		if (at == claim_offset)
			break;
	}
	if (genesis)
		return OUTCOME_OK;
	error_set(err, STATUS_FATAL, "changelog_lost", "no @genesis row");
	return OUTCOME_REFUSED;
}

void kafka_fingerprint(const struct record *record, char text[FINGERPRINT_SIZE])
{
	struct buffer bytes;

	buffer_init(&bytes, 4 << 20);
	pack_int(&bytes, record->position.offset);
	pack_int(&bytes, record->time_ms);
	pack_view(&bytes, record->key);
	pack_view(&bytes, record->value);
	digest_name(buffer_view(&bytes), text);
	buffer_release(&bytes);
}

static const char *header_text(const struct log_record *record, const char *name)
{
	for (size_t i = 0; i < record->header_count; i++)
		if (strcmp(record->headers[i].name, name) == 0)
			return record->headers[i].value;
	return NULL;
}

static int64_t header_number(const struct log_record *record, const char *name, int64_t otherwise)
{
	const char *text = header_text(record, name);

	return text ? strtoll(text, NULL, 10) : otherwise;
}

static struct record as_record(const struct kafka *kafka, const struct log_record *from, int64_t offset)
{
	struct record record = {.position = {kafka->partition, offset},
	        .time_ms = from->time_ms,
	        .key = from->key,
	        .value = from->value,
	        .traceparent = traceparent_of(view_text(header_text(from, "traceparent"))),
	        .structured = header_text(from, "content-type") != NULL};

	record.origin.partition = (int32_t)header_number(from, ORIGIN_PARTITION_HEADER, kafka->partition);
	record.origin.offset = header_number(from, ORIGIN_OFFSET_HEADER, offset);
	return record;
}

static bool is_there(const struct kafka *kafka, int64_t offset, struct view fingerprint)
{
	const struct log_record *found = log_at(input(kafka), kafka->partition, offset);
	char text[FINGERPRINT_SIZE];

	if (!found || found->state != LOG_COMMITTED)
		return false;
	struct record record = as_record(kafka, found, offset);
	kafka_fingerprint(&record, text);
	return view_is(fingerprint, text);
}

enum outcome kafka_open_input(
        struct kafka *kafka, int64_t offset, int64_t last_offset, struct view last, struct error *err)
{
	if (!pass(kafka))
		return OUTCOME_ENDED;
	if (offset > log_end(input(kafka), kafka->partition)) {
		error_set(err, STATUS_FATAL, "past_end", "position past the log's end");
		return OUTCOME_REFUSED;
	}
	if (offset >= 0 && offset < log_start(input(kafka), kafka->partition)) {
		error_set(err, STATUS_FATAL, "log_truncated", "position before the log's start");
		return OUTCOME_REFUSED;
	}
	if (last.data && last_offset >= log_start(input(kafka), kafka->partition) &&
	        !is_there(kafka, last_offset, last)) {
		error_set(err, STATUS_FATAL, "recreated", "another record at the last position");
		return OUTCOME_REFUSED;
	}
	kafka->next = offset < 0 ? log_start(input(kafka), kafka->partition) : offset;
	return OUTCOME_OK;
}

/* The log has nothing there any more, nor will it have it next. */
static bool is_out_of_range(const struct kafka *kafka)
{
	return kafka->next < log_start(input(kafka), kafka->partition) ||
	       kafka->next > log_end(input(kafka), kafka->partition);
}

static bool has_input(const struct kafka *kafka)
{
	return kafka->next < log_stable_end(input(kafka), kafka->partition) || is_out_of_range(kafka);
}

static bool is_awake(void *context)
{
	struct kafka *kafka = context;

	return kafka->poked || (kafka->wait_input && has_input(kafka));
}

static int what_is_there(const struct kafka *kafka, bool paused)
{
	return (eventfd_is_readable(kafka->completions_fd) ? WAIT_COMPLETIONS : 0) |
	       (eventfd_is_readable(kafka->control_fd) ? WAIT_CONTROL : 0) |
	       (!paused && has_input(kafka) ? WAIT_INPUT : 0);
}

int kafka_wait(struct kafka *kafka, int64_t timeout_ms, bool paused)
{
	if (timeout_ms <= 0) {
		pass(kafka);
		return what_is_there(kafka, paused);
	}
	kafka->wait_input = !paused;
	kafka->poked = what_is_there(kafka, paused) != 0;
	fiber_sleep(timeout_ms, is_awake, kafka);
	return what_is_there(kafka, paused);
}

enum outcome kafka_read(struct kafka *kafka, struct record *records, size_t most, size_t *ret_count,
        int64_t *ret_next, struct error *err)
{
	size_t count = 0;
	int64_t at;
	const struct log_record *found;

	if (!pass(kafka))
		return OUTCOME_ENDED;
	if (is_out_of_range(kafka))
		return lost(kafka, err, STATUS_RETRY, "the offset is out of range");
	most = world_percent(30) ? 1 + world_random(most < 5 ? most : 5) : most;
	while (count < most &&
	        (found = log_next_committed(input(kafka), kafka->partition, &kafka->next, &at)))
		records[count++] = as_record(kafka, found, at);
	*ret_count = count;
	*ret_next = kafka->next;
	return OUTCOME_OK;
}

enum outcome kafka_recall(
        struct kafka *kafka, int64_t offset, struct record *ret_record, bool *ret_found, struct error *err)
{
	(void)err;
	if (!pass(kafka))
		return OUTCOME_ENDED;
	const struct log_record *found = log_at(input(kafka), kafka->partition, offset);
	*ret_found = found && found->state == LOG_COMMITTED;
	if (*ret_found)
		*ret_record = as_record(kafka, found, offset);
	mark(MARK_recalled);
	return OUTCOME_OK;
}

static void append_message(struct kafka *kafka, const struct outbox_message *message)
{
	enum log_topic topic = message->kind == OUTBOX_ROW           ? changelog(kafka)
	                       : message->kind == OUTBOX_DEAD_LETTER ? LOG_DLQ
	                       : message->kind == OUTBOX_REROUTE     ? input(kafka)
	                                                             : output(kafka, message->output);
	int32_t partition = message->kind == OUTBOX_REROUTE ? message->partition : kafka->partition;
	int64_t offset = log_append(topic, partition, kafka->producer, message->key, message->value);

	for (size_t i = 0; i < message->header_count; i++) {
		char name[128];
		snprintf(name, sizeof(name), "%.*s", (int)message->headers[i].name.len,
		        message->headers[i].name.data);
		log_add_header(topic, partition, offset, name, message->headers[i].value);
	}
	if (message->kind == OUTBOX_DEAD_LETTER)
		log_add_header(topic, partition, offset, "__connect.errors.topic",
		        view_text(log_name(input(kafka))));
}

static void trace_message(struct kafka *kafka, const struct outbox_message *message)
{
	static const char *const kinds[] = {"row", "record", "dead letter", "reroute"};

	if (!world_traces())
		return;
	bool readable = message->kind != OUTBOX_ROW || (message->key.len && message->key.data[0] == '@');
	world_trace("process %d shard %d: %s %.*s %.*s", kafka->process, kafka->partition,
	        kinds[message->kind], (int)message->key.len, message->key.data ? message->key.data : "(null)",
	        !message->value.data ? 6
	        : readable           ? (int)message->value.len
	                             : 0,
	        message->value.data ? message->value.data : "(gone)");
}

/* Produces all of it; what was appended before a death stays open until the next owner's claim. */
static enum outcome produce(struct kafka *kafka, const struct outbox *outbox, struct error *err)
{
	for (size_t i = 0; i < outbox_count(outbox); i++) {
		const struct outbox_message *message = outbox_message(outbox, i);
		if ((i == 0 || world_percent(5)) && !pass(kafka)) {
			if (i > 0)
				mark(MARK_crash_inside_transaction);
			return OUTCOME_ENDED;
		}
		if (!log_epoch_is_live(kafka->producer, kafka->epoch))
			return fenced(kafka, err);
		if (message->value.len > VALUE_MAX)
			return lost(kafka, err, STATUS_REJECT, "a value is too large");
		if (message->kind == OUTBOX_REROUTE && message->partition >= PARTITIONS)
			return lost(kafka, err, STATUS_RETRY, "there is no such partition");
		append_message(kafka, message);
		trace_message(kafka, message);
	}
	return OUTCOME_OK;
}

/* Stands for a record that no broker would take, whatever its reason. */
static bool is_refused(const struct outbox *outbox)
{
	for (size_t i = 0; i < outbox_count(outbox); i++) {
		const struct outbox_message *message = outbox_message(outbox, i);
		if (message->kind == OUTBOX_RECORD &&
		        memmem(message->value.data, message->value.len, REFUSED_TEXT, strlen(REFUSED_TEXT)))
			return true;
	}
	return false;
}

/* What the broker makes of the end of a transaction, and what the client hears of it. */
static enum outcome end_transaction(struct kafka *kafka, const struct outbox *outbox, struct error *err)
{
	bool abort = world_percent(world_chance()->commit_abort);
	bool refuse = !abort && is_refused(outbox);

	log_end_transaction(kafka->producer, !abort && !refuse);
	if (!pass(kafka))
		return OUTCOME_ENDED;
	if (abort) {
		mark(MARK_commit_aborted);
		return lost(kafka, err, STATUS_RETRY, "aborted");
	}
	if (refuse) {
		mark(MARK_commit_refused);
		return lost(kafka, err, STATUS_REJECT, "a message was refused");
	}
	if (!world_percent(world_chance()->commit_answer_lost)) {
		world_trace("process %d shard %d: committed", kafka->process, kafka->partition);
		return OUTCOME_OK;
	}
	mark(MARK_commit_answer_lost);
	return lost(kafka, err, STATUS_RETRY, "committed, but the answer was lost");
}

void kafka_await_turn(struct kafka *kafka)
{
	pass(kafka); /* others go on meanwhile; being told to end is seen by the next call */
}

void kafka_pass_turn(struct kafka *kafka)
{
	(void)kafka;
}

enum outcome kafka_commit(struct kafka *kafka, const struct outbox *outbox, struct error *err)
{
	if (outbox_count(outbox) == 0) {
		world_violation("engine", "an empty commit, which proves nothing");
		return OUTCOME_LOST;
	}
	int64_t began_ms = world_now();
	enum outcome outcome = produce(kafka, outbox, err);
	if (outcome != OUTCOME_OK)
		return outcome;
	if (!pass(kafka))
		return OUTCOME_ENDED;
	if (!log_epoch_is_live(kafka->producer, kafka->epoch))
		return fenced(kafka, err);
	outcome = end_transaction(kafka, outbox, err);
	kafka->proven_ms = outcome == OUTCOME_OK ? began_ms : kafka->proven_ms;
	return outcome;
}

static bool is_given_or_told(void *context)
{
	struct kafka *kafka = context;

	return kafka->crashed || kafka->ending || kafka->still_given(kafka->given_context);
}

enum outcome kafka_still_ours(struct kafka *kafka, int64_t position, struct error *err)
{
	(void)position;
	(void)err;
	do
		fiber_sleep(world_between(10, 200), NULL, NULL);
	while (!is_given_or_told(kafka));
	if (!kafka->crashed && !kafka->ending)
		return OUTCOME_OK;
	mark(MARK_not_ours_any_more);
	return OUTCOME_ENDED;
}

void kafka_note_position(struct kafka *kafka, int64_t position)
{
	(void)kafka;
	(void)position;
}

int64_t kafka_input_end(const struct kafka *kafka)
{
	return log_end(input(kafka), kafka->partition);
}

int32_t kafka_partition_of(const struct kafka *kafka, struct view key)
{
	(void)kafka;
	return route_partition(key, PARTITIONS);
}
