#ifndef AUDITOR_ROWS_H
#define AUDITOR_ROWS_H

#include "auditor/history/database.h"
#include "command/grid.h"

/* What a question answers, as JSON for programs. A column is named as its field, and a word behind its name
 * says what it is:
 *
 *	SELECT job_id, ended AS "ended time", final AS "final bool", json(outcomes) AS "outcomes json",
 *		partition || '@' || "offset" AS "place jobs", words AS "words -"
 *
 * time: RFC 3339; bool; json: as it is; the name of a topic: a place there; -: not for programs. What is NULL
 *is left out. */
void row_put_json(struct query *query, struct buffer *out);
/* One object a line; kind (may be NULL): a field put before the others. */
must_check enum status rows_print_json(
        struct query *query, const char *kind, FILE *out, size_t *ret_count, struct error *err);

/* A copy of a column's text, for as long as the caller wants; NULL where it is NULL. */
char *row_text(struct query *query, int column);

#endif
