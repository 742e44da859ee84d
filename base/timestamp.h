#ifndef BASE_TIMESTAMP_H
#define BASE_TIMESTAMP_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

/* Times as text: RFC 3339 in UTC with milliseconds, and ISO 8601 durations. */

enum { TIMESTAMP_SIZE = 25 }; /* "2026-12-01T00:00:00.000Z" and a NUL */

/* Writes ms since the epoch (clamped to the years 1970–9999) into text. */
void timestamp_format(int64_t ms, char text[TIMESTAMP_SIZE]);

/* RFC 3339 with any offset and up to nine fractional digits (cut to ms); false for anything else. */
bool timestamp_parse(struct view text, int64_t *ret_ms);

/* ISO 8601 duration of weeks, days, hours, minutes, whole seconds (PT24H, P7D, P1DT12H); no years or months,
 * whose length is unclear; positive and at most ten years. */
bool duration_parse(struct view text, int64_t *ret_ms);

#endif
