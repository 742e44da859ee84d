#ifndef COMMAND_MOMENT_H
#define COMMAND_MOMENT_H

#include "base/error.h"
#include "base/timestamp.h"
#include "engine/options.h"

#include <stdint.h>

/* Moments as options give them, and moments and spans as people read them. */

/* A time (2026-11-22T10:00:00Z), or a duration (PT10M): that long before now. Absent: *ret_ms is absent_ms.
 * "usage". */
must_check enum status option_moment(const struct options *options, const char *name, int64_t now_ms,
        int64_t absent_ms, int64_t *ret_ms, struct error *err);
/* A duration (PT10M); absent: 0. */
must_check enum status option_duration(
        const struct options *options, const char *name, int64_t *ret_ms, struct error *err);

/* "7 ms", "12.3 s", "4 min 5 s", "3 h 12 min", "2 d 5 h"; a negative one is "0 ms". */
enum { SPAN_SIZE = 32 };
const char *span_format(int64_t ms, char text[SPAN_SIZE]);
#define span_text(ms) span_format((ms), (char[SPAN_SIZE]){0})

/* The larger unit alone: "4 min". */
const char *span_format_short(int64_t ms, char text[SPAN_SIZE]);
#define span_text_short(ms) span_format_short((ms), (char[SPAN_SIZE]){0})

/* RFC 3339 to the second, "2026-11-22T10:00:00Z", for tables; 0: empty. */
const char *moment_format(int64_t ms, char text[TIMESTAMP_SIZE]);
#define moment_text(ms) moment_format((ms), (char[TIMESTAMP_SIZE]){0})

/* For a column: on a narrow terminal how long ago it was ("4 min ago"), elsewhere when; 0: empty. */
const char *moment_format_column(int64_t ms, int64_t now_ms, bool narrow, char text[SPAN_SIZE]);
#define moment_column(ms, now_ms, narrow) moment_format_column((ms), (now_ms), (narrow), (char[SPAN_SIZE]){0})

#endif
