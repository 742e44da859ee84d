#ifndef AUDITOR_SCRATCH_H
#define AUDITOR_SCRATCH_H

#include "base/error.h"

/* A place for a database that nobody keeps: a file in a folder of its own in $TMPDIR (/tmp), for this user
 * alone. Once scratch_unlink() was called it has no name any more, and ends with the process however that
 * ends; what is to use it must have it open by then. */
struct scratch;

must_check enum status scratch_new(struct scratch **ret, struct error *err);
const char *scratch_path(const struct scratch *scratch);
void scratch_unlink(struct scratch *scratch);
void scratch_free(struct scratch *scratch); /* unlinks; NULL is fine */

#endif
