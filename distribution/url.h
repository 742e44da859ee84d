#ifndef DISTRIBUTION_URL_H
#define DISTRIBUTION_URL_H

#include "base/error.h"

#include <stdbool.h>

/* URLs as text, in one normal form, so that "is this below that prefix?" is a comparison of bytes and nobody
 * downstream reads a URL another way than it was checked.
 *
 * Normal form (RFC 3986 6.2.2): scheme and host in lower case, no default port, path never empty, unreserved
 * characters bare, all others that need it percent-encoded with upper-case digits. Only file, http and https.
 * Refused, since servers and libraries disagree on them: userinfo, fragments, "." and ".." segments in any
 * spelling, empty segments, encoded or bare backslashes, encoded slashes, control characters, encoded
 * or not, and file URLs of another host. */
enum url_form {
	URL_FILE,   /* may have a query (http and https) */
	URL_FOLDER, /* no query; a '/' is added at the end where missing */
};

/* STATUS_REJECT "invalid_url"; the message never repeats userinfo. On success *ret is the caller's to free().
 */
must_check enum status url_normalise(const char *text, enum url_form form, char **ret, struct error *err);

/* These take normal forms; results are the caller's to free(). */
bool url_is_file(const char *url);
char *url_file_path(const char *url);                     /* of a file URL: the absolute path, decoded */
char *url_join(const char *folder_url, const char *path); /* path: plain, escaped here */
bool url_is_below(const char *url, const char *folder_url);

/* Percent-encodes all but unreserved characters and '/'. */
char *url_escape_path(const char *path);

#endif
