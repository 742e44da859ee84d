/* Which content: a seal that is there already, the manifest, and a base to copy from. */
#include "distribution/staging.h"

#include "distribution/layout.h"

#include <stdlib.h>
#include <string.h>

static void look_at_base(struct staging *staging);

/* ---- a seal that is there already */

static void judge_other_seal(void *context, struct manifest *manifest, const struct error *err)
{
	struct staging *staging = context;
	bool is_other = manifest && strcmp(manifest->digest, staging->digest) != 0;

	staging->work = NULL;
	if (!manifest && err->status == STATUS_RETRY && !staging->canceled)
		staging->err = *err;
	if (staging_is_over(staging)) {
		(void)0;
	} else if (!is_other) {
		staging_get_manifest(staging); /* torn or not canonical: it seals nothing */
	} else if (staging->seal_reads == 1) {
		staging_read_seal(staging); /* perhaps it was only read wrong */
	} else {
		error_set(&staging->err, STATUS_REJECT, "sealed_differently",
		        "%s %s is sealed on %s with the digest %s, not %s: a version never changes, give the "
		        "new content another one",
		        staging->package, staging->version, staging->point, manifest->digest,
		        staging->digest);
		staging_is_over(staging);
	}
	manifest_unref(manifest);
}

static void got_sealed_manifest(void *context, struct manifest *manifest, const struct error *err)
{
	struct staging *staging = context;

	staging->work = NULL;
	staging->manifest = manifest;
	staging->from_seal = true;
	if (!manifest)
		staging->err = *err;
	if (!staging_is_over(staging))
		staging_check(staging);
}

static void judge_seal(struct staging *staging, char *data, struct view text)
{
	char digest[DIGEST_SIZE];

	digest_of(text, digest);
	if (strcmp(digest, staging->digest) != 0) {
		staging->work =
		        manifest_parse_sealed(staging->room, data, text.len, NULL, judge_other_seal, staging);
	} else if (staging->manifest) {
		staging->sealed = true;
		free(data);
		staging_check(staging);
	} else {
		staging->sealed = true;
		staging->work = manifest_parse_sealed(
		        staging->room, data, text.len, staging->digest, got_sealed_manifest, staging);
	}
}

static void took_seal(struct step *step)
{
	struct staging *staging = step->context;
	struct view text;
	char *data = staging_take_data(staging, &text);

	if (staging_has_failed(staging)) {
		free(data);
	} else if (!step->operation.result.found) {
		free(data);
		staging_get_manifest(staging);
	} else {
		judge_seal(staging, data, text);
	}
}

void staging_read_seal(struct staging *staging)
{
	staging->seal_reads++;
	staging_run(staging, STAGING_READ_SEAL, took_seal);
}

/* ---- manifests */

static void got_manifest(void *context, struct manifest *manifest, const struct error *err)
{
	struct staging *staging = context;

	staging->ask = NULL;
	staging->manifest = manifest;
	if (!manifest)
		staging->err = *err;
	if (staging_is_over(staging))
		return;
	if (staging->sealed)
		staging_check(staging);
	else
		look_at_base(staging);
}

void staging_get_manifest(struct staging *staging)
{
	if (staging->manifest) {
		look_at_base(staging);
	} else if (!staging->manifest_url) {
		error_set(&staging->err, STATUS_REJECT, "manifest_lost",
		        "the manifest of %s %s is not known any more, and %s has no seal of it; send a "
		        "create "
		        "with the same content again",
		        staging->package, staging->version, staging->point);
		staging_is_over(staging);
	} else {
		staging->ask = shelf_ask(staging->room->shelf, staging->manifest_url, staging->digest,
		        staging->catalogue, got_manifest, staging);
	}
}

/* Whatever keeps the base from being read, it is only worth some copying. */
static void got_base(void *context, struct manifest *manifest, const struct error *err)
{
	struct staging *staging = context;

	(void)err;
	staging->work = NULL;
	staging->base = manifest;
	if (manifest) {
		staging->base_content = layout_content(staging->package, staging->base_version);
		staging->base_by_digest = map_new();
		for (size_t i = 0; i < manifest->count; i++)
			map_put(staging->base_by_digest, view_text(manifest->files[i].digest),
			        &manifest->files[i]);
	}
	if (!staging_is_over(staging))
		staging_clean(staging);
}

static void took_base(struct step *step)
{
	struct staging *staging = step->context;
	struct view text;
	char *data = staging_take_data(staging, &text);

	if (staging_is_over(staging)) {
		free(data);
	} else if (step->operation.result.status == STATUS_OK && step->operation.result.found) {
		staging->work = manifest_parse_sealed(staging->room, data, text.len, NULL, got_base, staging);
	} else {
		free(data);
		staging_clean(staging);
	}
}

static void look_at_base(struct staging *staging)
{
	if (staging->base_seal && staging->site->driver->can.copy)
		staging_run(staging, STAGING_READ_BASE_SEAL, took_base);
	else
		staging_clean(staging);
}
