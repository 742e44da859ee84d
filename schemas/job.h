#ifndef SCHEMAS_JOB_H
#define SCHEMAS_JOB_H

#include "schemas/manifest.h"

/* A record of the jobs topic: what a user asks for. Strict: an unknown or mistyped field is rejected by name.
 */
enum job_type { JOB_CREATE, JOB_UPDATE };
enum job_gate { GATE_EACH, GATE_ALL };
enum job_deadline { DEADLINE_DEFAULT, DEADLINE_AT, DEADLINE_AFTER, DEADLINE_NEVER };

struct job {
	enum job_type type;
	char *job_id; /* NULL: the engine's position makes it, see job_default_id() */
	char *package_id;
	char *version;

	/* content: none, inline, or by URL */
	struct manifest *manifest; /* inline: a reference; its digest is manifest_digest too */
	char *manifest_url;
	char manifest_digest[DIGEST_SIZE]; /* "" without content */

	char **distribution_points; /* names and "group:NAME" as written, without duplicates; NULL: none given
	                             */
	size_t distribution_point_count;

	enum job_gate gate;
	enum job_deadline deadline;
	int64_t deadline_ms; /* AT: since the epoch; AFTER: a duration */

	char *requested_by; /* NULL where absent */
	char *annotations;  /* compact JSON object text; NULL where absent */
};

enum {
	JOB_VALUE_MAX = 900000,
	JOB_TARGETS_MAX = 1000,
	JOB_ID_SIZE = 65,
	PACKAGE_ID_SIZE = 129,
	VERSION_SIZE = 65,
	DP_NAME_SIZE = 65,
};

/* What could be read of a job that is rejected, so that its status can name it; fields are "" (a type
 * JOB_CREATE) where unreadable. */
struct job_hint {
	enum job_type type;
	char job_id[JOB_ID_SIZE];
	char package_id[PACKAGE_ID_SIZE];
	char version[VERSION_SIZE];
};

/* Parses a job; key is the record's key (data NULL: the record has none). STATUS_REJECT, and a message that
 * begins with the path of the field, where there is one ("content.files[3].size: must be …"):
 *   "tombstone" (value.data NULL), "too_large", "too_deep", "invalid_json" (also duplicate fields, bad
 * UTF-8), "structured_cloudevent", "newer_schema", "missing_key", "key_mismatch", "missing_field",
 * "invalid_type" (of a value), "unknown_type" (of the job), "unknown_field", "invalid_field". On success *ret
 * is the caller's, to be given to job_free(), which its texts look into. *hint is always filled. */
must_check enum status job_parse(
        struct view key, struct view value, struct job **ret, struct job_hint *hint, struct error *err);
void job_free(struct job *job); /* NULL is fine */

void job_write(const struct job *job, struct buffer *out); /* the JSON that job_parse() takes */
void job_default_id(int32_t partition, int64_t offset, char id[JOB_ID_SIZE]); /* "@3-1742" */

const char *job_type_name(enum job_type type);
const char *job_gate_name(enum job_gate gate);

#endif
