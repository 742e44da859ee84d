#ifndef SCHEMAS_UPDATED_H
#define SCHEMAS_UPDATED_H

#include "schemas/staged.h"

/* A record of the updated topic: what is now current where, citing the staged event and the release it rests
 * on. */
struct updated_record {
	const char *id;
	int64_t time_ms;
	const char *package_id, *version;
	const char *previous_version; /* NULL: none known */
	const char *distribution_point, *dp_id, *digest, *job_id;
	const char *staged_id;
	struct position staged_position;
	const char *release_id;
	struct position release_position;
};

void updated_write(const struct updated_record *record, struct buffer *out);
must_check enum status updated_parse(struct view value, struct updated_record **ret, struct error *err);
void updated_free(struct updated_record *record);

#endif
