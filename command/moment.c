/* Moments and spans. */
#include "command/moment.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

enum status option_moment(const struct options *options, const char *name, int64_t now_ms, int64_t absent_ms,
        int64_t *ret_ms, struct error *err)
{
	const char *text = options_text(options, name);
	int64_t ms = absent_ms;

	if (text && duration_parse(view_text(text), &ms))
		ms = now_ms - ms;
	else if (text && !timestamp_parse(view_text(text), &ms))
		return error_set(err, STATUS_REJECT, "usage",
		        "--%s: must be a time (2026-11-22T10:00:00Z) or a duration (PT10M: that long ago), "
		        "is %s",
		        name, text);
	*ret_ms = ms;
	return STATUS_OK;
}

enum status option_duration(
        const struct options *options, const char *name, int64_t *ret_ms, struct error *err)
{
	const char *text = options_text(options, name);
	int64_t ms = 0;

	if (text && !duration_parse(view_text(text), &ms))
		return error_set(err, STATUS_REJECT, "usage", "--%s: must be a duration (PT10M, P1D), is %s",
		        name, text);
	*ret_ms = ms;
	return STATUS_OK;
}

static void two_units(
        int64_t ms, int64_t large, const char *large_name, int64_t small, const char *small_name, char *text)
{
	int64_t rest = ms % large / small;

	if (rest)
		snprintf(text, SPAN_SIZE, "%" PRId64 " %s %" PRId64 " %s", ms / large, large_name, rest,
		        small_name);
	else
		snprintf(text, SPAN_SIZE, "%" PRId64 " %s", ms / large, large_name);
}

const char *span_format(int64_t ms, char text[SPAN_SIZE])
{
	ms = ms < 0 ? 0 : ms;
	if (ms < SECOND)
		snprintf(text, SPAN_SIZE, "%" PRId64 " ms", ms);
	else if (ms < MINUTE) /* cut, so that it never says 60.0 s */
		snprintf(text, SPAN_SIZE, "%" PRId64 ".%" PRId64 " s", ms / SECOND, ms % SECOND / 100);
	else if (ms < HOUR)
		two_units(ms, MINUTE, "min", SECOND, "s", text);
	else if (ms < DAY)
		two_units(ms, HOUR, "h", MINUTE, "min", text);
	else
		two_units(ms, DAY, "d", HOUR, "h", text);
	return text;
}

const char *moment_format(int64_t ms, char text[TIMESTAMP_SIZE])
{
	text[0] = '\0';
	if (ms <= 0)
		return text;
	timestamp_format(ms, text);
	memcpy(text + 19, "Z", 2);
	return text;
}

const char *span_format_short(int64_t ms, char text[SPAN_SIZE])
{
	ms = ms < 0 ? 0 : ms;
	if (ms < MINUTE)
		return span_format(ms < SECOND ? ms : ms / SECOND * SECOND, text);
	if (ms < HOUR)
		return span_format(ms / MINUTE * MINUTE, text);
	return span_format(ms < DAY ? ms / HOUR * HOUR : ms / DAY * DAY, text);
}

const char *moment_format_column(int64_t ms, int64_t now_ms, bool narrow, char text[SPAN_SIZE])
{
	if (!narrow || ms <= 0)
		return moment_format(ms, text);
	span_format_short(now_ms - ms, text);
	strcat(text, " ago");
	return text;
}
