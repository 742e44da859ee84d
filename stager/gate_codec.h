#ifndef STAGER_GATE_CODEC_H
#define STAGER_GATE_CODEC_H

#include "base/bytes.h"
#include "stager/gate_state.h"

/* The gate's rows to and from bytes.
 *
 * A row's name says what it is: v/<version>, d/<version>/<dp>, p/<dp>, j/<job id>. Its value begins with a
 * schema byte; then the fields in the order in which gate_codec.c writes them, packed as base/bytes.h says.
 */
enum { GATE_ROW_SCHEMA = 2 }; /* 1: jobs without accepted_ms */

void gate_row_name(const struct gate_row *row, struct buffer *out);
void gate_row_value(const struct gate_row *row, struct buffer *out); /* of one that is not gone */

/* Every row that the state has. */
void gate_rows(const struct gate_state *state, void (*row)(const struct gate_row *row, void *context),
        void *context);

/* Takes one row into the state, in any order of rows, in place of what it knew of the same name.
 * STATUS_FATAL: "newer_schema", or "row_damaged". */
must_check enum status gate_row_load(
        struct gate_state *state, struct view row, struct view value, struct error *err);

#endif
