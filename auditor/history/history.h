#ifndef AUDITOR_HISTORY_H
#define AUDITOR_HISTORY_H

#include "auditor/history/database.h"
#include "auditor/reading/cut.h"

/* The log up to the cut, of one package or (NULL) of all, as tables. "package_unknown" where there is nothing
 * of that package. */
must_check enum status history_read(const struct options *options, const struct cut *cut, const char *package,
        struct database **ret, struct error *err);

#endif
