/* What status and progress records say of one job. */
#include "producer/watch.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void watch_init(struct watch *watch, const char *package_id, const char *version, const char *job_id,
        struct position position)
{
	*watch = (struct watch){.position = position, .any_life = position.offset < 0};
	snprintf(watch->package_id, sizeof(watch->package_id), "%s", package_id);
	snprintf(watch->version, sizeof(watch->version), "%s", version ? version : "");
	if (job_id)
		snprintf(watch->job_id, sizeof(watch->job_id), "%s", job_id);
	else
		job_default_id(position.partition, position.offset, watch->job_id);
}

void watch_release(struct watch *watch)
{
	free(watch->points);
	*watch = (struct watch){0};
}

static struct watch_point *point_named(struct watch *watch, const char *name)
{
	size_t at = 0;

	while (at < watch->point_count && strcmp(watch->points[at].name, name) < 0)
		at++;
	if (at < watch->point_count && strcmp(watch->points[at].name, name) == 0)
		return &watch->points[at];
	if (watch->point_count == JOB_TARGETS_MAX)
		return NULL;
	watch->points = memory_resize(watch->points, (watch->point_count + 1) * sizeof(*watch->points));
	memmove(watch->points + at + 1, watch->points + at,
	        (watch->point_count - at) * sizeof(*watch->points));
	watch->point_count++;
	watch->points[at] = (struct watch_point){.name = ""};
	snprintf(watch->points[at].name, sizeof(watch->points[at].name), "%s", name);
	return &watch->points[at];
}

/* Where any life will do: the one that was accepted last, or was rejected where none was accepted. */
static bool is_our_life(const struct watch *watch, const struct status_event *event)
{
	if (position_equal(event->job_position, watch->position))
		return true;
	if (!watch->any_life)
		return false;
	return watch->position.offset < 0 || strcmp(event->state, "accepted") == 0 ||
	       strcmp(watch->state, "rejected") == 0;
}

static enum watch_news apply_job(struct watch *watch, const struct status_event *event)
{
	if (strcmp(event->job_id, watch->job_id) != 0 || !is_our_life(watch, event))
		return WATCH_NOTHING;
	if (watch->final && !watch->any_life)
		return WATCH_NOTHING;
	if (watch->any_life) {
		watch->position = event->job_position;
		memcpy(watch->version, event->version, sizeof(watch->version));
	}
	memcpy(watch->state, event->state, sizeof(watch->state));
	memcpy(watch->reason, event->reason, sizeof(watch->reason));
	memcpy(watch->detail, event->detail, sizeof(watch->detail));
	watch->staged = event->staged;
	watch->targets = event->targets;
	watch->missing_count = event->missing_count;
	memcpy(watch->missing, event->missing, sizeof(watch->missing));
	watch->final = event->final;
	if (strcmp(watch->state, "accepted") == 0)
		watch->point_count = 0; /* what was heard before is of an earlier job */
	return WATCH_JOB;
}

/* What was sent is a job that was there before, unless it is the original itself that this is about. */
static enum watch_news apply_duplicate(struct watch *watch, const struct status_event *event)
{
	if (watch->any_life || watch->duplicate || strcmp(event->job_id, watch->job_id) != 0 ||
	        event->job_position.offset < 0 || position_equal(event->job_position, watch->position))
		return WATCH_NOTHING;
	watch->position = event->job_position;
	watch->duplicate = true;
	return WATCH_DUPLICATE;
}

/* Progress has a way of its own, and may come when what it tells of is over. */
static bool is_past_moving(const struct watch_point *point)
{
	return strcmp(point->state, "staged") == 0 || strcmp(point->state, "updating") == 0 ||
	       strcmp(point->state, "updated") == 0;
}

/* Behind the last of them no further held is said: the next of the job is its end. */
static void no_longer_missing(struct watch *watch, const char *name)
{
	for (size_t i = 0; i < watch->missing_count; i++) {
		if (strcmp(watch->missing[i], name) != 0)
			continue;
		watch->missing_count--;
		memmove(watch->missing[i], watch->missing[watch->missing_count], DP_NAME_SIZE);
		watch->staged++;
		return;
	}
}

static enum watch_news apply_point(
        struct watch *watch, const struct status_event *event, const struct watch_point **ret_point)
{
	bool progress = strcmp(event->type, "progress") == 0;
	struct watch_point *point;

	if (watch->final || strcmp(event->version, watch->version) != 0 || !event->distribution_point[0])
		return WATCH_NOTHING;
	if (watch->duplicate && !watch->state[0])
		return WATCH_NOTHING; /* from before the original */
	point = point_named(watch, event->distribution_point);
	if (!point || (progress && is_past_moving(point)))
		return WATCH_NOTHING;
	*ret_point = point;
	if (progress) {
		point->bytes_done = event->bytes_done;
		point->bytes_total = event->bytes_total;
		return WATCH_PROGRESS;
	}
	memcpy(point->state, event->state, sizeof(point->state));
	memcpy(point->reason, event->reason, sizeof(point->reason));
	memcpy(point->detail, event->detail, sizeof(point->detail));
	point->attempt = event->attempt;
	point->next_retry_ms = event->next_retry_ms;
	point->bytes_done = point->bytes_total = 0;
	if (is_past_moving(point))
		no_longer_missing(watch, point->name);
	return WATCH_POINT;
}

enum watch_news watch_apply(
        struct watch *watch, const struct status_event *event, const struct watch_point **ret_point)
{
	*ret_point = NULL;
	if (strcmp(event->package_id, watch->package_id) != 0)
		return WATCH_NOTHING;
	if (strcmp(event->type, "job") == 0)
		return apply_job(watch, event);
	if (strcmp(event->type, "duplicate") == 0)
		return apply_duplicate(watch, event);
	if (strcmp(event->type, "distribution_point") == 0 || strcmp(event->type, "progress") == 0)
		return apply_point(watch, event, ret_point);
	return WATCH_NOTHING;
}
