/* A version on a DP: armed by jobs, staged by a transfer, or tried again, given up, expired; and staged once
 * more where its content was lost. */
#include "engine/back_off.h"
#include "stager/gate_turn.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { CANCELED_RETRY_MS = 1000, SHOWN_RETRIES = 10 };

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static void set_error(struct gate_staging *staging, const char *code, const char *message)
{
	gate_text_set(&staging->error_code, code);
	gate_text_set(&staging->error_message, message);
}

/* Updates hear of what they may have waited for. */
static void set_phase(struct gate_turn *turn, struct gate_version *version, struct gate_staging *staging,
        enum staging_phase phase)
{
	int more_staged = (phase == STAGING_STAGED) - (staging->phase == STAGING_STAGED);

	staging_set_phase(version, staging, phase);
	touch_staging(turn, version, staging);
	if (more_staged != 0 || phase == STAGING_FAILED)
		updates_hear(turn, version->name, staging->name, more_staged);
}

/* A new transfer is wanted, at once. */
static void start_attempt(struct gate_turn *turn, struct gate_version *version, struct gate_staging *staging)
{
	staging->attempt++;
	staging->next_retry_ms = 0;
	set_phase(turn, version, staging, STAGING_PENDING);
}

static void arm(struct gate_turn *turn, struct gate_version *version, struct gate_staging *staging,
        const struct gate_job *job)
{
	bool again = staging->attempt > 0;

	gate_text_set(&staging->cause_id, job->name);
	staging->cause = job->position;
	staging->failures = staging->content_failures = 0;
	staging->until_ms = later(staging->until_ms, job->work->deadline_ms);
	set_error(staging, NULL, NULL);
	start_attempt(turn, version, staging);
	if (again)
		say_point(turn, version, staging, DP_PENDING);
}

void stagings_arm(struct gate_turn *turn, struct gate_version *version, const struct gate_job *job)
{
	for (size_t i = 0; i < job->work->target_count; i++) {
		struct gate_staging *staging = gate_staging_need(turn->state, version, job->work->targets[i]);

		if (staging->phase != STAGING_STAGED && staging->phase != STAGING_PENDING)
			arm(turn, version, staging, job);
	}
}

void stagings_keep(struct gate_turn *turn, const struct gate_job *job)
{
	struct gate_version *version = gate_version_find(turn->state, job->work->version);

	if (version == NULL || job->work->deadline_ms <= turn->now_ms)
		return;
	for (size_t i = 0; i < job->work->target_count; i++) {
		struct gate_staging *staging = gate_staging_find(version, job->work->targets[i]);

		if (staging != NULL && staging->phase == STAGING_EXPIRED)
			arm(turn, version, staging, job);
		if (staging != NULL && staging_is_active(staging) &&
		        staging->until_ms < job->work->deadline_ms) {
			staging->until_ms = job->work->deadline_ms;
			touch_staging(turn, version, staging);
		}
	}
}

static int64_t retry_delay(
        const struct gate_turn *turn, const struct gate_version *version, const struct gate_staging *staging)
{
	char what[400];

	snprintf(what, sizeof(what), "%s/%s/%s/%u", turn->state->package, version->name, staging->name,
	        staging->attempt);
	return back_off_ms(staging->failures, GATE_RETRY_FIRST_MS, GATE_RETRY_MOST_MS, view_text(what));
}

/* The status topic is kept for ever: a DP that is down for a year must not fill it. */
static bool retry_is_shown(const struct gate_staging *staging, bool other_error)
{
	return other_error || staging->failures <= SHOWN_RETRIES ||
	       (staging->failures & (staging->failures - 1)) == 0;
}

/* The staging that this outcome is of; NULL where it is not the current attempt's. */
static struct gate_staging *outcome_staging(
        struct gate_turn *turn, const struct gate_event *event, struct gate_version **ret_version)
{
	struct gate_version *version = gate_version_find(turn->state, event->version);
	struct gate_staging *staging = version == NULL ? NULL : gate_staging_find(version, event->point);

	if (staging == NULL || staging->phase != STAGING_PENDING || staging->attempt != event->attempt)
		return NULL;
	*ret_version = version;
	return staging;
}

static void give_up(struct gate_turn *turn, struct gate_version *version, struct gate_staging *staging)
{
	set_phase(turn, version, staging, STAGING_FAILED);
	say_point(turn, version, staging, DP_FAILED);
	creates_end_done(turn, version->name);
}

static void fail(struct gate_turn *turn, struct gate_version *version, struct gate_staging *staging,
        const struct gate_event *event)
{
	bool other = staging->error_code == NULL || strcmp(staging->error_code, event->code) != 0;
	int64_t asked = event->retry_after_ms < GATE_RETRY_AFTER_MOST_MS ? event->retry_after_ms
	                                                                 : GATE_RETRY_AFTER_MOST_MS;

	staging->failures++;
	staging->content_failures += event->blame == BLAME_CONTENT;
	set_error(staging, event->code, event->message);
	if (event->blame == BLAME_FINAL || staging->content_failures >= GATE_CONTENT_TRIES) {
		give_up(turn, version, staging);
		return;
	}
	staging->next_retry_ms = turn->now_ms + later(asked, retry_delay(turn, version, staging));
	set_phase(turn, version, staging, STAGING_RETRYING);
	if (retry_is_shown(staging, other))
		say_point(turn, version, staging, DP_RETRYING);
}

void apply_stage_failed(struct gate_turn *turn, const struct gate_event *event)
{
	struct gate_version *version;
	struct gate_staging *staging = outcome_staging(turn, event, &version);

	if (staging == NULL)
		return;
	if (event->blame != BLAME_NOBODY) {
		fail(turn, version, staging, event);
		return;
	}
	staging->next_retry_ms = turn->now_ms + CANCELED_RETRY_MS;
	set_phase(turn, version, staging, STAGING_RETRYING);
}

