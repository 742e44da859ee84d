#ifndef BASE_LOG_H
#define BASE_LOG_H

/* One logfmt line on stderr per call: time, level, msg and then key=value pairs, quoted and escaped where
 * needed. Only the engine and main() call it; library code returns errors instead. Lines are written whole.
 */

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_set_level(enum log_level most); /* default LOG_INFO */
void log_set_role(const char *role);     /* a literal: appears as role=… on every line */

/* Pairs: const char *key, const char *value, …, NULL. A NULL value leaves its pair out. */
void log_line(enum log_level level, const char *msg, ...) __attribute__((sentinel));

/* A number as a log value: a small text valid until the end of the enclosing block. */
#define log_number(n) ((const char *)log_number_text((char[24]){0}, (long long)(n)))
char *log_number_text(char text[24], long long number);

#endif
