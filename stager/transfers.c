/* The effector: what the gate wants staged becomes transfers, and these become completions. */
#include "base/clock.h"
#include "base/memory.h"
#include "schemas/job.h"
#include "schemas/status.h"
#include "stager/gate_state.h"
#include "stager/stager.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void stage_result_free(void *data)
{
	struct stage_result *result = data;

	free(result->dp_id);
	free(result->replaces);
	free(result->read_back);
	free(result->code);
	free(result->message);
	free(result);
}

void stage_tag_write(const char *version, const char *point, uint32_t attempt, char text[STAGE_TAG_SIZE])
{
	char number[DECIMAL_MAX + 1] = "", *end = number + DECIMAL_MAX;

	/* no snprintf(): at each event of a package all that it still waits for are named */
	assert(strlen(version) < VERSION_SIZE && strlen(point) < DP_NAME_SIZE);
	text = stpcpy(stpcpy(text, version), "/");
	text = stpcpy(stpcpy(text, point), "/");
	stpcpy(text, decimal_unsigned_before(end, attempt));
}

bool stage_tag_parse(struct view text, struct stage_tag *ret)
{
	char copy[STAGE_TAG_SIZE], *point, *attempt;

	if (text.len >= sizeof(copy))
		return false;
	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	point = strchr(copy, '/');
	attempt = point == NULL ? NULL : strchr(point + 1, '/');
	if (attempt == NULL)
		return false;
	*point++ = *attempt++ = '\0';
	if (strlen(copy) >= sizeof(ret->version) || strlen(point) >= sizeof(ret->point))
		return false;
	strcpy(ret->version, copy);
	strcpy(ret->point, point);
	ret->attempt = (uint32_t)strtoul(attempt, NULL, 10);
	return true;
}

/* A transfer under way. Whoever is called by the I/O thread finds its way back here. */
struct transfer {
	struct stager *stager;
	struct completion *token;
	char *package;
	struct stage_tag tag;
};

static enum gate_blame blame_of(const struct transfer_result *result)
{
	if (strcmp(result->err.code, "canceled") == 0)
		return BLAME_NOBODY;
	if (strcmp(result->err.code, "manifest_lost") == 0 ||
	        strcmp(result->err.code, "source_forbidden") == 0)
		return BLAME_FINAL;
	return result->status == STATUS_REJECT ? BLAME_CONTENT : BLAME_POINT;
}

static struct stage_result *result_failed(enum gate_blame blame, const char *code, const char *message)
{
	struct stage_result *result = memory_alloc(sizeof(*result));

	result->blame = blame;
	result->code = memory_text(code);
	result->message = memory_text(message);
	return result;
}

static struct stage_result *result_of(const struct transfer_result *ended)
{
	struct stage_result *result;

	if (ended->status != STATUS_OK) {
		result = result_failed(blame_of(ended), ended->err.code, ended->err.message);
		result->retry_after_ms = ended->retry_after_ms;
		return result;
	}
	result = memory_alloc(sizeof(*result));
	result->staged = true;
	result->dp_id = memory_text(ended->dp_id);
	result->replaces = memory_text(ended->replaces);
	result->read_back = memory_text(ended->read_back);
	result->files = ended->files;
	result->bytes = ended->bytes;
	return result;
}

static void transfer_done(const struct transfer_result *ended, void *context)
{
	struct transfer *transfer = context;
	struct stager *stager = transfer->stager;

	if (ended->status != STATUS_OK && blame_of(ended) == BLAME_NOBODY)
		places_canceled(stager->places, transfer->tag.point, ended->bytes_sent);
	else
		places_ended(stager->places, transfer->tag.point,
		        ended->status == STATUS_OK ? NULL : ended->err.code, ended->bytes_sent,
		        clock_wall_ms());
	completion_deliver(transfer->token, result_of(ended), stage_result_free);
	free(transfer->package);
	free(transfer);
}

static void transfer_moved(const struct transfer_progress *progress, void *context)
{
	const struct transfer *transfer = context;
	struct buffer out;

	buffer_init(&out, 4096);
	progress_write(&(struct progress){.time_ms = clock_wall_ms(),
	                       .package_id = transfer->package,
	                       .version = transfer->tag.version,
	                       .distribution_point = transfer->tag.point,
	                       .bytes_done = progress->bytes_done,
	                       .bytes_total = progress->bytes_total,
	                       .files_done = progress->files_done,
	                       .files_total = progress->files_total},
	        &out);
	if (!out.full)
		worker_tell(transfer->stager->worker, view_text(transfer->package), buffer_view(&out));
	buffer_release(&out);
}

