#ifndef SCHEMAS_CURRENT_H
#define SCHEMAS_CURRENT_H

#include "schemas/staged.h"

/* current.json, the pointer on a distribution point: which version is current and which release made it so.
 */
struct current {
	const char *package_id, *version, *digest;
	const char *manifest;     /* path of the seal below the package: "manifests/1.0.json" */
	const char *content_path; /* "content/1.0" */
	const char *release_id;
	struct position position; /* of the release; compares only within one log */
	const char *log_id;       /* which log the position is in */
};

enum { CURRENT_SIZE_MAX = 16384 };

void current_write(const struct current *current, struct buffer *out);
must_check enum status current_parse(struct view json, struct current **ret, struct error *err);
void current_free(struct current *current);

#endif
