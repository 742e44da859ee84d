#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stddef.h>

/* Allocation that cannot fail: where memory is out, the process says so and aborts. That is safe by design: a
 * process may be killed between any two instructions, and what it had not committed is done again by the next
 * owner. Sizes that come from outside are bounded before they get here. */

void *memory_alloc(size_t size); /* zeroed */
void *memory_resize(void *old, size_t size);
void *memory_copy(const void *data, size_t size); /* one byte longer, with a NUL behind it */
char *memory_text(const char *text);              /* NULL gives NULL */
/* For memory that a library says it could not get. */
void memory_is_out(void) __attribute__((noreturn));
char *memory_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
