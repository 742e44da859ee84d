#ifndef AUDITOR_RAW_H
#define AUDITOR_RAW_H

#include "auditor/log/replay.h"

/* One record of the log as it is, read from Kafka when asked for: one at a time, in bounded time. From any
 * thread. Error codes: "not_found", "busy", and those of client.h. */
struct raw;

struct raw *raw_new(const struct options *options); /* borrowed */
void raw_free(struct raw *raw);                     /* NULL is fine */

struct raw_record {
	int64_t time_ms;
	struct view key, value;             /* absent: null */
	const struct client_lanes *headers; /* NULL: not known */
};

/* Calls take with the record, whose views end with the call. */
must_check enum status raw_read(struct raw *raw, enum log_topic topic, struct position position,
        void (*take)(void *context, const struct raw_record *record), void *context, struct error *err);
bool raw_header_at(
        const struct raw_record *record, size_t index, struct view *ret_name, struct view *ret_value);

#endif
