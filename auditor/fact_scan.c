#include "auditor/fact_scan.h"

#include "base/memory.h"
#include "base/timestamp.h"
#include "schemas/names.h"
#include "schemas/record.h"

#include <stdlib.h>
#include <string.h>

/* ---- the fields that records have */

enum field {
	FIELD_SCHEMA,
	FIELD_TYPE,
	FIELD_ID,
	FIELD_TIME,
	FIELD_PACKAGE_ID,
	FIELD_VERSION,
	FIELD_DISTRIBUTION_POINT,
	FIELD_JOB_ID,
	FIELD_JOB_POSITION,
	FIELD_DP_ID,
	FIELD_DIGEST,
	FIELD_FILES,
	FIELD_BYTES,
	FIELD_READ_BACK,
	FIELD_STAGED_ID,
	FIELD_TARGETS,
	FIELD_DEADLINE,
	FIELD_REASON,
	FIELD_DETAIL,
	FIELD_PREVIOUS_VERSION,
	FIELD_STAGED_POSITION,
	FIELD_RELEASE_ID,
	FIELD_RELEASE_POSITION,
	FIELD_JOB_TYPE,
	FIELD_STATE,
	FIELD_FINAL,
	FIELD_DISTRIBUTION_POINTS,
	FIELD_REQUESTED_BY,
	FIELD_ANNOTATIONS,
	FIELD_OUTCOMES,
	FIELD_ORIGINAL,
	FIELD_DUPLICATE,
	FIELD_ATTEMPT,
	FIELD_NEXT_RETRY,
	FIELD_GATE,
	FIELD_CONTENT,
	FIELD_WAITING_FOR,
	FIELD_ERROR,
	FIELDS, /* of others nothing is understood */
};

static const char *const field_names[FIELDS] = {"schema", "type", "id", "time", "package_id", "version",
        "distribution_point", "job_id", "job_position", "dp_id", "digest", "files", "bytes", "read_back",
        "staged_id", "targets", "deadline", "reason", "detail", "previous_version", "staged_position",
        "release_id", "release_position", "job_type", "state", "final", "distribution_points", "requested_by",
        "annotations", "outcomes", "original", "duplicate", "attempt", "next_retry", "gate", "content",
        "waiting_for", "error"};

enum { NAME_SLOTS = 128, NESTED_FIELDS_MAX = 16, DEPTH_MAX = 4, READ_MAX = 8 << 20, MINUTE_LEN = 17 };

enum kind { KIND_TEXT, KIND_NUMBER, KIND_TRUE, KIND_FALSE, KIND_OBJECT, KIND_ARRAY };
struct value {
	enum kind kind;
	struct view text; /* TEXT: what is between the quotes; OBJECT, ARRAY: with its brackets */
	int64_t number;
};

struct fact_scanner {
	uint8_t names[NAME_SLOTS]; /* field + 1 */
	uint8_t lens[FIELDS];
	struct value values[FIELDS];
	uint64_t seen; /* which of them this record has */
	/* times of one log are mostly of one minute, and deadlines, a day later, of another */
	struct minute {
		char text[MINUTE_LEN];
		int64_t ms;
	} minutes[2];
};

static size_t name_slot(const char *name, size_t len)
{
	unsigned first = (unsigned char)name[0], last = (unsigned char)name[len - 1];

	return (first * 31 + last * 7 + (unsigned)len * 13) % NAME_SLOTS;
}

struct fact_scanner *fact_scanner_new(void)
{
	struct fact_scanner *scanner = memory_alloc(sizeof(*scanner));

	for (size_t field = 0; field < FIELDS; field++) {
		size_t slot = name_slot(field_names[field], strlen(field_names[field]));

		while (scanner->names[slot])
			slot = (slot + 1) % NAME_SLOTS;
		scanner->names[slot] = (uint8_t)(field + 1);
		scanner->lens[field] = (uint8_t)strlen(field_names[field]);
	}
	return scanner;
}

void fact_scanner_free(struct fact_scanner *scanner)
{
	free(scanner);
}

static enum field field_named(const struct fact_scanner *scanner, struct view name)
{
	size_t slot = name.len ? name_slot(name.data, name.len) : 0;

	for (; scanner->names[slot]; slot = (slot + 1) % NAME_SLOTS) {
		size_t field = scanner->names[slot] - 1u;

		if (name.len == scanner->lens[field] && memcmp(name.data, field_names[field], name.len) == 0)
			return (enum field)field;
	}
	return FIELDS;
}

/* ---- JSON, as far as it is plain */

