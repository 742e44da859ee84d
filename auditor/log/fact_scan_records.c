/* Each topic's records, from fields that are all plain: as the getters of schemas/record.h and json.h read
 * them. */
#include "auditor/log/fact_scan_room.h"
#include "base/timestamp.h"
#include "schemas/names.h"
#include "schemas/record.h"

#include <string.h>

/* ---- fields by what they must be */

static bool text(const struct fact_scanner *scanner, enum field field, struct view *ret)
{
	const struct value *value = scan_value_of(scanner, field);

	if (!value || value->kind != KIND_TEXT)
		return false;
	*ret = value->text;
	return true;
}

static bool maybe_text(const struct fact_scanner *scanner, enum field field, struct view *ret)
{
	return !scan_value_of(scanner, field) || text(scanner, field, ret);
}

static bool id(const struct fact_scanner *scanner, enum field field, struct view *ret)
{
	return text(scanner, field, ret) && ret->len >= 1 && ret->len <= RECORD_ID_MAX;
}

static bool version(const struct fact_scanner *scanner, enum field field, struct view *ret)
{
	return text(scanner, field, ret) && name_is_version(*ret);
}

static bool maybe_version(const struct fact_scanner *scanner, enum field field, struct view *ret)
{
	return !scan_value_of(scanner, field) || version(scanner, field, ret);
}

static bool point(const struct fact_scanner *scanner, struct view *ret)
{
	return text(scanner, FIELD_DISTRIBUTION_POINT, ret) && name_is_distribution_point(*ret);
}

static bool digest(const struct fact_scanner *scanner, struct view *ret)
{
	if (!text(scanner, FIELD_DIGEST, ret) || ret->len != DIGEST_SIZE - 1 ||
	        memcmp(ret->data, "sha256:", 7) != 0)
		return false;
	for (size_t i = 7; i < ret->len; i++)
		if ((ret->data[i] < '0' || ret->data[i] > '9') && (ret->data[i] < 'a' || ret->data[i] > 'f'))
			return false;
	return true;
}

static bool number(
        const struct fact_scanner *scanner, enum field field, int64_t least, int64_t most, int64_t *ret)
{
	const struct value *value = scan_value_of(scanner, field);

	if (!value || value->kind != KIND_NUMBER || value->number < least || value->number > most)
		return false;
	*ret = value->number;
	return true;
}

static bool digits(const char *at, int count, int64_t most, int64_t *ret)
{
	*ret = 0;
	for (int i = 0; i < count; i++) {
		if (at[i] < '0' || at[i] > '9')
			return false;
		*ret = *ret * 10 + (at[i] - '0');
	}
	return *ret <= most;
}

/* As our programs write it, "2026-12-01T00:00:00.000Z": what lies behind the minute. */
static bool is_plain_time(struct view time, int64_t *ret_ms)
{
	int64_t seconds, ms;

	if (time.len != TIMESTAMP_SIZE - 1 || time.data[19] != '.' || time.data[23] != 'Z' ||
	        !digits(time.data + MINUTE_LEN, 2, 59, &seconds) || !digits(time.data + 20, 3, 999, &ms))
		return false;
	*ret_ms = seconds * 1000 + ms;
	return true;
}

static bool parse_time(struct minute *minute, struct view time, int64_t *ret_ms)
{
	int64_t ms;
	bool plain = is_plain_time(time, &ms);

	if (plain && memcmp(time.data, minute->text, MINUTE_LEN) == 0) {
		*ret_ms = minute->ms + ms;
		return true;
	}
	if (!timestamp_parse(time, ret_ms))
		return false;
	if (plain) {
		memcpy(minute->text, time.data, MINUTE_LEN);
		minute->ms = *ret_ms - ms;
	}
	return true;
}

static bool time_of(struct fact_scanner *scanner, enum field field, int64_t *ret_ms)
{
	struct view time;

	return text(scanner, field, &time) &&
	       parse_time(&scanner->minutes[field != FIELD_TIME], time, ret_ms);
}

static bool maybe_time(struct fact_scanner *scanner, enum field field, int64_t *ret_ms)
{
	return !scan_value_of(scanner, field) || time_of(scanner, field, ret_ms);
}

