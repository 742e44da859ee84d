/* Stages one version on one distribution point. In this order, each step only after the one before:
 *
 *   identity   dp.json says that this is the distribution point that is meant
 *   seal       is the version sealed there already? Then its files are checked, and that is all
 *   manifest   the one given, or fetched
 *   base       what an earlier version holds there, to copy from
 *   clean      leavings of former attempts are removed
 *   send       all files, to a folder of this attempt       (unless files of the version lie in place
 * already) place      that folder becomes content/<version>, unless there is one check      every file is
 * read back from its place; what is missing or wrong is mended, one by one settle     all of it is durable
 *   identity   it still is that distribution point: nothing was unmounted or replaced meanwhile
 *   seal       the manifest is written, and read back
 *
 * Where the server cannot MOVE, files are sent straight to their places. Dying anywhere leaves no seal, or a
 * seal over checked files; the next attempt begins at the top. A stalled twin may remove, move or write at
 * any time: it has the same bytes to write, and nothing counts here that was not read back in its place. */
#include "distribution/staging.h"

#include "distribution/layout.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { SEAL_WRITES_MAX = 3 };

static void read_identity(struct staging *staging, void (*took)(struct step *step));
static void read_seal(struct staging *staging);
static void get_manifest(struct staging *staging);
static void look_at_base(struct staging *staging);
static void clean(struct staging *staging);
static void send_files(struct staging *staging);
static void check_files(struct staging *staging);
static void settle(struct staging *staging);
static void write_seal(struct staging *staging);
static void wind_up(struct staging *staging);

/* ---- ending */

static void finish_now(struct agenda_entry *entry)
{
	struct staging *staging = (struct staging *)((char *)entry - offsetof(struct staging, later));
	struct transfer_result result = {.status = staging->err.status,
	        .err = staging->err,
	        .dp_id = staging->identity_known ? staging->identity.dp_id : NULL,
	        .bytes_sent = staging->bytes_sent,
	        .read_back = staging->site && !staging->site->point->read_back_full ? "size" : "full",
	        .retry_after_ms = staging->retry_after_ms};

	if (staging->identity_known && staging->expected_dp_id &&
	        strcmp(staging->identity.dp_id, staging->expected_dp_id) != 0 &&
	        identity_replaces(&staging->identity, staging->expected_dp_id))
		result.replaces = staging->expected_dp_id;
	if (staging->manifest) {
		result.files = staging->manifest->count;
		result.bytes = staging->manifest->bytes;
	}
	staging->done(&result, staging->context);
	staging->ended(staging, staging->ended_context);
}

static void finish(struct staging *staging)
{
	if (staging->canceled && staging->err.status == STATUS_OK)
		error_set(&staging->err, STATUS_RETRY, "canceled", "staging %s %s on %s was canceled",
		        staging->package, staging->version, staging->point);
	agenda_add(staging->room->agenda, &staging->later, 0, finish_now);
}

/* True where it ends here: canceled, or failed. */
static bool is_over(struct staging *staging)
{
	if (!staging->canceled && staging->err.status == STATUS_OK)
		return false;
	if (staging->err.status == STATUS_REJECT && staging->uploaded && !staging->canceled)
		wind_up(staging); /* nobody will try again, so nobody else would remove what was uploaded */
	else
		finish(staging);
	return true;
}

/* ---- steps */

static struct operation *prepare(struct staging *staging, enum operation_kind kind, const char *path)
{
	struct step *step = &staging->step;

	step->operation = (struct operation){.kind = kind, .path = path, .flow = staging, .fd = -1};
	step->driver = staging->site->driver;
	step->agenda = staging->room->agenda;
	step->context = staging;
	return &step->operation;
}

static void run(struct staging *staging, void (*took)(struct step *step))
{
	staging->step.took = took;
	step_start(&staging->step);
}

/* True where it ends here because of what the step came to. */
static bool has_failed(struct staging *staging)
{
	const struct operation *operation = &staging->step.operation;

	if (operation->result.status != STATUS_OK) {
		staging->err = operation->result.err;
		staging->err.status = operation->result.status;
		staging->retry_after_ms = operation->result.retry_after_ms;
	}
	return is_over(staging);
}