struct cursor {
	const char *at, *end;
};

static inline void skip_space(struct cursor *in)
{
	while (in->at < in->end && (*in->at == ' ' || *in->at == '\n' || *in->at == '\t' || *in->at == '\r'))
		in->at++;
}

static inline bool take(struct cursor *in, char mark)
{
	skip_space(in);
	if (in->at == in->end || *in->at != mark)
		return false;
	in->at++;
	return true;
}

/* Bit 7 of each byte that is a quote, a backslash, a control character, DEL, or no ASCII. */
static inline uint64_t odd_bytes(uint64_t word)
{
	const uint64_t ones = 0x0101010101010101, highs = 0x8080808080808080;
	uint64_t quote = word ^ (ones * '"'), backslash = word ^ (ones * '\\'), del = word ^ (ones * 0x7f);

	return (((word - ones * 0x20) | (quote - ones) | (backslash - ones) | (del - ones)) & ~word & highs) |
	       (word & highs);
}

/* A string behind its opening quote, of printable ASCII without escapes. */
static bool take_text(struct cursor *in, struct view *ret)
{
	const char *at = in->at;
	uint64_t word, odd = 0;

	while (in->end - at >= 8) {
		memcpy(&word, at, 8);
		odd = odd_bytes(word);
		if (odd)
			break;
		at += 8;
	}
	if (odd && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
		at += __builtin_ctzll(odd) / 8;
	while (at < in->end && *at >= ' ' && *at <= '~' && *at != '"' && *at != '\\')
		at++;
	if (at == in->end || *at != '"')
		return false;
	*ret = (struct view){in->at, (size_t)(at - in->at)};
	in->at = at + 1;
	return true;
}

/* No sign, fraction or exponent, and fewer digits than would overflow. */
static bool take_number(struct cursor *in, int64_t *ret)
{
	const char *start = in->at;
	int64_t number = 0;

	while (in->at < in->end && *in->at >= '0' && *in->at <= '9' && in->at - start < 18)
		number = number * 10 + (*in->at++ - '0');
	*ret = number;
	if (in->at == in->end || in->at == start || (*start == '0' && in->at - start > 1))
		return false;
	return *in->at == ',' || *in->at == '}' || *in->at == ']' || *in->at == ' ' || *in->at == '\n';
}

static bool take_word(struct cursor *in, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(in->end - in->at) < len || memcmp(in->at, word, len) != 0)
		return false;
	in->at += len;
	return true;
}

static bool take_nested(struct cursor *in, int depth);

static bool take_value(struct cursor *in, struct value *ret, int depth)
{
	skip_space(in);
	const char *start = in->at;

	if (in->at == in->end)
		return false;
	switch (*start) {
	case '"':
		in->at++;
		ret->kind = KIND_TEXT;
		return take_text(in, &ret->text);
	case '{':
	case '[':
		ret->kind = *start == '{' ? KIND_OBJECT : KIND_ARRAY;
		if (depth >= DEPTH_MAX || !take_nested(in, depth + 1))
			return false;
		ret->text = (struct view){start, (size_t)(in->at - start)};
		return true;
	case 't':
		ret->kind = KIND_TRUE;
		return take_word(in, "true");
	case 'f':
		ret->kind = KIND_FALSE;
		return take_word(in, "false");
	default:
		ret->kind = KIND_NUMBER;
		return take_number(in, &ret->number);
	}
}

/* Whether none of the names before is the last one. */
static bool is_new(const struct view *names, size_t count)
{
	for (size_t i = 0; i + 1 < count; i++)
		if (view_equal(names[i], names[count - 1]))
			return false;
	return true;
}

/* An object or array; of an object with many fields it is not known whether one is there twice. */
static bool take_nested(struct cursor *in, int depth)
{
	struct view names[NESTED_FIELDS_MAX];
	struct value ignored;
	bool object = *in->at++ == '{';
	char close = object ? '}' : ']';
	size_t count = 0;

	if (take(in, close))
		return true;
	do {
		if (object &&
		        (count == NESTED_FIELDS_MAX || !take(in, '"') || !take_text(in, &names[count]) ||
		                !is_new(names, ++count) || !take(in, ':')))
			return false;
		if (!take_value(in, &ignored, depth))
			return false;
	} while (take(in, ','));
	return take(in, close);
}