/* {"partition": …, "offset": …}, each once, in this order or the other. */
static bool parse_position(struct view object, struct position *ret)
{
	struct cursor in = {object.data + 1, object.data + object.len};
	int64_t partition = -1, offset = -1;
	struct view name;

	do {
		if (!cursor_take(&in, '"') || !cursor_take_text(&in, &name) || !cursor_take(&in, ':'))
			return false;
		cursor_skip_space(&in);
		if (!cursor_take_number(&in, view_is(name, "offset") ? &offset : &partition))
			return false;
		if (!view_is(name, "offset") && !view_is(name, "partition"))
			return false;
	} while (cursor_take(&in, ','));
	if (partition < 0 || partition > INT32_MAX || offset < 0 || offset > JSON_INTEGER_MAX)
		return false;
	*ret = (struct position){(int32_t)partition, offset};
	return true;
}

static bool position(const struct fact_scanner *scanner, enum field field, struct position *ret)
{
	const struct value *value = scan_value_of(scanner, field);

	return value && value->kind == KIND_OBJECT && parse_position(value->text, ret);
}

static bool maybe_position(const struct fact_scanner *scanner, enum field field, struct position *ret)
{
	return !scan_value_of(scanner, field) || position(scanner, field, ret);
}

/* The text of an array or object, kept as it is. */
static bool maybe_raw(const struct fact_scanner *scanner, enum field field, enum kind kind, struct view *ret)
{
	const struct value *value = scan_value_of(scanner, field);

	if (value)
		*ret = value->text;
	return !value || value->kind == kind;
}

static bool is_any(struct view text, const char *const *names)
{
	for (; *names; names++)
		if (view_is(text, *names))
			return true;
	return false;
}

/* ---- records */

static bool head(struct fact_scanner *scanner, struct fact *fact)
{
	int64_t schema;

	return number(scanner, FIELD_SCHEMA, 1, SCHEMA_VERSION, &schema) &&
	       id(scanner, FIELD_ID, &fact->id) && time_of(scanner, FIELD_TIME, &fact->time_ms) &&
	       text(scanner, FIELD_PACKAGE_ID, &fact->package) && name_is_package(fact->package);
}

static bool scan_staged(const struct fact_scanner *scanner, struct fact *fact)
{
	int64_t files, bytes;

	if (!number(scanner, FIELD_FILES, 1, MANIFEST_FILES_MAX, &files) ||
	        !number(scanner, FIELD_BYTES, 0, JSON_INTEGER_MAX, &bytes) ||
	        !text(scanner, FIELD_READ_BACK, &fact->read_back))
		return false;
	fact->files = (uint64_t)files;
	fact->bytes = (uint64_t)bytes;
	return id(scanner, FIELD_DP_ID, &fact->dp_id) && digest(scanner, &fact->digest) &&
	       (view_is(fact->read_back, "full") || view_is(fact->read_back, "size"));
}

static bool scan_decision(struct fact_scanner *scanner, struct fact *fact)
{
	int64_t targets;

	if (!number(scanner, FIELD_TARGETS, 1, UINT32_MAX, &targets) ||
	        !time_of(scanner, FIELD_DEADLINE, &fact->deadline_ms))
		return false;
	fact->targets = (uint32_t)targets;
	if (fact->type == FACT_WITHHELD)
		return text(scanner, FIELD_REASON, &fact->reason) &&
		       maybe_text(scanner, FIELD_DETAIL, &fact->detail);
	return id(scanner, FIELD_DP_ID, &fact->dp_id) && digest(scanner, &fact->digest) &&
	       id(scanner, FIELD_STAGED_ID, &fact->staged_id);
}

static bool scan_staged_topic(struct fact_scanner *scanner, struct view type, struct fact *fact)
{
	if (!head(scanner, fact) || !version(scanner, FIELD_VERSION, &fact->version) ||
	        !point(scanner, &fact->point) || !id(scanner, FIELD_JOB_ID, &fact->job_id) ||
	        !maybe_position(scanner, FIELD_JOB_POSITION, &fact->job_position))
		return false;
	if (view_is(type, "staged")) {
		fact->type = FACT_STAGED;
		return scan_staged(scanner, fact);
	}
	fact->type = view_is(type, "release") ? FACT_RELEASE : FACT_WITHHELD;
	return (fact->type == FACT_RELEASE || view_is(type, "withheld")) && scan_decision(scanner, fact);
}

