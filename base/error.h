#ifndef BASE_ERROR_H
#define BASE_ERROR_H

/* Errors are values that say what the caller may do next.
 *
 * A function that can fail returns an enum status and takes a struct error last. On STATUS_OK the error
 * and all outputs are as documented; on failure the outputs are untouched and the error is filled once, with
 * a stable machine-readable code and words complete enough to print unchanged: what happened, to what, and
 * what to do. The struct lives on the caller's stack and owns nothing.
 *
 * Running out of memory is no error value: every process here may die at any instruction and loses nothing,
 * so the allocation helpers of memory.h end it. */

enum status {
	STATUS_OK = 0,
	STATUS_RETRY,  /* the same thing may succeed later */
	STATUS_REJECT, /* this input can never succeed */
	STATUS_FATAL,  /* this process (or shard) must stop */
};

enum { ERROR_CODE_MAX = 40, ERROR_MESSAGE_MAX = 512 };

struct error {
	enum status status;
	char code[ERROR_CODE_MAX];       /* enumerated, e.g. "unknown_field", "source_missing"; never empty on
	                                    failure */
	char message[ERROR_MESSAGE_MAX]; /* UTF-8, one line, no trailing full stop or newline */
};

#define must_check __attribute__((warn_unused_result))
#define printf_like(format_index, first) __attribute__((format(printf, format_index, first)))

/* Fills err (which may be NULL) and returns status, so that a failing function can end with it. Text that
 * does not fit is cut at a UTF-8 boundary. */
enum status error_set(struct error *err, enum status status, const char *code, const char *format, ...)
        printf_like(4, 5);

/* Puts words before the message already in err ("cannot read dp.json: " + …) and returns err's status. */
enum status error_prefix(struct error *err, const char *format, ...) printf_like(2, 3);

#endif
