#ifndef PRODUCER_FOLDER_H
#define PRODUCER_FOLDER_H

#include "schemas/manifest.h"

/* Describes a folder as a manifest: every regular file below it with its size, digest and executable bit, and
 * a URL: url_prefix joined with its path, or where that is NULL the file's own file:// URL. Symlinks and
 * anything else but files and folders are refused with words ("not_a_file"), as is a folder without files
 * ("empty_folder") and a file that changes while it is read ("file_changed"). progress may be NULL. */
must_check enum status folder_manifest(const char *folder, const char *url_prefix,
        void (*progress)(uint64_t done, uint64_t total, void *context), void *context, struct manifest **ret,
        struct error *err);

/* A path as the part of a URL: everything but unreserved characters and '/' percent-encoded. */
void url_add_path(struct buffer *out, const char *path);

#endif
