#ifndef PRODUCER_LINES_H
#define PRODUCER_LINES_H

#include "base/bytes.h"

#include <stdint.h>
#include <stdio.h>

/* A stream read line by line, in bounded memory. */
struct lines;

struct lines *lines_new(FILE *in, size_t longest); /* in stays the caller's */
void lines_free(struct lines *lines);              /* NULL is fine */

enum line_kind { LINE_TEXT, LINE_TOO_LONG, LINE_NONE, LINE_FAILED };
/* The next line without its newline; valid until the next call. */
enum line_kind lines_next(struct lines *lines, struct view *ret_line);
uint64_t lines_number(const struct lines *lines); /* of the line given last, from 1 */
uint64_t lines_bytes(const struct lines *lines);  /* read so far */
void lines_rewind(struct lines *lines);           /* after the stream was: starts over */

#endif