static char *take_data(struct staging *staging, struct view *ret)
{
	struct operation *operation = &staging->step.operation;
	char *data = operation->result.data;

	*ret = (struct view){data, data ? operation->result.len : 0};
	operation->result.data = NULL;
	return data;
}

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
		        "its "
		        "place? If its content is lost, run holdpoint-stager dp init --replace %s",
		        staging->point, identity.dp_id, wanted, staging->point);
	identity_release(&staging->identity);
	staging->identity = identity;
	staging->identity_known = true;
}

static void read_identity(struct staging *staging, void (*took)(struct step *step))
{
	prepare(staging, OPERATION_READ, LAYOUT_DP_JSON)->size_max = IDENTITY_SIZE_MAX;
	run(staging, took);
}

static void identified(struct step *step)
{
	struct staging *staging = step->context;

	judge_identity(staging);
	free(step->operation.result.data);
	if (!is_over(staging))
		read_seal(staging);
}

/* ---- a seal that is there already */

static void judge_other_seal(void *context, struct manifest *manifest, const struct error *err)
{
	struct staging *staging = context;
	bool is_other = manifest && strcmp(manifest->digest, staging->digest) != 0;

	staging->work = NULL;
	if (!manifest && err->status == STATUS_RETRY && !staging->canceled)
		staging->err = *err;
	if (is_over(staging)) {
		(void)0;
	} else if (!is_other) {
		get_manifest(staging); /* torn or not canonical: it seals nothing */
	} else if (staging->seal_reads == 1) {
		read_seal(staging); /* perhaps it was only read wrong */
	} else {
		error_set(&staging->err, STATUS_REJECT, "sealed_differently",
		        "%s %s is sealed on %s with the digest %s, not %s: a version never changes, give the "
		        "new "
		        "content another one",
		        staging->package, staging->version, staging->point, manifest->digest,
		        staging->digest);
		is_over(staging);
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
	if (!is_over(staging))
		check_files(staging);
}

static void judge_seal(struct staging *staging, char *data, struct view text)
{
	char digest[DIGEST_SIZE];

	digest_of(text, digest);
	if (strcmp(digest, staging->digest) != 0) {
		staging->work = manifest_parse_sealed(
		        staging->room->pool, data, text.len, NULL, judge_other_seal, staging);
	} else if (staging->manifest) {
		staging->sealed = true;
		free(data);
		check_files(staging);
	} else {
		staging->sealed = true;
		staging->work = manifest_parse_sealed(
		        staging->room->pool, data, text.len, staging->digest, got_sealed_manifest, staging);
	}
}

static void took_seal(struct step *step)
{
	struct staging *staging = step->context;
	struct view text;
	char *data = take_data(staging, &text);

	if (has_failed(staging)) {
		free(data);
	} else if (!step->operation.result.found) {
		free(data);
		get_manifest(staging);
	} else {
		judge_seal(staging, data, text);
	}
}

static void read_seal(struct staging *staging)
{
	staging->seal_reads++;
	prepare(staging, OPERATION_READ, staging->seal)->size_max = MANIFEST_BYTES_MAX;
	run(staging, took_seal);
}

/* ---- manifests */

static void got_manifest(void *context, struct manifest *manifest, const struct error *err)
{
	struct staging *staging = context;

	staging->work = NULL;
	staging->manifest = manifest;
	if (!manifest)
		staging->err = *err;
	if (is_over(staging))
		return;
	if (staging->sealed)
		check_files(staging);
	else
		look_at_base(staging);
}

static void get_manifest(struct staging *staging)
{
	if (staging->manifest) {
		look_at_base(staging);
	} else if (!staging->manifest_url) {
		error_set(&staging->err, STATUS_REJECT, "source_missing",
		        "%s %s is not on %s, and there is neither a manifest nor a URL of one",
		        staging->package, staging->version, staging->point);
		is_over(staging);
	} else {
		staging->work = manifest_fetch(staging->room->pool, staging->room->pump,
		        staging->room->agenda, staging->catalogue, staging->manifest_url, staging->digest,
		        got_manifest, staging);
	}
}

/* Whatever keeps the base from being read, it is only worth some copying. */
static void got_base(void *context, struct manifest *manifest, const struct error *err)
{
	struct staging *staging = context;

	(void)err;
	staging->work = NULL;
	staging->base = manifest;
	free(staging->base_content);
	staging->base_content = NULL;
	if (manifest) {
		staging->base_content = layout_content(staging->package, staging->base_version);
		staging->base_by_digest = map_new();
		for (size_t i = 0; i < manifest->count; i++)
			map_put(staging->base_by_digest, view_text(manifest->files[i].digest),
			        &manifest->files[i]);
	}
	if (!is_over(staging))
		clean(staging);
}

static void took_base(struct step *step)
{
	struct staging *staging = step->context;
	struct view text;
	char *data = take_data(staging, &text);

	if (is_over(staging)) {
		free(data);
	} else if (step->operation.result.status == STATUS_OK && step->operation.result.found) {
		staging->work =
		        manifest_parse_sealed(staging->room->pool, data, text.len, NULL, got_base, staging);
	} else {
		free(data);
		clean(staging);
	}
}

static void look_at_base(struct staging *staging)
{
	if (!staging->base_version || !staging->site->driver->can.copy ||
	        strcmp(staging->base_version, staging->version) == 0) {
		clean(staging);
		return;
	}
	free(staging->base_content);
	staging->base_content = layout_seal(staging->package, staging->base_version);
	prepare(staging, OPERATION_READ, staging->base_content)->size_max = MANIFEST_BYTES_MAX;
	run(staging, took_base);
}

/* ---- sending */

static void looked(struct step *step)
{
	struct staging *staging = step->context;

	if (has_failed(staging))
		return;
	if (step->operation.result.found)
		check_files(staging); /* an earlier attempt came that far */
	else
		send_files(staging);
}

/* Is the version's content in place, but not sealed? Its first file tells. */
static void look_in_place(struct staging *staging)
{
	staging->first = layout_join(staging->content, staging->manifest->files[0].path);
	prepare(staging, OPERATION_STAT, staging->first);
	run(staging, looked);
}

static void cleaned(struct step *step)
{
	struct staging *staging = step->context;

	if (!is_over(staging)) /* leavings that stay do no harm */
		look_in_place(staging);
}

static void clean(struct staging *staging)
{
	prepare(staging, OPERATION_REMOVE, staging->attempts)->folder = true;
	run(staging, cleaned);
}

static void placed(struct step *step)
{
	struct staging *staging = step->context;

	/* there already, or not found since a twin removed it: what lies in place decides */
	if (!has_failed(staging))
		check_files(staging);
}

static void sent_files(struct staging *staging)
{
	if (is_over(staging))
		return;
	if (!staging->site->driver->can.move) {
		check_files(staging);
		return;
	}
	struct operation *operation = prepare(staging, OPERATION_MOVE, staging->content);
	operation->from = staging->folder;
	operation->folder = true;
	run(staging, placed);
}

static void send_files(struct staging *staging)
{
	staging->uploaded = true;
	staging_send_files(staging, sent_files);
}

/* ---- checking */

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

static void checked_files(struct staging *staging)
{
	if (needs_urls(staging)) {
		get_manifest(staging);
		return;
	}
	if (!is_over(staging))
		settle(staging);
}

static void check_files(struct staging *staging)
{
	staging->uploaded = true; /* mending uploads */
	staging_check_files(staging, checked_files);
}

static void identified_again(struct step *step)
{
	struct staging *staging = step->context;

	judge_identity(staging);
	free(step->operation.result.data);
	if (is_over(staging))
		return;
	if (staging->sealed)
		wind_up(staging);
	else
		write_seal(staging);
}

static void settled(struct step *step)
{
	struct staging *staging = step->context;

	if (!has_failed(staging))
		read_identity(staging, identified_again);
}

static void settle(struct staging *staging)
{
	if (!staging->site->driver->can.durable) {
		read_identity(staging, identified_again);
		return;
	}
	prepare(staging, OPERATION_SETTLE, staging->package);
	run(staging, settled);
}

/* ---- sealing */

static void removed_bad_seal(struct step *step)
{
	struct staging *staging = step->context;

	is_over(staging);
}

/* What reads back wrong after several writings must not stay: another attempt would take it for a different
 * version's seal. */
static void remove_bad_seal(struct staging *staging)
{
	error_set(&staging->err, STATUS_RETRY, "read_back_mismatch",
	        "the seal %s was written %u times and reads back differently: distribution point %s, or what "
	        "lies "
	        "between, changes what it is given",
	        staging->seal, staging->seal_writes, staging->point);
	prepare(staging, OPERATION_REMOVE, staging->seal);
	run(staging, removed_bad_seal);
}

static void took_own_seal(struct step *step)
{
	struct staging *staging = step->context;
	char digest[DIGEST_SIZE] = "";
	struct view text;
	char *data = take_data(staging, &text);

	if (step->operation.result.found)
		digest_of(text, digest);
	free(data);
	if (has_failed(staging))
		return;
	if (strcmp(digest, staging->digest) == 0)
		wind_up(staging);
	else if (staging->seal_writes < SEAL_WRITES_MAX)
		write_seal(staging);
	else
		remove_bad_seal(staging);
}

static void wrote_seal(struct step *step)
{
	struct staging *staging = step->context;

	if (has_failed(staging))
		return;
	prepare(staging, OPERATION_READ, staging->seal)->size_max = MANIFEST_BYTES_MAX;
	run(staging, took_own_seal);
}

static void write_seal(struct staging *staging)
{
	if (!staging->seal_writes++) {
		buffer_init(&staging->seal_text, MANIFEST_BYTES_MAX);
		manifest_write_canonical(staging->manifest, &staging->seal_text);
	}
	prepare(staging, OPERATION_WRITE, staging->seal)->data = buffer_view(&staging->seal_text);
	run(staging, wrote_seal);
}

/* ---- winding up */

static void wound_up(struct step *step)
{
	finish(step->context); /* what could not be removed expires */
}

static void wind_up(struct staging *staging)
{
	if (!staging->uploaded) {
		finish(staging);
		return;
	}
	prepare(staging, OPERATION_REMOVE, staging->attempts)->folder = true;
	run(staging, wound_up);
}

/* ---- the door */

struct staging *staging_new(const struct transfer_spec *spec)
{
	struct staging *staging = memory_alloc(sizeof(*staging));

	staging->package = memory_text(spec->package_id);
	staging->version = memory_text(spec->version);
	staging->point = memory_text(spec->distribution_point);
	staging->expected_dp_id = memory_text(spec->expected_dp_id);
	staging->manifest_url = memory_text(spec->manifest_url);
	staging->digest = memory_text(spec->manifest_digest);
	staging->attempt = memory_text(spec->attempt);
	staging->base_version = memory_text(spec->base_version);
	staging->manifest = spec->manifest ? manifest_ref(spec->manifest) : NULL;
	staging->done = spec->done;
	staging->progress = spec->progress;
	staging->context = spec->context;
	staging->attempts = layout_attempts(staging->package, staging->version);
	staging->folder = layout_attempt(staging->package, staging->version, staging->attempt);
	staging->content = layout_content(staging->package, staging->version);
	staging->seal = layout_seal(staging->package, staging->version);
	return staging;
}

void staging_free(struct staging *staging)
{
	char *texts[] = {staging->package, staging->version, staging->point, staging->expected_dp_id,
	        staging->manifest_url, staging->digest, staging->attempt, staging->base_version,
	        staging->attempts, staging->folder, staging->content, staging->seal, staging->base_content,
	        staging->first};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		free(texts[i]);
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

void staging_start(struct staging *staging, struct room *room, struct site *site,
        void (*ended)(struct staging *staging, void *context), void *context)
{
	staging->room = room;
	staging->site = site ? site_use(site) : NULL;
	staging->catalogue = catalogue_ref(room->catalogue);
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
		finish(staging);
	else
		read_identity(staging, identified);
}

void staging_cancel(struct staging *staging)
{
	if (staging->canceled)
		return;
	staging->canceled = true;
	step_cancel(&staging->step);
	if (staging->work)
		manifest_work_cancel(staging->work);
	staging_cancel_files(staging);
}
