#ifndef ENGINE_ROWS_H
#define ENGINE_ROWS_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

/* The last value of each row of a changelog while it is read, by owner (a small number) and name. All lies
 * in one piece of memory that grows: a row costs no allocation, and 32 bytes beside its own. */
struct rows;

struct rows *rows_new(void);
void rows_free(struct rows *rows); /* NULL is fine */
void rows_put(
        struct rows *rows, uint32_t owner, struct view name, struct view value); /* copies; absent: removes */
void rows_end(struct rows *rows); /* nothing is put any more: what only putting needs is freed */

/* The rows of an owner, in no order that counts; start with *cursor 0. False: no more. Views are valid until
 * the next rows_put(). */
bool rows_next(const struct rows *rows, uint32_t owner, uint32_t *cursor, struct view *ret_name,
        struct view *ret_value);

#endif
