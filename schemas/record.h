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

/* What we write. */
enum record_type {
	RECORD_STAGED,
	RECORD_RELEASE,
	RECORD_WITHHELD,
	RECORD_UPDATED,
	RECORD_JOB,
	RECORD_DISTRIBUTION_POINT,
	RECORD_DUPLICATE,
	RECORD_PROGRESS,
};
const char *record_type_name(enum record_type type);  /* "staged" */
const char *record_event_type(enum record_type type); /* the CloudEvent's: "holdpoint.staged.v1" */

/* Begins a record: {"schema":1,"type":…,"id":…,"time":… ; id NULL leaves it out. */
void record_begin(struct buffer *out, enum record_type type, const char *id, int64_t time_ms);
void record_put_position(
        struct buffer *out, const char *name, struct position position); /* offset < 0: not */

#endif
