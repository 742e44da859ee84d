/* What one record says: each topic's records, read field by field. */
#include "auditor/log/fact.h"

#include "auditor/log/fact_scan.h"
#include "auditor/log/scan.h"
#include "base/memory.h"
#include "base/timestamp.h"
#include "schemas/job.h"
#include "schemas/names.h"
#include "schemas/record.h"
#include "schemas/status.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { READ_MAX = 8 << 20, NAMES_MAX = 4096 };

struct fact_reader {
	struct fact_scanner *scanner;
	struct json json; /* of what the scanner does not understand */
	bool open;
	struct error err;
	char job_id[JOB_ID_SIZE];
	struct buffer names; /* of fact_next() */
};

const char *fact_type_name(enum fact_type type)
{
	static const char *const names[] = {"unreadable", "job", "staged", "release", "withheld", "updated",
	        "job status", "duplicate", "distribution point", "dead letter"};

	return names[type];
}

struct fact_reader *fact_reader_new(void)
{
	struct fact_reader *reader = memory_alloc(sizeof(*reader));

	reader->scanner = fact_scanner_new();
	buffer_init(&reader->names, NAMES_MAX);
	return reader;
}

void fact_reader_free(struct fact_reader *reader)
{
	if (!reader)
		return;
	if (reader->open)
		json_close(&reader->json);
	buffer_release(&reader->names);
	fact_scanner_free(reader->scanner);
	free(reader);
}

/* ---- JSON text that is kept as it is; it was parsed before, so it is good */

/* The text of a field of the object. */
static struct view raw_field(struct view object, const char *name)
{
	struct view field, value;

	while (scan_mark(&object, '{') || scan_mark(&object, ','))
		if (scan_value(&object, &field) && scan_mark(&object, ':') && scan_value(&object, &value) &&
		        field.len == strlen(name) + 2 && memcmp(field.data + 1, name, field.len - 2) == 0)
			return value;
	return (struct view){0};
}

/* ---- fields */

static struct view get_text(const struct json_node *in, const char *name)
{
	return json_get_text(in, name, JSON_OPTIONAL);
}

static uint64_t get_number(const struct json_node *in, const char *name, uint64_t most)
{
	uint64_t number = 0;

	json_get_uint(in, name, JSON_OPTIONAL, 0, most, &number);
	return number;
}

/* What all records but jobs begin with. */
static void get_head(const struct json_node *in, struct fact *fact)
{
	record_check_schema(in, JSON_REQUIRED);
	fact->id = record_id(in, "id");
	json_get_time(in, "time", JSON_REQUIRED, &fact->time_ms);
	fact->package = record_package(in);
}

static void get_staged(const struct json_node *in, struct fact *fact)
{
	static const char *const read_backs[] = {"full", "size", NULL};

	fact->dp_id = record_id(in, "dp_id");
	fact->digest = record_digest(in, "digest", JSON_REQUIRED);
	json_get_uint(in, "files", JSON_REQUIRED, 1, MANIFEST_FILES_MAX, &fact->files);
	json_get_uint(in, "bytes", JSON_REQUIRED, 0, JSON_INTEGER_MAX, &fact->bytes);
	json_get_choice(in, "read_back", JSON_REQUIRED, read_backs);
	fact->read_back = get_text(in, "read_back");
}

static void get_decision(const struct json_node *in, struct fact *fact)
{
	uint64_t targets = 0;

	json_get_uint(in, "targets", JSON_REQUIRED, 1, UINT32_MAX, &targets);
	fact->targets = (uint32_t)targets;
	json_get_time(in, "deadline", JSON_REQUIRED, &fact->deadline_ms);
	if (fact->type == FACT_WITHHELD) {
		fact->reason = json_get_text(in, "reason", JSON_REQUIRED);
		fact->detail = get_text(in, "detail");
		return;
	}
	fact->dp_id = record_id(in, "dp_id");
	fact->digest = record_digest(in, "digest", JSON_REQUIRED);
	fact->staged_id = record_id(in, "staged_id");
}

