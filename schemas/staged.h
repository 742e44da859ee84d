#ifndef SCHEMAS_STAGED_H
#define SCHEMAS_STAGED_H

#include "base/bytes.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/position.h"
#include "schemas/record.h"

#include <stdint.h>

/* The records of the staged topic, which only stagers write. All strings are borrowed when written;
 * staged_parse() makes a record whose strings live until staged_free(). Readers ignore fields they don't
 * know. */
enum staged_type { STAGED_STAGED, STAGED_RELEASE, STAGED_WITHHELD };
enum record_type staged_record_type(enum staged_type type);

struct staged_record {
	enum staged_type type;
	const char *id;
	int64_t time_ms;
	const char *package_id, *version, *distribution_point;
	const char *job_id;
	struct position job_position; /* where the job was applied: tells two lives of one job id apart */

	/* staged and release */
	const char *dp_id;
	const char *digest; /* of the manifest */
	/* staged */
	uint64_t files, bytes;
	const char *read_back; /* "full" or "size" */
	/* release */
	const char *staged_id;
	/* release and withheld */
	uint32_t targets; /* how many distribution points the job covers */
	int64_t deadline_ms;
	/* withheld */
	const char *reason; /* "expired", "superseded", "failed", "canceled" */
	const char *detail; /* words, or NULL */
};

void staged_write(const struct staged_record *record, struct buffer *out);

/* "invalid_json", "missing_field", "invalid_field", "unknown_type", "newer_schema" with STATUS_REJECT. The
 * key, where key.data is not NULL, must be the package_id ("key_mismatch"). */
must_check enum status staged_parse(
        struct view key, struct view value, struct staged_record **ret, struct error *err);
void staged_free(struct staged_record *record); /* NULL is fine; only for parsed ones */

#endif
