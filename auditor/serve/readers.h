#ifndef AUDITOR_READERS_H
#define AUDITOR_READERS_H

#include "auditor/history/database.h"

/* A few databases open for reading, each lent to one thread at a time. */
struct readers;

must_check enum status readers_open(const char *path, size_t count, struct readers **ret, struct error *err);
void readers_close(struct readers *readers); /* all given back; NULL is fine */

/* Waits for one that is free, at most timeout_ms; NULL: none was ("busy"), or it cannot be read. All that it
 * is asked until it is given back is answered from one state of the tables, and nothing of them is kept then.
 */
struct database *readers_take(struct readers *readers, int64_t timeout_ms, struct error *err);
void readers_give_back(struct readers *readers, struct database *database);

#endif