static void read_staged_topic(const struct json_node *in, struct fact *fact)
{
	static const char *const names[] = {"staged", "release", "withheld", NULL};
	static const enum fact_type types[] = {FACT_STAGED, FACT_RELEASE, FACT_WITHHELD};
	int type = json_get_choice(in, "type", JSON_REQUIRED, names);

	fact->type = type < 0 ? FACT_UNREADABLE : types[type];
	get_head(in, fact);
	fact->version = record_version(in, "version", JSON_REQUIRED);
	fact->point = record_distribution_point(in);
	fact->job_id = record_id(in, "job_id");
	fact->job_position = record_position(in, "job_position", JSON_OPTIONAL);
	if (type == 0)
		get_staged(in, fact);
	else
		get_decision(in, fact);
}

static void read_updated_topic(const struct json_node *in, struct fact *fact)
{
	static const char *const names[] = {"updated", NULL};

	json_get_choice(in, "type", JSON_REQUIRED, names);
	fact->type = FACT_UPDATED;
	get_head(in, fact);
	fact->version = record_version(in, "version", JSON_REQUIRED);
	fact->previous_version = record_version(in, "previous_version", JSON_OPTIONAL);
	fact->point = record_distribution_point(in);
	fact->dp_id = record_id(in, "dp_id");
	fact->digest = record_digest(in, "digest", JSON_REQUIRED);
	fact->job_id = record_id(in, "job_id");
	fact->staged_id = record_id(in, "staged_id");
	fact->staged_position = record_position(in, "staged_position", JSON_OPTIONAL);
	fact->release_id = record_id(in, "release_id");
	fact->release_position = record_position(in, "release_position", JSON_OPTIONAL);
}

static void get_waiting_for(const struct json_node *in, struct view text, struct fact *fact)
{
	struct json_node waiting_for, missing;

	if (!json_get_object(in, "waiting_for", JSON_OPTIONAL, &waiting_for))
		return;
	fact->waiting_staged = (uint32_t)get_number(&waiting_for, "staged", UINT32_MAX);
	fact->waiting_targets = (uint32_t)get_number(&waiting_for, "targets", UINT32_MAX);
	if (json_get_array(&waiting_for, "missing", JSON_OPTIONAL, &missing))
		fact->missing = raw_field(raw_field(text, "waiting_for"), "missing");
}

static void get_job_status(const struct json_node *in, struct view text, struct fact *fact)
{
	static const char *const states[] = {"accepted", "held", "completed", "failed", "expired",
	        "superseded", "canceled", "rejected", NULL};
	static const char *const types[] = {"create", "update", NULL};
	struct json_node node;

	fact->type = FACT_JOB_STATUS;
	fact->version = record_version(in, "version", JSON_OPTIONAL);
	fact->job_id = record_id(in, "job_id");
	fact->job_position = record_position(in, "job_position", JSON_OPTIONAL);
	json_get_choice(in, "job_type", JSON_OPTIONAL, types);
	fact->job_type = get_text(in, "job_type");
	json_get_choice(in, "state", JSON_REQUIRED, states);
	fact->state = get_text(in, "state");
	json_get_bool(in, "final", JSON_REQUIRED, &fact->final);
	fact->reason = get_text(in, "reason");
	fact->detail = get_text(in, "detail");
	fact->requested_by = get_text(in, "requested_by");
	json_get_time(in, "deadline", JSON_OPTIONAL, &fact->deadline_ms);
	if (json_get_array(in, "distribution_points", JSON_OPTIONAL, &node))
		fact->points = raw_field(text, "distribution_points");
	if (json_get_object(in, "annotations", JSON_OPTIONAL, &node))
		fact->annotations = raw_field(text, "annotations");
	if (json_get_object(in, "outcomes", JSON_OPTIONAL, &node))
		fact->outcomes = raw_field(text, "outcomes");
	get_waiting_for(in, text, fact);
}

