#ifndef SCHEMAS_RECORD_H
#define SCHEMAS_RECORD_H

#include "base/position.h"
#include "schemas/json.h"
#include "schemas/manifest.h"

/* What the codecs of this room share: fields that mean the same in every record. The getters fail as those of
 * json.h do; texts look into the document. */

enum { SCHEMA_VERSION = 1, RECORD_VALUE_MAX = 900000, RECORD_ID_MAX = 128 };

/* "newer_schema" where the record is of a later one than this program knows. */
void record_check_schema(const struct json_node *in, enum json_need need);

struct view record_package(const struct json_node *in);
struct view record_version(const struct json_node *in, const char *name, enum json_need need);
struct view record_distribution_point(const struct json_node *in);
struct view record_digest(const struct json_node *in, const char *name, enum json_need need);
struct view record_url(const struct json_node *in, const char *name, enum json_need need);
struct view record_id(const struct json_node *in, const char *name); /* 1–RECORD_ID_MAX bytes; required */
/* {"partition": …, "offset": …}; absent gives {-1, -1} */
struct position record_position(const struct json_node *in, const char *name, enum json_need need);

/* Fails with "key_mismatch" where key (data NULL: unknown) is another than package_id. */
void record_check_key(const struct json_node *in, struct view key, struct view package_id);

/* The files of an object that has them, at field_prefix in its document (NULL: the root). */
struct manifest_urls {
	bool required;        /* each file has a url */
	const char *base_url; /* not NULL: a file without one gets the one beside it */
};
/* One of them, into a zeroed *file, which owns its strings also after a failure. */
void record_manifest_file(
        const struct json_node *in, const struct manifest_urls *urls, struct manifest_file *file);
struct manifest *record_manifest(
        const struct json_node *in, const char *field_prefix, const struct manifest_urls *urls);

/* Begins a record: {"schema":1,"type":…,"id":…,"time":… ; id NULL leaves it out. */
void record_begin(struct buffer *out, const char *type, const char *id, int64_t time_ms);
void record_put_position(
        struct buffer *out, const char *name, struct position position); /* offset < 0: not */

#endif
