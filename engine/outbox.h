#ifndef ENGINE_OUTBOX_H
#define ENGINE_OUTBOX_H

#include "base/bytes.h"
#include "base/position.h"

#include <stdbool.h>
#include <stdint.h>

/* What one batch says: everything that one transaction will carry. A machine appends rows (its changed
 * state), records (for output topics) and dead letters; all bytes are copied in. Nothing leaves before the
 * commit, and the order of appending is the order in each topic. */
enum outbox_kind {
	OUTBOX_ROW,         /* → changelog: key is the whole changelog key; value absent: the row is gone */
	OUTBOX_RECORD,      /* → output topic number `output` */
	OUTBOX_DEAD_LETTER, /* → dead letters: key and value byte-identical, reason in headers; the committing
	                       side adds __connect.errors.topic, since it alone knows the topic's full name */
	OUTBOX_REROUTE, /* → input topic, the partition that its key belongs to; its first position goes along
	                   in the ORIGIN_… headers, which the reading side puts into record->origin */
};

/* Values are decimal numbers. */
#define STRUCTURED_CONTENT_TYPE "application/cloudevents+json" /* CloudEvents, structured mode */
#define ORIGIN_PARTITION_HEADER "holdpoint-origin-partition"
#define ORIGIN_OFFSET_HEADER "holdpoint-origin-offset"

struct outbox_header {
	struct view name, value;
};

struct outbox_message {
	enum outbox_kind kind;
	int output;        /* RECORD */
	int32_t partition; /* REROUTE; all else goes to the shard's own partition number */
	struct view key, value;
	const struct outbox_header *headers;
	size_t header_count;
};

struct outbox;

/* Bounds of one transaction; the shard stops taking input well before. */
enum { OUTBOX_BYTES_MAX = 64 << 20, OUTBOX_VALUE_MAX = 1 << 20 };

struct outbox *outbox_new(void);
void outbox_free(struct outbox *outbox); /* NULL is fine */
void outbox_clear(struct outbox *outbox);

/* Buffers of at most OUTBOX_VALUE_MAX bytes, empty each time, to write in what is then appended. */
enum outbox_scratch { OUTBOX_SCRATCH_NAME, OUTBOX_SCRATCH_VALUE, OUTBOX_SCRATCHES };
struct buffer *outbox_scratch(struct outbox *outbox, enum outbox_scratch which);

/* Rows and records of the state being applied; outbox_about() is the engine's, called before each apply. row
 * is the row's own name within its key ("v/1.0"); the changelog key is "<key>/<row>". traceparent may be
 * absent. */
void outbox_about(struct outbox *outbox, struct view key, struct view traceparent);
void outbox_row(struct outbox *outbox, struct view row, struct view value);
void outbox_row_gone(struct outbox *outbox, struct view row);
void outbox_record(struct outbox *outbox, int output, struct view value); /* key and traceparent as about */
void outbox_record_traced(struct outbox *outbox, int output, struct view value, struct view traceparent);

/* The record being applied can never succeed: it goes to the dead letters byte-identical, with code and
 * message in headers. At most once per record; only while one is applied. */
void outbox_dead_letter(struct outbox *outbox, const char *code, const char *message);

/* As outbox_record_traced(), with more headers (CloudEvents', for example); they are copied. */
void outbox_record_headed(struct outbox *outbox, int output, struct view value, struct view traceparent,
        const struct outbox_header *headers, size_t header_count);

/* The engine's own. A dead letter's headers, beside the topic and traceparent: its coordinates, the stage it
 * failed in ("apply"; the engine also has "route" and "commit"), the code and the message, cut to 1,000
 * bytes. One of more than DEAD_LETTER_BYTES_MAX goes as its key (none of more than DEAD_LETTER_KEY_MAX), and
 * the SHA-256 of its value as value, with DEAD_LETTER_OMITTED_HEADER saying how many bytes are not there. */
#define DEAD_LETTER_PARTITION_HEADER "__connect.errors.partition"
#define DEAD_LETTER_OFFSET_HEADER "__connect.errors.offset"
#define DEAD_LETTER_STAGE_HEADER "__connect.errors.stage"
#define DEAD_LETTER_CODE_HEADER "__connect.errors.exception.class"
#define DEAD_LETTER_MESSAGE_HEADER "__connect.errors.exception.message"
#define DEAD_LETTER_OMITTED_HEADER "holdpoint-omitted-bytes"
enum { DEAD_LETTER_MESSAGE_MAX = 1000, DEAD_LETTER_BYTES_MAX = 1900000, DEAD_LETTER_KEY_MAX = 4096 };

struct record;
void outbox_record_is(
        struct outbox *outbox, const struct record *record); /* NULL: no record is being applied */
void outbox_dead_letter_at(struct outbox *outbox, const char *stage, const char *code, const char *message);
/* One that is too large to be sent with more headers becomes a dead letter instead. */
void outbox_reroute(struct outbox *outbox, int32_t partition);
void outbox_engine_row(struct outbox *outbox, const char *key, struct view value); /* "@position" … */
size_t outbox_count(const struct outbox *outbox);
/* Where a message goes: to an output, by its number, or to one of these. */
enum { OUTBOX_OUTPUTS = 8, OUTBOX_LANES = OUTBOX_OUTPUTS + 3 };
enum { OUTBOX_LANE_CHANGELOG = OUTBOX_OUTPUTS, OUTBOX_LANE_DEAD_LETTERS, OUTBOX_LANE_INPUT };
int outbox_lane(const struct outbox_message *message);
struct outbox_tally { /* how much goes there */
	size_t count, bytes;
};
struct outbox_tally outbox_tally(const struct outbox *outbox, int lane);
size_t outbox_bytes(const struct outbox *outbox);
bool outbox_is_overfull(
        const struct outbox *outbox); /* something did not fit: the batch must not be committed */
const struct outbox_message *outbox_message(const struct outbox *outbox, size_t index);

#endif
