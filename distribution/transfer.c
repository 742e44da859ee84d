/* Stages one version on one distribution point. In this order, each step only after the one before:
 *
 * - identity: dp.json says that this is the distribution point that is meant
 * - seal: is the version sealed there already? Then its files are checked, and that is all
 * - manifest: the one given, or fetched
 * - base: what an earlier version holds there, to copy from
 * - clean: leavings of former attempts are removed
 * - send: all files, to a folder of this attempt (unless files of the version lie in place already)
 * - place: that folder becomes content/<version>, unless there is one
 * - settle: all of it is durable; so what is read back comes from the device and not from memory
 * - check: every file is read back from its place; what is missing or wrong is mended, one by one, and
 * settled
 * - identity: it still is that distribution point: nothing was unmounted or replaced meanwhile
 * - seal: the manifest is written, and read back
 *
 * Where the server cannot MOVE, files are sent straight to their places. Dying anywhere leaves no seal, or a
 * seal over checked files; the next attempt begins at the top. A stalled twin may remove, move or write at
 * any time: it has the same bytes to write, and nothing counts here that was not read back in its place. */
#include "distribution/staging.h"

#include "distribution/layout.h"
#include "distribution/source_parcel.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static void send_files(struct staging *staging);

/* ---- identity */

static void judge_identity(struct staging *staging)
{
	struct identity identity = {0};
	const char *wanted = staging->identity_known ? staging->identity.dp_id : staging->expected_dp_id;

	staging->retry_after_ms = staging->step.operation.result.retry_after_ms;
	if (identity_of(&staging->step.operation, staging->point, &identity, &staging->err) != STATUS_OK)
		return;
	if (wanted && strcmp(wanted, identity.dp_id) != 0 &&
	        (staging->identity_known || !identity_replaces(&identity, wanted)))
		error_set(&staging->err, STATUS_RETRY, "dp_id_changed",
		        "distribution point %s says that it is %s, and was %s: is another disk or server in "
		        "its place? "
		        "If its content is lost, run holdpoint-stager dp init --replace --lost-id %s %s",
		        staging->point, identity.dp_id, wanted, wanted, staging->point);
	identity_release(&staging->identity);
	staging->identity = identity;
	staging->identity_known = true;
}

static void identified(struct step *step)
{
	struct staging *staging = step->context;

	judge_identity(staging);
	free(step->operation.result.data);
	if (!staging_is_over(staging))
		staging_read_seal(staging);
}

/* ---- sending */

static void looked(struct step *step)
{
	struct staging *staging = step->context;

	if (staging_has_failed(staging))
		return;
	if (step->operation.result.found)
		staging_check(staging); /* an earlier attempt came that far */
	else
		send_files(staging);
}

/* Is the version's content in place, but not sealed? Its first file tells. */
static void cleaned(struct step *step)
{
	struct staging *staging = step->context;

	if (!staging_is_over(staging)) /* leavings that stay do no harm */
		staging_run(staging, STAGING_LOOK, looked);
}

static void clean(struct staging *staging)
{
	if (!staging_is_over(staging))
		staging_run(staging, STAGING_CLEAN, cleaned);
}

void staging_clean(struct staging *staging)
{
	staging->first = layout_join(staging->content, staging->manifest->files[0].path);
	if (!staging_go_ahead(staging, clean))
		clean(staging);
}

static void placed(struct step *step)
{
	struct staging *staging = step->context;

	/* there already, or not found since a twin removed it: what lies in place decides */
	if (!staging_has_failed(staging))
		staging_check(staging);
}

static void sent_files(struct staging *staging)
{
	if (staging_is_over(staging))
		return;
	if (staging->site->driver->can.move)
		staging_run(staging, STAGING_PLACE, placed);
	else
		staging_check(staging);
}

static void send_files(struct staging *staging)
{
	staging->uploaded = true;
	staging_send_files(staging, sent_files);
}

/* ---- checking */

static void settled(struct step *step)
{
	struct staging *staging = step->context;

	if (!staging_has_failed(staging))
		staging->settled(staging);
}

static void settle(struct staging *staging, void (*then)(struct staging *staging))
{
	if (!staging->site->driver->can.durable) {
		then(staging);
		return;
	}
	staging->settled = then;
	staging_run(staging, STAGING_SETTLE, settled);
}

/* A seal names no URLs: where something must be mended, the manifest that does is needed after all. */
static bool needs_urls(struct staging *staging)
{
	if (!staging->from_seal || !staging->manifest_url || staging->canceled ||
	        strcmp(staging->err.code, "source_missing") != 0)
		return false;
	manifest_unref(staging->manifest);
	staging->manifest = NULL;
	staging->from_seal = false;
	staging->err = (struct error){0};
	return true;
}