/* The fields of the record's object into values. */
static bool take_record(struct fact_scanner *scanner, struct cursor *in)
{
	struct view name;
	enum field field;

	scanner->seen = 0;
	if (!take(in, '{'))
		return false;
	do {
		if (!take(in, '"') || !take_text(in, &name) || !take(in, ':'))
			return false;
		field = field_named(scanner, name);
		if (field == FIELDS || scanner->seen & UINT64_C(1) << field)
			return false;
		if (!take_value(in, &scanner->values[field], 0))
			return false;
		scanner->seen |= UINT64_C(1) << field;
	} while (take(in, ','));
	if (!take(in, '}'))
		return false;
	skip_space(in);
	return in->at == in->end;
}

/* ---- fields by what they must be: as the getters of schemas/record.h and json.h */

static const struct value *value_of(const struct fact_scanner *scanner, enum field field)
{
	return scanner->seen & UINT64_C(1) << field ? &scanner->values[field] : NULL;
}

static bool text(const struct fact_scanner *scanner, enum field field, struct view *ret)
{
	const struct value *value = value_of(scanner, field);

	if (!value || value->kind != KIND_TEXT)
		return false;
	*ret = value->text;
	return true;
}

static bool maybe_text(const struct fact_scanner *scanner, enum field field, struct view *ret)
{
	return !value_of(scanner, field) || text(scanner, field, ret);
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
	return !value_of(scanner, field) || version(scanner, field, ret);
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
	const struct value *value = value_of(scanner, field);

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
	return !value_of(scanner, field) || time_of(scanner, field, ret_ms);
}

/* {"partition": …, "offset": …}, each once, in this order or the other. */
static bool parse_position(struct view object, struct position *ret)
{
	struct cursor in = {object.data + 1, object.data + object.len};
	int64_t partition = -1, offset = -1;
	struct view name;

	do {
		if (!take(&in, '"') || !take_text(&in, &name) || !take(&in, ':'))
			return false;
		skip_space(&in);
		if (!take_number(&in, view_is(name, "offset") ? &offset : &partition))
			return false;
		if (!view_is(name, "offset") && !view_is(name, "partition"))
			return false;
	} while (take(&in, ','));
	if (partition < 0 || partition > INT32_MAX || offset < 0 || offset > JSON_INTEGER_MAX)
		return false;
	*ret = (struct position){(int32_t)partition, offset};
	return true;
}

static bool position(const struct fact_scanner *scanner, enum field field, struct position *ret)
{
	const struct value *value = value_of(scanner, field);

	return value && value->kind == KIND_OBJECT && parse_position(value->text, ret);
}

static bool maybe_position(const struct fact_scanner *scanner, enum field field, struct position *ret)
{
	return !value_of(scanner, field) || position(scanner, field, ret);
}

/* The text of an array or object, kept as it is. */
static bool maybe_raw(const struct fact_scanner *scanner, enum field field, enum kind kind, struct view *ret)
{
	const struct value *value = value_of(scanner, field);

	if (value)
		*ret = value->text;
	return !value || value->kind == kind;
}

/* Goes into an object that was taken whole, field by field. */
static bool enter(const struct value *object, struct cursor *ret)
{
	if (object->kind != KIND_OBJECT)
		return false;
	*ret = (struct cursor){object->text.data, object->text.data + object->text.len};
	return true;
}

static bool next_field(struct cursor *in, struct view *ret_name, struct value *ret)
{
	return (take(in, '{') || take(in, ',')) && take(in, '"') && take_text(in, ret_name) &&
	       take(in, ':') && take_value(in, ret, 1);
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

	if (!value_of(scanner, FIELD_WAITING_FOR))
		return true;
	if (!enter(value_of(scanner, FIELD_WAITING_FOR), &in))
		return false;
	while (next_field(&in, &name, &value)) {
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
	const struct value *final = value_of(scanner, FIELD_FINAL);

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

	if (!value_of(scanner, FIELD_ERROR))
		return true;
	if (!enter(value_of(scanner, FIELD_ERROR), &in))
		return false;
	while (next_field(&in, &name, &value)) {
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
	if (value_of(scanner, FIELD_ATTEMPT) && !number(scanner, FIELD_ATTEMPT, 0, UINT32_MAX, &attempt))
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

	if (!value_of(scanner, FIELD_CONTENT))
		return true;
	if (!enter(value_of(scanner, FIELD_CONTENT), &in))
		return false;
	fact->has_content = true;
	while (next_field(&in, &name, &value)) {
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
	struct cursor in = {value.data, value.data + value.len};
	struct view type;

	if (!value.data || value.len > READ_MAX || !take_record(scanner, &in) ||
	        !text(scanner, FIELD_TYPE, &type))
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