static void get_point_status(const struct json_node *in, struct fact *fact)
{
	static const char *const states[] = {
	        "pending", "staging", "retrying", "staged", "updating", "updated", "failed", NULL};
	struct json_node error;

	fact->type = FACT_POINT;
	fact->version = record_version(in, "version", JSON_REQUIRED);
	fact->point = record_distribution_point(in);
	json_get_choice(in, "state", JSON_REQUIRED, states);
	fact->state = get_text(in, "state");
	fact->attempt = (uint32_t)get_number(in, "attempt", UINT32_MAX);
	json_get_time(in, "next_retry", JSON_OPTIONAL, &fact->next_retry_ms);
	if (!json_get_object(in, "error", JSON_OPTIONAL, &error))
		return;
	fact->reason = get_text(&error, "code");
	fact->detail = get_text(&error, "message");
	json_get_bool(&error, "retryable", JSON_OPTIONAL, &fact->retryable);
}

static void read_status_topic(const struct json_node *in, struct view text, struct fact *fact)
{
	static const char *const names[] = {"job", "duplicate", "distribution_point", NULL};
	int type = json_get_choice(in, "type", JSON_REQUIRED, names);

	get_head(in, fact);
	if (type == 0) {
		get_job_status(in, text, fact);
	} else if (type == 1) {
		fact->type = FACT_DUPLICATE;
		fact->version = record_version(in, "version", JSON_OPTIONAL);
		fact->job_id = record_id(in, "job_id");
		fact->original = record_position(in, "original", JSON_REQUIRED);
		fact->duplicate = record_position(in, "duplicate", JSON_REQUIRED);
		fact->job_position = fact->original;
	} else if (type == 2) {
		get_point_status(in, fact);
	}
}

/* What a job asks for, as far as this program shows it: the stager is who judges it. */
static void read_job(const struct json_node *in, struct view text, struct fact *fact)
{
	struct json_node node;

	fact->type = FACT_JOB;
	fact->job_type = json_get_text(in, "type", JSON_REQUIRED);
	fact->package = record_package(in);
	fact->version = record_version(in, "version", JSON_REQUIRED);
	fact->job_id = get_text(in, "job_id");
	fact->requested_by = get_text(in, "requested_by");
	fact->gate = get_text(in, "gate");
	struct view deadline = get_text(in, "deadline");
	timestamp_parse(deadline, &fact->deadline_ms); /* a duration begins where it is accepted */
	if (json_get_object(in, "content", JSON_OPTIONAL, &node)) {
		fact->has_content = true;
		fact->content = raw_field(text, "content");
		fact->digest = record_digest(&node, "digest", JSON_OPTIONAL);
	}
	if (json_get_array(in, "distribution_points", JSON_OPTIONAL, &node))
		fact->points = raw_field(text, "distribution_points");
	if (json_get_object(in, "annotations", JSON_OPTIONAL, &node))
		fact->annotations = raw_field(text, "annotations");
}

/* ---- headers */

static int64_t header_number(const struct replay *replay, const char *name, int64_t most)
{
	struct view text = replay_header(replay, name);
	int64_t number = 0;

	if (!text.len)
		return -1;
	for (size_t i = 0; i < text.len; i++) {
		int digit = text.data[i] - '0';

		if (digit < 0 || digit > 9 || number > (most - digit) / 10)
			return -1;
		number = number * 10 + digit;
	}
	return number;
}

static struct position header_position(const struct replay *replay, const char *partition, const char *offset)
{
	struct position position = {(int32_t)header_number(replay, partition, INT32_MAX),
	        header_number(replay, offset, INT64_MAX - 1)};

	return position.partition < 0 || position.offset < 0 ? (struct position){-1, -1} : position;
}

static void read_dead_letter(const struct replay *replay, struct fact *fact)
{
	fact->type = FACT_DEAD_LETTER;
	fact->package = fact->key;
	fact->reason = replay_header(replay, "__connect.errors.exception.class");
	fact->detail = replay_header(replay, "__connect.errors.exception.message");
	fact->origin_topic = replay_header(replay, "__connect.errors.topic");
	fact->origin = header_position(replay, "__connect.errors.partition", "__connect.errors.offset");
}

