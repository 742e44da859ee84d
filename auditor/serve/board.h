#ifndef AUDITOR_BOARD_H
#define AUDITOR_BOARD_H

#include "auditor/history/database.h"

/* What the page asks often, kept beside the tables of the history so that it is answered in time: indexes,
 * and for each package in which states it is anywhere (board.sql). For the thread that fills the database. */
struct board;

/* Makes them where they are not there, and anew where the history went on without them. */
must_check enum status board_open(struct database *database, struct board **ret, struct error *err);
void board_free(struct board *board); /* NULL is fine */

void board_note(struct board *board, const struct fact *fact); /* after database_apply() */
bool board_is_behind(const struct board *board);
/* Brings it up to what was applied, in a transaction of its own: call database_commit() first. A process that
 * dies between the two makes the board anew at its next start. */
must_check enum status board_flush(struct board *board, struct error *err);

/* The states of a package on a distribution point, as bits; 0: there is none of that name. */
unsigned board_state(struct view name);

#endif
