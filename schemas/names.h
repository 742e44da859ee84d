#ifndef SCHEMAS_NAMES_H
#define SCHEMAS_NAMES_H

#include "base/bytes.h"

/* What may name what. package ID: 1–128 of A-Z a-z 0-9 . _ + -; version: 1–64 of these and ~; distribution
 * point and group: 1–64 of the package alphabet; all begin with a letter or digit. job id: 1–64 of the
 * package alphabet. */
bool name_is_package(struct view name);
bool name_is_version(struct view name);
bool name_is_distribution_point(struct view name);
bool name_is_job_id(struct view name);

/* A file path in a manifest: valid UTF-8, relative, 1–1024 bytes, segments of 1–255 bytes separated by '/',
 * none of them "." or "..", no backslash, no control character (C0, DEL, C1). Returns NULL if it is one, else
 * why not. */
const char *name_path_problem(struct view path);

bool utf8_is_valid(struct view text); /* RFC 3629: no overlong forms, no surrogates */

#endif
