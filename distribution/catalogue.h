#ifndef DISTRIBUTION_CATALOGUE_H
#define DISTRIBUTION_CATALOGUE_H

#include "base/bytes.h"
#include "base/digest.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The distribution points and the sources that may be read: a file that only operators write. Immutable once
 * loaded, shared between threads by counted references; a reload makes a new one. */
struct catalogue_point {
	char *name;
	char *url; /* file:///… or http(s)://…, no userinfo, query or fragment; ends with '/' */
	char **groups;
	size_t group_count;
	uint32_t connections;      /* per worker; default 8 */
	uint64_t bytes_per_second; /* per worker; 0: no limit */
	bool read_back_full;       /* default true; false: "size" */
	char *credentials_file; /* resolved against the catalogue's folder; NULL: none. One line user:password
	                           or "Bearer TOKEN" */
	char *tls_ca_file;
};

struct catalogue_source {
	char *prefix; /* ends with '/' */
	char *credentials_file, *tls_ca_file;
};

struct catalogue {
	struct catalogue_point *points; /* sorted by name */
	size_t point_count;
	struct catalogue_source *sources;
	size_t source_count;
	char digest[DIGEST_SIZE]; /* of the file's bytes: are two workers' the same? */
};

/* Strict: unknown fields, duplicate names, userinfo in URLs and unreadable credential files are refused with
 * words that name the field. STATUS_REJECT. */
must_check enum status catalogue_load(const char *path, struct catalogue **ret, struct error *err);
must_check enum status catalogue_parse(
        struct view json, const char *folder, struct catalogue **ret, struct error *err);
struct catalogue *catalogue_ref(struct catalogue *catalogue);
void catalogue_unref(struct catalogue *catalogue); /* NULL is fine; from any thread */

/* For a log: "12 distribution points, sha256:…". */
void catalogue_describe(const struct catalogue *catalogue, struct buffer *out);

const struct catalogue_point *catalogue_find(const struct catalogue *catalogue, const char *name);

/* Resolves names and "group:NAME" to distribution point names: sorted, without duplicates, looked up in this
 * catalogue. STATUS_REJECT "unknown_distribution_point", "unknown_group" (also one that resolves to none),
 * "too_many_targets". The names are the catalogue's; the array the caller's to free(). */
must_check enum status catalogue_resolve(const struct catalogue *catalogue, char *const *wanted,
        size_t wanted_count, size_t most, const char ***ret_names, size_t *ret_count, struct error *err);

/* The longest source prefix that url lies below (after normalising; "../" and encoded slashes never match),
 * or NULL. */
const struct catalogue_source *catalogue_source_for(const struct catalogue *catalogue, const char *url);

#endif