static bool scan_updated_topic(struct fact_scanner *scanner, struct view type, struct fact *fact)
{
	fact->type = FACT_UPDATED;
	return view_is(type, "updated") && head(scanner, fact) &&
	       version(scanner, FIELD_VERSION, &fact->version) &&
	       maybe_version(scanner, FIELD_PREVIOUS_VERSION, &fact->previous_version) &&
	       point(scanner, &fact->point) && id(scanner, FIELD_DP_ID, &fact->dp_id) &&
	       digest(scanner, &fact->digest) && id(scanner, FIELD_JOB_ID, &fact->job_id) &&
	       id(scanner, FIELD_STAGED_ID, &fact->staged_id) &&
	       maybe_position(scanner, FIELD_STAGED_POSITION, &fact->staged_position) &&
	       id(scanner, FIELD_RELEASE_ID, &fact->release_id) &&
	       maybe_position(scanner, FIELD_RELEASE_POSITION, &fact->release_position);
}

static bool scan_waiting_for(const struct fact_scanner *scanner, struct fact *fact)
{
	struct cursor in;
	struct view name;
	struct value value;

	if (!scan_value_of(scanner, FIELD_WAITING_FOR))
		return true;
	if (!cursor_enter(scan_value_of(scanner, FIELD_WAITING_FOR), &in))
		return false;
	while (cursor_next(&in, &name, &value)) {
		bool is_count = value.kind == KIND_NUMBER && value.number <= UINT32_MAX;

		if (view_is(name, "missing")) {
			fact->missing = value.text;
			is_count = value.kind == KIND_ARRAY;
		} else if (view_is(name, "staged")) {
			fact->waiting_staged = (uint32_t)value.number;
		} else if (view_is(name, "targets")) {
			fact->waiting_targets = (uint32_t)value.number;
		}
		if (!is_count)
			return false;
	}
	return true;
}

static bool scan_job_status(struct fact_scanner *scanner, struct fact *fact)
{
	static const char *const states[] = {"accepted", "completed", "superseded", "expired", "failed",
	        "canceled", "held", "rejected", NULL};
	const struct value *final = scan_value_of(scanner, FIELD_FINAL);

	fact->type = FACT_JOB_STATUS;
	if (!maybe_version(scanner, FIELD_VERSION, &fact->version) ||
	        !id(scanner, FIELD_JOB_ID, &fact->job_id) ||
	        !maybe_position(scanner, FIELD_JOB_POSITION, &fact->job_position) ||
	        !maybe_text(scanner, FIELD_JOB_TYPE, &fact->job_type) ||
	        !text(scanner, FIELD_STATE, &fact->state) || !is_any(fact->state, states))
		return false;
	if (fact->job_type.data && !view_is(fact->job_type, "create") && !view_is(fact->job_type, "update"))
		return false;
	if (!final || (final->kind != KIND_TRUE && final->kind != KIND_FALSE))
		return false;
	fact->final = final->kind == KIND_TRUE;
	return maybe_text(scanner, FIELD_REASON, &fact->reason) &&
	       maybe_text(scanner, FIELD_DETAIL, &fact->detail) &&
	       maybe_text(scanner, FIELD_REQUESTED_BY, &fact->requested_by) &&
	       maybe_time(scanner, FIELD_DEADLINE, &fact->deadline_ms) &&
	       maybe_raw(scanner, FIELD_DISTRIBUTION_POINTS, KIND_ARRAY, &fact->points) &&
	       maybe_raw(scanner, FIELD_ANNOTATIONS, KIND_OBJECT, &fact->annotations) &&
	       maybe_raw(scanner, FIELD_OUTCOMES, KIND_OBJECT, &fact->outcomes) &&
	       scan_waiting_for(scanner, fact);
}

static bool scan_error(const struct fact_scanner *scanner, struct fact *fact)
{
	struct cursor in;
	struct view name;
	struct value value;

	if (!scan_value_of(scanner, FIELD_ERROR))
		return true;
	if (!cursor_enter(scan_value_of(scanner, FIELD_ERROR), &in))
		return false;
	while (cursor_next(&in, &name, &value)) {
		bool is_flag = value.kind == KIND_TRUE || value.kind == KIND_FALSE;

		if (view_is(name, "code") && value.kind == KIND_TEXT)
			fact->reason = value.text;
		else if (view_is(name, "message") && value.kind == KIND_TEXT)
			fact->detail = value.text;
		else if (view_is(name, "retryable") && is_flag)
			fact->retryable = value.kind == KIND_TRUE;
		else
			return false;
	}
	return true;
}

