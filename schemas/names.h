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

/* Where bytes come from: absolute, scheme file (no host), http or https in lower case, at most 4096 bytes,
 * valid UTF-8; no userinfo, fragment, space, backslash or control character. Returns NULL if it is one, else
 * why not.
 */
enum { URL_SIZE_MAX = 4096 };
const char *name_url_problem(struct view url);

/* The bytes (1–4) of the valid UTF-8 sequence that text begins with; 0 where it begins with none. */
size_t utf8_sequence(const char *text, size_t len);
bool utf8_is_valid(struct view text); /* RFC 3629: no overlong forms, no surrogates */

#endif
