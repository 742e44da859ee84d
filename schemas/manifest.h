#ifndef SCHEMAS_MANIFEST_H
#define SCHEMAS_MANIFEST_H

#include "base/bytes.h"
#include "base/digest.h"
#include "base/error.h"

#include <stdint.h>

/* The content of a version: its files. Immutable once made and shared between threads by counted references.
 *
 * The digest is over the canonical form, which is also the sealed file on a distribution point:
 * {"files":[{"path":…,"size":…,"digest":…,"executable":…},…]} sorted bytewise by path, keys in this order, no
 * white space, no url, UTF-8 as it is and only '"' escaped (a path has nothing else that needs it). */
struct manifest_file {
	char *path; /* relative, '/'-separated, safe: see name_is_path() */
	uint64_t size;
	char digest[DIGEST_SIZE];
	bool executable;
	char *url; /* where its bytes come from; NULL in a sealed manifest */
};

struct manifest {
	struct manifest_file *files; /* sorted by path, no duplicates, no path a folder of another */
	size_t count;
	uint64_t bytes; /* of all files */
	char digest[DIGEST_SIZE];
};

enum { MANIFEST_FILES_MAX = 1000000, MANIFEST_BYTES_MAX = 256 << 20, MANIFEST_PATH_MAX = 1024 };

/* Parses {"files":[…]} in any order of keys and files. base_url: NULL for content inline in a job or a sealed
 * manifest; else the URL that the manifest was fetched from, and a file without a url gets the one beside it,
 * percent-encoded.
 * STATUS_REJECT names the field ("content.files[3].path: …" with field_prefix "content"). On success *ret is
 * a reference of the caller's, to be given back by manifest_unref(). */
must_check enum status manifest_parse(
        struct view json, const char *base_url, struct manifest **ret, struct error *err);

/* Builds one from files in any order (taking the array and its strings, also on failure). */
must_check enum status manifest_new(struct manifest_file *files, size_t count, const char *field_prefix,
        struct manifest **ret, struct error *err);

void manifest_files_free(struct manifest_file *files, size_t count); /* those that made no manifest */

struct manifest *manifest_ref(struct manifest *manifest);
void manifest_unref(struct manifest *manifest); /* NULL is fine; from any thread */

void manifest_write_canonical(const struct manifest *manifest, struct buffer *out);
void manifest_write_with_urls(
        const struct manifest *manifest, struct buffer *out); /* the "content" of a job */

#endif
