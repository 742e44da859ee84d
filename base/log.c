#include "base/log.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/timestamp.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static enum log_level most_level = LOG_INFO;
static const char *own_role;

void log_set_level(enum log_level most)
{
	most_level = most;
}

void log_set_role(const char *role)
{
	own_role = role;
}

char *log_number_text(char text[24], long long number)
{
	snprintf(text, 24, "%lld", number);
	return text;
}

static bool is_plain(const char *value)
{
	for (const char *c = value; *c; c++)
		if (*c <= ' ' || *c == '"' || *c == '=' || *c == '\\' || *c == 0x7f)
			return false;
	return *value != '\0';
}

static void add_value(struct buffer *line, const char *value)
{
	if (is_plain(value)) {
		buffer_add_text(line, value);
		return;
	}
	buffer_add_text(line, "\"");
	for (const char *c = value; *c; c++) {
		if (*c == '"' || *c == '\\')
			buffer_add_format(line, "\\%c", *c);
		else if (*c == '\n')
			buffer_add_text(line, "\\n");
		else if ((unsigned char)*c < ' ' || *c == 0x7f)
			buffer_add_format(line, "\\x%02x", (unsigned char)*c);
		else
			buffer_add(line, c, 1);
	}
	buffer_add_text(line, "\"");
}

static void add_pair(struct buffer *line, const char *key, const char *value)
{
	if (!value)
		return;
	buffer_add_format(line, "%s%s=", line->len ? " " : "", key);
	add_value(line, value);
}

void log_line(enum log_level level, const char *msg, ...)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};
	char time[TIMESTAMP_SIZE];
	struct buffer line;
	va_list pairs;

	if (level > most_level)
		return;
	buffer_init(&line, 8192);
	timestamp_format(clock_wall_ms(), time);
	add_pair(&line, "time", time);
	add_pair(&line, "level", names[level]);
	add_pair(&line, "role", own_role);
	add_pair(&line, "msg", msg);
	va_start(pairs, msg);
	for (const char *key = va_arg(pairs, const char *); key; key = va_arg(pairs, const char *))
		add_pair(&line, key, va_arg(pairs, const char *));
	va_end(pairs);
	line.full = false;
	line.max++;
	buffer_add_text(&line, "\n");
	if (write(STDERR_FILENO, line.data, line.len) < 0)
		(void)0; /* nowhere left to say it */
	buffer_release(&line);
}
