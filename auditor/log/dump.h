#ifndef AUDITOR_DUMP_H
#define AUDITOR_DUMP_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

/* One line of a dump, as `kcat -C -J` prints records: a JSON object with topic, partition, offset, ts, key,
 * payload and headers (names and values in turn). kcat writes the bytes of keys, values and headers into its
 * strings as they are, valid UTF-8 or not, so its lines are no strict JSON, and are taken as they are. Views
 * look into the line, strings still with their quotes and escapes (see scan_text()). */
struct dump_line {
	struct view topic; /* unescaped: topic names need none */
	int32_t partition;
	int64_t offset, time_ms;
	struct view key, payload; /* absent: null */
	struct view headers;      /* the array; absent: none */
};

/* NULL, or why it is no such line. */
const char *dump_line_parse(struct view line, struct dump_line *ret);

/* Takes the next string of an array, advancing it; false at the end. A null gives the absent view. Start with
 * a copy of the line's. */
bool dump_next(struct view *array, struct view *ret_text);

#endif
