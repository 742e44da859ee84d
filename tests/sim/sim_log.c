#include "base/log.h"
#include "tests/sim/world.h"

#include <stdarg.h>
#include <stdio.h>

/* base/log.h in the simulation: what processes log goes into the trace. */

void log_set_level(enum log_level most)
{
	(void)most;
}

void log_set_role(const char *role)
{
	(void)role;
}

char *log_number_text(char text[24], long long number)
{
	text[0] = '\0';
	if (world_traces())
		snprintf(text, 24, "%lld", number);
	return text;
}

void log_line(enum log_level level, const char *msg, ...)
{
	char line[1000];
	size_t len = 0;
	va_list pairs;

	if (!world_traces())
		return;
	line[0] = '\0';
	va_start(pairs, msg);
	for (const char *key = va_arg(pairs, const char *); key; key = va_arg(pairs, const char *)) {
		const char *value = va_arg(pairs, const char *);
		if (value && len < sizeof(line))
			len += (size_t)snprintf(line + len, sizeof(line) - len, " %s=%s", key, value);
	}
	va_end(pairs);
	world_trace("log %s: %s%s",
	        level == LOG_ERROR  ? "error"
	        : level == LOG_WARN ? "warning"
	                            : "info",
	        msg, line);
}
