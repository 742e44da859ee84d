/* The seal: written last, and read back. */
#include "distribution/staging.h"

#include <stdlib.h>
#include <string.h>

enum { SEAL_WRITES_MAX = 3 };

static void removed_bad_seal(struct step *step)
{
	struct staging *staging = step->context;

	staging_is_over(staging);
}

/* What reads back wrong after several writings must not stay: another attempt would take it for a different
 * version's seal. */
static void remove_bad_seal(struct staging *staging)
{
	error_set(&staging->err, STATUS_RETRY, "read_back_mismatch",
	        "the seal %s was written %u times and reads back differently: distribution point %s, or what "
	        "lies between, changes what it is given",
	        staging->seal, staging->seal_writes, staging->point);
	staging_run(staging, STAGING_REMOVE_SEAL, removed_bad_seal);
}

static void took_own_seal(struct step *step)
{
	struct staging *staging = step->context;
	char digest[DIGEST_SIZE] = "";
	struct view text;
	char *data = staging_take_data(staging, &text);

	if (step->operation.result.found)
		digest_of(text, digest);
	free(data);
	if (staging_has_failed(staging))
		return;
	if (strcmp(digest, staging->digest) == 0)
		staging_wind_up(staging);
	else if (staging->seal_writes < SEAL_WRITES_MAX)
		staging_write_seal(staging);
	else
		remove_bad_seal(staging);
}

static void wrote_seal(struct step *step)
{
	struct staging *staging = step->context;

	if (!staging_has_failed(staging))
		staging_run(staging, STAGING_READ_SEAL, took_own_seal);
}

void staging_make_seal_text(struct staging *staging)
{
	if (staging->seal_text.len)
		return;
	buffer_init(&staging->seal_text, MANIFEST_BYTES_MAX);
	manifest_write_canonical(staging->manifest, &staging->seal_text);
}

void staging_write_seal(struct staging *staging)
{
	staging->seal_writes++;
	staging_make_seal_text(staging);
	staging_run(staging, STAGING_WRITE_SEAL, wrote_seal);
}