static void identified_again(struct step *step)
{
	struct staging *staging = step->context;

	judge_identity(staging);
	free(step->operation.result.data);
	if (staging_is_over(staging))
		return;
	if (staging->sealed)
		staging_wind_up(staging);
	else
		staging_write_seal(staging);
}

static void look_again(struct staging *staging)
{
	staging_run(staging, STAGING_IDENTIFY, identified_again);
}

static void checked_files(struct staging *staging)
{
	if (needs_urls(staging)) {
		staging_get_manifest(staging);
		return;
	}
	if (staging_is_over(staging))
		return;
	if (staging->mended)
		settle(staging, look_again);
	else
		look_again(staging);
}

static void check_files(struct staging *staging)
{
	staging_check_files(staging, checked_files);
}

void staging_check(struct staging *staging)
{
	staging->uploaded = true; /* mending uploads */
	settle(staging, check_files);
}

/* ---- the door */

struct staging *staging_new(const struct transfer_spec *spec)
{
	struct staging *staging = memory_alloc(sizeof(*staging));

	staging->step = (struct step){.context = staging, .flow = staging, .ahead = &staging->ahead};
	staging->package = memory_text(spec->package_id);
	staging->version = memory_text(spec->version);
	staging->point = memory_text(spec->distribution_point);
	staging->expected_dp_id = memory_text(spec->expected_dp_id);
	staging->manifest_url = memory_text(spec->manifest_url);
	staging->digest = memory_text(spec->manifest_digest);
	staging->attempt = memory_text(spec->attempt);
	staging->base_version = memory_text(spec->base_version);
	staging->manifest = spec->manifest ? manifest_ref(spec->manifest) : NULL;
	LIST_INIT(&staging->deliveries);
	LIST_INIT(&staging->bundles);
	staging->done = spec->done;
	staging->progress = spec->progress;
	staging->context = spec->context;
	staging->attempts = layout_attempts(staging->package, staging->version);
	staging->folder = layout_attempt(staging->package, staging->version, staging->attempt);
	staging->content = layout_content(staging->package, staging->version);
	staging->seal = layout_seal(staging->package, staging->version);
	if (staging->base_version && strcmp(staging->base_version, staging->version) != 0)
		staging->base_seal = layout_seal(staging->package, staging->base_version);
	return staging;
}

void staging_free(struct staging *staging)
{
	char *texts[] = {staging->package, staging->version, staging->point, staging->expected_dp_id,
	        staging->manifest_url, staging->digest, staging->attempt, staging->base_version,
	        staging->attempts, staging->folder, staging->content, staging->seal, staging->base_seal,
	        staging->base_content, staging->first, (char *)staging->alone};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		free(texts[i]);
	ahead_release(&staging->ahead);
	parcel_unref(staging->to_send);
	parcel_unref(staging->to_check);
	map_free(staging->base_by_digest, NULL);
	manifest_unref(staging->base);
	manifest_unref(staging->manifest);
	buffer_release(&staging->seal_text);
	identity_release(&staging->identity);
	if (staging->site)
		site_release(staging->site);
	catalogue_unref(staging->catalogue);
	free(staging);
}

static void start(struct staging *staging)
{
	if (!staging_is_over(staging))
		staging_run(staging, STAGING_IDENTIFY, identified);
}

void staging_start(struct staging *staging, struct room *room, struct site *site,
        void (*ended)(struct staging *staging, void *context), void *context)
{
	staging->room = room;
	staging->site = site ? site_use(site) : NULL;
	staging->catalogue = catalogue_ref(room->catalogue);
	staging->began = source_parcels_now(room->parcels);
	staging->ended = ended;
	staging->ended_context = context;
	if (!site)
		error_set(&staging->err, STATUS_RETRY, "dp_unknown",
		        "%s is no distribution point of this worker's catalogue: add it there",
		        staging->point);
	else if (staging->manifest && strcmp(staging->manifest->digest, staging->digest) != 0)
		error_set(&staging->err, STATUS_REJECT, "manifest_digest",
		        "the manifest of %s %s has the digest %s, not %s", staging->package, staging->version,
		        staging->manifest->digest, staging->digest);
	if (staging->err.status != STATUS_OK)
		staging_finish(staging);
	else
		staging_look_ahead(staging, start);
}

void staging_cancel(struct staging *staging)
{
	if (staging->canceled)
		return;
	staging->canceled = true;
	staging_cancel_ahead(staging);
	step_cancel(&staging->step);
	if (staging->work)
		manifest_work_cancel(staging->work);
	if (staging->ask)
		shelf_cancel(staging->ask);
	staging_cancel_files(staging);
}