static bool scan_point_status(struct fact_scanner *scanner, struct fact *fact)
{
	static const char *const states[] = {
	        "staged", "updated", "pending", "staging", "retrying", "updating", "failed", NULL};
	int64_t attempt = 0;

	fact->type = FACT_POINT;
	if (!version(scanner, FIELD_VERSION, &fact->version) || !point(scanner, &fact->point) ||
	        !text(scanner, FIELD_STATE, &fact->state) || !is_any(fact->state, states))
		return false;
	if (scan_value_of(scanner, FIELD_ATTEMPT) && !number(scanner, FIELD_ATTEMPT, 0, UINT32_MAX, &attempt))
		return false;
	fact->attempt = (uint32_t)attempt;
	return maybe_time(scanner, FIELD_NEXT_RETRY, &fact->next_retry_ms) && scan_error(scanner, fact);
}

static bool scan_status_topic(struct fact_scanner *scanner, struct view type, struct fact *fact)
{
	if (!head(scanner, fact))
		return false;
	if (view_is(type, "job"))
		return scan_job_status(scanner, fact);
	if (view_is(type, "distribution_point"))
		return scan_point_status(scanner, fact);
	fact->type = FACT_DUPLICATE;
	if (!view_is(type, "duplicate") || !maybe_version(scanner, FIELD_VERSION, &fact->version) ||
	        !id(scanner, FIELD_JOB_ID, &fact->job_id) ||
	        !position(scanner, FIELD_ORIGINAL, &fact->original) ||
	        !position(scanner, FIELD_DUPLICATE, &fact->duplicate))
		return false;
	fact->job_position = fact->original;
	return true;
}

/* Of content only its digest is told, where it brings one. */
static bool scan_content(struct fact_scanner *scanner, struct fact *fact)
{
	struct cursor in;
	struct view name;
	struct value value;

	if (!scan_value_of(scanner, FIELD_CONTENT))
		return true;
	if (!cursor_enter(scan_value_of(scanner, FIELD_CONTENT), &in))
		return false;
	fact->has_content = true;
	fact->content = scan_value_of(scanner, FIELD_CONTENT)->text;
	while (cursor_next(&in, &name, &value)) {
		if (!view_is(name, "digest"))
			continue;
		scanner->values[FIELD_DIGEST] = value;
		scanner->seen |= UINT64_C(1) << FIELD_DIGEST;
		if (!digest(scanner, &fact->digest))
			return false;
	}
	return true;
}

static bool scan_job(struct fact_scanner *scanner, struct view type, struct fact *fact)
{
	struct view deadline = {0};

	fact->type = FACT_JOB;
	fact->job_type = type;
	if (!text(scanner, FIELD_PACKAGE_ID, &fact->package) || !name_is_package(fact->package) ||
	        !version(scanner, FIELD_VERSION, &fact->version) ||
	        !maybe_text(scanner, FIELD_JOB_ID, &fact->job_id) ||
	        !maybe_text(scanner, FIELD_REQUESTED_BY, &fact->requested_by) ||
	        !maybe_text(scanner, FIELD_GATE, &fact->gate) ||
	        !maybe_text(scanner, FIELD_DEADLINE, &deadline))
		return false;
	if (deadline.len)
		timestamp_parse(deadline, &fact->deadline_ms);
	return maybe_raw(scanner, FIELD_DISTRIBUTION_POINTS, KIND_ARRAY, &fact->points) &&
	       maybe_raw(scanner, FIELD_ANNOTATIONS, KIND_OBJECT, &fact->annotations) &&
	       scan_content(scanner, fact);
}

bool fact_scan(struct fact_scanner *scanner, struct view value, struct fact *fact)
{
	struct view type;

	if (!scan_record(scanner, value) || !text(scanner, FIELD_TYPE, &type))
		return false;
	switch (fact->topic) {
	case LOG_JOBS:
		return scan_job(scanner, type, fact);
	case LOG_STAGED:
		return scan_staged_topic(scanner, type, fact);
	case LOG_UPDATED:
		return scan_updated_topic(scanner, type, fact);
	case LOG_STATUS:
		return scan_status_topic(scanner, type, fact);
	case LOG_DLQ:
		break;
	}
	return false;
}