/* The manifest of an inline job read from the log again; NULL where that is not what it was. */
static struct manifest *read_again(
        struct stager *stager, const struct gate_version *version, const struct record *record)
{
	struct job *job = NULL;
	struct job_hint hint;
	struct error err;
	struct manifest *manifest = NULL;

	if (job_parse(record->key, record->value, &job, &hint, &err) == STATUS_OK && job->manifest != NULL &&
	        strcmp(job->manifest_digest, version->digest) == 0) {
		manifest = manifest_ref(job->manifest);
		manifests_put(stager->manifests, version->source, manifest);
	}
	job_free(job);
	return manifest;
}

/* The newest version other than this one that lies on the DP: files that it shares need not be sent. */
static const char *base_version(
        const struct gate_state *state, const struct gate_version *version, const char *point)
{
	const struct gate_version *base = NULL;

	for (size_t i = 0; i < state->versions.count; i++) {
		const struct gate_version *other = state->versions.items[i];
		const struct gate_staging *staging = gate_staging_find(other, point);

		if (other != version && staging != NULL && staging->phase == STAGING_STAGED &&
		        (base == NULL || base->source.offset < other->source.offset))
			base = other;
	}
	return base == NULL ? NULL : base->name;
}

static uint64_t submit(struct stager *stager, const struct gate_state *state,
        const struct gate_version *version, const struct stage_tag *tag, const struct effect_context *context,
        struct manifest *manifest)
{
	const struct gate_point *point = gate_point_find(state, tag->point);
	struct transfer *transfer = memory_alloc(sizeof(*transfer));
	unsigned long long number = atomic_fetch_add(&stager->transfers, 1);
	char attempt[64];

	*transfer = (struct transfer){.stager = stager,
	        .token = context->token,
	        .package = memory_text(state->package),
	        .tag = *tag};
	places_began(stager->places, tag->point, tag->attempt > 1);
	snprintf(attempt, sizeof(attempt), "%s-%llu", context->claim->nonce, number);
	return transfer_submit(
	        stager->distribution, &(struct transfer_spec){.package_id = state->package,
	                                      .version = version->name,
	                                      .distribution_point = tag->point,
	                                      .expected_dp_id = point == NULL ? NULL : point->dp_id,
	                                      .manifest = manifest,
	                                      .manifest_url = version->manifest_url,
	                                      .manifest_digest = version->digest,
	                                      .attempt = attempt,
	                                      .base_version = base_version(state, version, tag->point),
	                                      .done = transfer_done,
	                                      .progress = transfer_moved,
	                                      .context = transfer});
}

static enum effect_start fail_at_once(const struct effect_context *context, uint64_t *ret_effect,
        enum gate_blame blame, const char *code, const char *message)
{
	*ret_effect = 0;
	completion_deliver(context->token, result_failed(blame, code, message), stage_result_free);
	return EFFECT_STARTED;
}

static enum effect_start start(void *shell, const void *state, const struct effect_context *context,
        uint64_t *ret_effect, int64_t *ret_offset)
{
	struct stager *stager = shell;
	const struct gate_version *version;
	struct manifest *manifest = NULL;
	struct stage_tag tag;

	version = stage_tag_parse(context->tag, &tag) ? gate_version_find(state, tag.version) : NULL;
	if (version == NULL)
		return fail_at_once(context, ret_effect, BLAME_NOBODY, "canceled", "no longer wanted");
	if (version->manifest_url == NULL) {
		manifest = manifests_get(stager->manifests, version->source);
		if (manifest == NULL && context->record != NULL)
			manifest = read_again(stager, version, context->record);
		if (manifest == NULL && context->record == NULL && !context->record_gone) {
			*ret_offset = version->source.offset;
			return EFFECT_NEEDS_RECORD;
		}
		/* NULL still: the log no longer has it; the seal that may lie there serves */
	}
	*ret_effect = submit(stager, state, version, &tag, context, manifest);
	manifest_unref(manifest);
	return EFFECT_STARTED;
}

static void cancel(void *shell, uint64_t effect)
{
	struct stager *stager = shell;

	if (effect != 0)
		distribution_cancel(stager->distribution, effect);
}

const struct effector stager_effector = {.start = start, .cancel = cancel};