static void read_origin(struct fact_reader *reader, const struct replay *replay, struct fact *fact)
{
	struct position sent_from =
	        header_position(replay, "holdpoint-origin-partition", "holdpoint-origin-offset");

	/* nothing is sent on to where it lies already: such a header is forged (see engine/kafka/input.c) */
	fact->origin = sent_from.partition == fact->position.partition ? (struct position){0, -1} : sent_from;
	fact->job_position = fact->position;
	if (fact->type != FACT_JOB || name_is_job_id(fact->job_id))
		return; /* one that is no job id counts as none: its refusal is told under the default */
	struct position origin = fact->origin.offset < 0 ? fact->position : fact->origin;
	job_default_id(origin.partition, origin.offset, reader->job_id);
	fact->job_id = view_text(reader->job_id);
}

/* ---- the whole */

static void read_value(struct fact_reader *reader, struct view value, struct fact *fact)
{
	struct json_node root;

	if (!value.data) {
		error_set(&reader->err, STATUS_REJECT, "tombstone", "the record has no value");
		fact->type = FACT_UNREADABLE;
		return;
	}
	reader->open = json_open(&reader->json, value, READ_MAX, &root, &reader->err) == STATUS_OK;
	if (reader->open && fact->topic == LOG_JOBS)
		read_job(&root, value, fact);
	else if (reader->open && fact->topic == LOG_STAGED)
		read_staged_topic(&root, fact);
	else if (reader->open && fact->topic == LOG_UPDATED)
		read_updated_topic(&root, fact);
	else if (reader->open)
		read_status_topic(&root, value, fact);
	if (json_status(&reader->json) != STATUS_OK)
		fact->type = FACT_UNREADABLE;
}

static void read_fact(struct fact_reader *reader, const struct replay_record *record,
        const struct replay *replay, bool scan, struct fact *ret)
{
	const struct position none = {-1, -1};
	struct fact blank = {.topic = record->topic,
	        .position = record->position,
	        .log_time_ms = record->time_ms,
	        .time_ms = record->time_ms,
	        .key = record->key,
	        .value = record->value,
	        .job_position = none,
	        .original = none,
	        .duplicate = none,
	        .staged_position = none,
	        .release_position = none,
	        .origin = none};

	if (reader->open)
		json_close(&reader->json);
	reader->open = false;
	*ret = blank;
	if (record->topic == LOG_DLQ) {
		read_dead_letter(replay, ret);
		return;
	}
	if (!scan || !fact_scan(reader->scanner, record->value, ret)) {
		*ret = blank;
		read_value(reader, record->value, ret);
	}
	if (ret->type == FACT_UNREADABLE) {
		*ret = blank;
		ret->reason = view_text(reader->err.code);
		ret->detail = view_text(reader->err.message);
	}
	if (record->topic == LOG_JOBS)
		read_origin(reader, replay, ret);
}

void fact_read(struct fact_reader *reader, const struct replay_record *record, const struct replay *replay,
        struct fact *ret)
{
	read_fact(reader, record, replay, true, ret);
}

void fact_read_slowly(struct fact_reader *reader, const struct replay_record *record,
        const struct replay *replay, struct fact *ret)
{
	read_fact(reader, record, replay, false, ret);
}

bool fact_next(struct fact_reader *reader, struct view *json, struct view *ret_name, struct view *ret_value)
{
	struct view in = *json, name, value = {0};
	size_t value_at;

	if (!scan_mark(&in, '[') && !scan_mark(&in, '{') && !scan_mark(&in, ','))
		return false;
	if (!scan_value(&in, &name) || (scan_mark(&in, ':') && !scan_value(&in, &value)))
		return false;
	buffer_clear(&reader->names);
	if (!scan_text(name, &reader->names))
		return false;
	value_at = reader->names.len;
	if (value.data && !scan_text(value, &reader->names))
		return false;
	*json = in;
	*ret_name = (struct view){reader->names.data ? reader->names.data : "", value_at};
	*ret_value = value.data ? (struct view){reader->names.data + value_at, reader->names.len - value_at}
	                        : (struct view){0};
	return !reader->names.full;
}
