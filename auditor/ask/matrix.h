#ifndef AUDITOR_MATRIX_H
#define AUDITOR_MATRIX_H

#include "auditor/history/database.h"

#include <stdio.h>

/* What is current, staged and coming where: a question, and its answer as a table of packages and
 * distribution points for people. */
enum state_column {
	STATE_PACKAGE,
	STATE_POINT,
	STATE_STATE,
	STATE_LIVE,
	STATE_DESIRED,
	STATE_STAGED,
	STATE_COMING, /* the version that the state is about, where that is not the live one */
	STATE_UPDATED,
	STATE_UPDATED_PLACE,
	STATE_RELEASED,
	STATE_RELEASE_PLACE,
	STATE_SINCE, /* the rest: of the coming version's copy */
	STATE_ATTEMPT,
	STATE_ERROR,
	STATE_ERROR_MESSAGE,
	STATE_NEXT_RETRY,
	STATE_JOB,
};
struct query *state_ask(struct database *database, const char *package); /* NULL: all */

const char *state_colour(const char *state); /* "" for none */
/* "1.2 ✓", "1.1 → 1.2 retrying", "·": of the row; the caller's to free(). */
char *state_cell(struct query *query);

/* Where out is a terminal and not all distribution points fit beside each other, tables below each other. */
must_check enum status matrix_print(struct query *query, FILE *out, size_t *ret_packages, struct error *err);

#endif
