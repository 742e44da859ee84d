#ifndef AUDITOR_FACT_SCAN_ROOM_H
#define AUDITOR_FACT_SCAN_ROOM_H

#include "auditor/log/fact_scan.h"

/* Internal to fact_scan*.c: a record's fields, taken once and then looked at by name. */
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

/* The fields of the record's object into values; false: not understood. */
bool scan_record(struct fact_scanner *scanner, struct view value);

/* A field's value; NULL: it is not there. */
static inline const struct value *scan_value_of(const struct fact_scanner *scanner, enum field field)
{
	return scanner->seen & UINT64_C(1) << field ? &scanner->values[field] : NULL;
}

/* Plain JSON, piece by piece: what is taken was there, and is left behind. */
struct cursor {
	const char *at, *end;
};
static inline void cursor_skip_space(struct cursor *in)
{
	while (in->at < in->end && (*in->at == ' ' || *in->at == '\n' || *in->at == '\t' || *in->at == '\r'))
		in->at++;
}

static inline bool cursor_take(struct cursor *in, char mark) /* and white space before it */
{
	cursor_skip_space(in);
	if (in->at == in->end || *in->at != mark)
		return false;
	in->at++;
	return true;
}

bool cursor_take_text(struct cursor *in, struct view *ret); /* behind its opening quote */
bool cursor_take_number(struct cursor *in, int64_t *ret);

/* Goes into an object that was taken whole, field by field. */
bool cursor_enter(const struct value *object, struct cursor *ret);
bool cursor_next(struct cursor *in, struct view *ret_name, struct value *ret);

#endif
