#ifndef AUDITOR_FAILURES_H
#define AUDITOR_FAILURES_H

#include "auditor/history/database.h"

#include <stdio.h>

/* What keeps copies from where they are wanted, by distribution point and error; what is a source's fault by
 * error alone. package NULL: any. */
struct query *failures_ask(struct database *database, const char *package);
must_check enum status failures_print(struct query *query, FILE *out, size_t *ret_count, struct error *err);

#endif