static void become_staged(struct gate_turn *turn, struct gate_version *version, struct gate_staging *staging,
        struct gate_point *point, const struct gate_event *event)
{
	gate_text_set(&staging->dp_id, event->dp_id);
	set_error(staging, NULL, NULL);
	set_phase(turn, version, staging, STAGING_STAGED);
	if (point->dp_id == NULL) {
		gate_text_set(&point->dp_id, event->dp_id);
		touch_point(turn, point);
	}
	say_staged(turn, version, staging, event);
	say_point(turn, version, staging, DP_STAGED);
	staging->failures = staging->content_failures = 0;
	updates_let_through(turn);
	creates_end_done(turn, version->name);
}

void apply_staged(struct gate_turn *turn, const struct gate_event *event)
{
	struct gate_version *version;
	struct gate_staging *staging = outcome_staging(turn, event, &version);
	struct gate_point *point;

	if (staging == NULL)
		return;
	point = gate_point_need(turn->state, staging->name);
	if (point->dp_id != NULL && strcasecmp(point->dp_id, event->dp_id) != 0) {
		struct gate_event changed = *event;

		/* it was replaced while the transfer ran */
		changed.blame = BLAME_POINT;
		changed.code = "dp_id_changed";
		changed.message = "the distribution point was replaced during the transfer";
		changed.retry_after_ms = 0;
		fail(turn, version, staging, &changed);
		return;
	}
	become_staged(turn, version, staging, point, event);
}

static bool is_lost(const struct gate_event *event, const char *dp_id)
{
	for (size_t i = 0; dp_id != NULL && i < event->lost_count; i++)
		if (strcasecmp(event->lost_ids[i], dp_id) == 0)
			return true;
	return false;
}

/* What was staged is what is wanted, whoever asked for it has ended long ago: so for as long as `never`. */
static void stage_again(struct gate_turn *turn, struct gate_version *version, struct gate_staging *staging)
{
	char message[160];

	snprintf(message, sizeof(message), "the content of %s was confirmed lost: it is staged again",
	        staging->name);
	gate_text_set(&staging->dp_id, NULL);
	staging->staged_id[0] = '\0';
	staging->restages++;
	staging->until_ms = turn->now_ms + turn->state->limits->never_ms;
	set_error(staging, "content_lost", message);
	start_attempt(turn, version, staging);
	say_point(turn, version, staging, DP_PENDING);
}

static bool is_to_be_staged_on(const struct gate_state *state, const char *point)
{
	for (size_t i = 0; i < state->versions.count; i++)
		if (gate_staging_find(state->versions.items[i], point) != NULL)
			return true;
	return false;
}

void apply_lost_content(struct gate_turn *turn, const struct gate_event *event)
{
	struct gate_point *point = gate_point_find(turn->state, event->point);

	if (is_lost(event, event->dp_id))
		return;
	/* a transfer that met one of the lost ids may still be under way, and is told but once */
	if (point == NULL && is_to_be_staged_on(turn->state, event->point))
		point = gate_point_need(turn->state, event->point);
	if (point == NULL)
		return;
	if (point->dp_id == NULL || is_lost(event, point->dp_id)) {
		gate_text_set(&point->dp_id, event->dp_id);
		touch_point(turn, point);
	}
	for (size_t i = 0; i < turn->state->versions.count; i++) {
		struct gate_version *version = turn->state->versions.items[i];
		struct gate_staging *staging = gate_staging_find(version, event->point);

		if (staging != NULL && staging->phase == STAGING_STAGED && is_lost(event, staging->dp_id))
			stage_again(turn, version, staging);
	}
}

static void expire(struct gate_turn *turn, struct gate_version *version, struct gate_staging *staging)
{
	char message[ERROR_MESSAGE_MAX];

	snprintf(message, sizeof(message),
	        "the last deadline of the jobs that wanted it has passed; send one again to go on%s%s",
	        staging->error_message == NULL ? "" : "; last failure: ",
	        staging->error_message == NULL ? "" : staging->error_message);
	set_error(staging, "expired", message);
	set_phase(turn, version, staging, STAGING_EXPIRED);
	say_point(turn, version, staging, DP_FAILED);
}

static void staging_pass_time(
        struct gate_turn *turn, struct gate_version *version, struct gate_staging *staging)
{
	if (staging->until_ms <= turn->now_ms) {
		expire(turn, version, staging);
		return;
	}
	if (staging->phase != STAGING_RETRYING)
		return;
	/* a row written under a clock that ran ahead waits no longer than one written now could */
	if (staging->next_retry_ms > turn->now_ms + GATE_RETRY_AFTER_MOST_MS) {
		staging->next_retry_ms = turn->now_ms + GATE_RETRY_AFTER_MOST_MS;
		touch_staging(turn, version, staging);
	}
	if (staging->next_retry_ms <= turn->now_ms)
		start_attempt(turn, version, staging);
}

static void version_pass_time(struct gate_turn *turn, struct gate_version *version)
{
	int64_t due_ms = INT64_MAX;

	for (size_t i = 0; i < version->stagings.count; i++) {
		struct gate_staging *staging = version->stagings.items[i];

		if (staging_is_active(staging))
			staging_pass_time(turn, version, staging);
		if (staging_due_ms(staging) < due_ms)
			due_ms = staging_due_ms(staging);
	}
	version->due_ms = due_ms;
}

void stagings_pass_time(struct gate_turn *turn)
{
	for (size_t i = 0; i < turn->state->versions.count; i++) {
		struct gate_version *version = turn->state->versions.items[i];

		if (version->due_ms <= turn->now_ms)
			version_pass_time(turn, version);
	}
}
