/* Which job an event is of, how long things took, and what is said twice. */
#include "auditor/log/place.h"
#include "auditor/timeline/timeline_parts.h"
#include "base/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_SIZE = 256, ECHO_MS = 1000 };

static bool is(const char *text, const char *word)
{
	return text && strcmp(text, word) == 0;
}

/* ---- the maps ---- */

static struct view position_key(struct position position, char text[KEY_SIZE])
{
	int len = snprintf(text, KEY_SIZE, "%" PRId32 "@%" PRId64, position.partition, position.offset);

	return (struct view){text, (size_t)len};
}

static struct view copy_key(const struct timeline_event *event, char text[KEY_SIZE])
{
	snprintf(text, KEY_SIZE, "%s/%s", event->version ? event->version : "",
	        event->point ? event->point : "");
	return view_text(text);
}

static void put(struct map *map, struct view key, size_t index)
{
	map_put(map, key, (void *)(uintptr_t)(index + 1));
}

static int get(const struct map *map, struct view key)
{
	return (int)(uintptr_t)map_get(map, key) - 1;
}

/* ---- jobs ---- */

static int job_at(struct timeline *timeline, struct position position)
{
	char text[KEY_SIZE];
	struct view key = position_key(position, text);
	int found = get(timeline->job_of, key);

	if (position.offset < 0 || found >= 0)
		return found;
	if (timeline->job_count == timeline->job_capacity) {
		timeline->job_capacity = timeline->job_capacity ? 2 * timeline->job_capacity : 16;
		timeline->jobs =
		        memory_resize(timeline->jobs, timeline->job_capacity * sizeof(*timeline->jobs));
	}
	timeline->jobs[timeline->job_count] =
	        (struct timeline_job){.position = position, .state = "submitted", .accepted = -1};
	put(timeline->job_of, key, timeline->job_count);
	return (int)timeline->job_count++;
}

static int job_of_event(struct timeline *timeline, const struct timeline_event *event)
{
	char text[KEY_SIZE];

	if (event->type == FACT_UPDATED) {
		int release = get(timeline->release_of, position_key(event->cites, text));

		if (release >= 0)
			return timeline->events[release].job;
	}
	if (event->type == FACT_POINT || event->type == FACT_UNREADABLE || event->type == FACT_DEAD_LETTER)
		return -1;
	if (event->type == FACT_DUPLICATE) {
		int twin = job_at(timeline, event->cites);

		if (twin >= 0)
			timeline->jobs[twin].state = "duplicate";
	}
	return job_at(timeline, event->job_position);
}

static void keep(const char **field, const char *text)
{
	if (text && text[0])
		*field = text;
}

static void first(int64_t *moment, int64_t ms)
{
	if (!*moment)
		*moment = ms;
}

static void take_status(struct timeline_job *job, const struct timeline_event *event, size_t index)
{
	keep(&job->state, event->state);
	job->reason = event->reason;
	job->detail = event->detail;
	job->final = event->final;
	if (is(event->state, "accepted") && job->accepted < 0) {
		job->accepted_ms = event->time_ms;
		job->accepted = (int)index;
	}
	if (is(event->state, "held"))
		first(&job->held_ms, event->time_ms);
	if (event->final)
		first(&job->ended_ms, event->time_ms);
}

static void take_event(struct timeline_job *job, const struct timeline_event *event, size_t index)
{
	if (event->type == FACT_DUPLICATE)
		return;
	keep(&job->id, event->job_id);
	keep(&job->version, event->version);
	if (!job->type) /* a rejected job's status may not know it */
		keep(&job->type, event->job_type);
	keep(&job->requested_by, event->requested_by);
	first(&job->sent_ms, event->time_ms);
	if (event->type == FACT_JOB)
		job->has_content = event->has_content;
	if (event->type == FACT_JOB_STATUS)
		take_status(job, event, index);
	if (event->type == FACT_RELEASE)
		first(&job->released_ms, event->time_ms);
}

/* ---- how long ---- */

static int64_t since(const struct timeline_event *event, int64_t moment_ms)
{
	return moment_ms ? event->time_ms - moment_ms : -1;
}

static int64_t staged_took(const struct timeline *timeline, const struct timeline_event *event)
{
	char text[KEY_SIZE];
	int pending = get(timeline->pending_of, copy_key(event, text));
	int64_t wanted_ms = event->job >= 0 ? timeline->jobs[event->job].accepted_ms : 0;

	if (pending >= 0 && timeline->events[pending].time_ms > wanted_ms)
		wanted_ms = timeline->events[pending].time_ms;
	return since(event, wanted_ms);
}

static int64_t took(const struct timeline *timeline, const struct timeline_event *event)
{
	const struct timeline_job *job = event->job >= 0 ? &timeline->jobs[event->job] : NULL;
	char text[KEY_SIZE];

	if (event->type == FACT_STAGED)
		return staged_took(timeline, event);
	if (event->type == FACT_UPDATED) {
		int release = get(timeline->release_of, position_key(event->cites, text));

		return release >= 0 ? since(event, timeline->events[release].time_ms) : -1;
	}
	if (job && (event->type == FACT_RELEASE || event->type == FACT_WITHHELD))
		return since(event, job->held_ms);
	if (job && event->type == FACT_JOB_STATUS && event->final)
		return since(event, job->sent_ms);
	return -1;
}

/* ---- said twice ---- */

static bool says_the_same(const struct timeline_event *status, const struct timeline_event *other)
{
	enum fact_type wanted = is(status->state, "staged") ? FACT_STAGED : FACT_UPDATED;

	return other->type == wanted && is(other->version, status->version ? status->version : "") &&
	       is(other->point, status->point ? status->point : "");
}

static void find_echo(struct timeline *timeline, size_t index)
{
	struct timeline_event *events = timeline->events, *status = &events[index], *other = NULL;

	if (status->type != FACT_POINT || !(is(status->state, "staged") || is(status->state, "updated")))
		return;
	for (size_t i = index; !other && i-- > 0 && status->time_ms - events[i].time_ms <= ECHO_MS;)
		other = says_the_same(status, &events[i]) ? &events[i] : NULL;
	for (size_t i = index + 1;
	        !other && i < timeline->count && events[i].time_ms - status->time_ms <= ECHO_MS; i++)
		other = says_the_same(status, &events[i]) ? &events[i] : NULL;
	if (!other)
		return;
	status->echo = true;
	other->attempt = status->attempt;
}

void timeline_derive(struct timeline *timeline)
{
	char text[KEY_SIZE];

	for (size_t i = 0; i < timeline->count; i++) {
		struct timeline_event *event = &timeline->events[i];

		event->job = job_of_event(timeline, event);
		if (event->job >= 0)
			take_event(&timeline->jobs[event->job], event, i);
		if (event->type == FACT_RELEASE)
			put(timeline->release_of, position_key(event->position, text), i);
		if (event->type == FACT_POINT && is(event->state, "pending"))
			put(timeline->pending_of, copy_key(event, text), i);
		event->took_ms = took(timeline, event);
	}
	for (size_t i = 0; i < timeline->count; i++) {
		struct timeline_event *event = &timeline->events[i];

		find_echo(timeline, i);
		if (event->type == FACT_UNREADABLE || event->type == FACT_DEAD_LETTER)
			event->job = get(timeline->job_of, position_key(event->job_position, text));
	}
}

/* ---- which events a job's life is made of ---- */

int timeline_job_find(const struct timeline *timeline, const char *name, const char *prefix)
{
	struct place place = {.topic = LOG_JOBS};
	char *text = memory_text(name), *dash = strrchr(text, '-');
	char key[KEY_SIZE];
	struct error err;
	int found = -1;

	for (size_t i = timeline->job_count; found < 0 && i-- > 0;)
		if (is(timeline->jobs[i].id, name))
			found = (int)i;
	if (dash && !strpbrk(text, "@/"))
		*dash = '@';
	if (found < 0 && place_parse(text, prefix, &place, &err) == STATUS_OK && place.topic == LOG_JOBS)
		found = get(timeline->job_of, position_key(place.position, key));
	free(text);
	return found;
}

/* Whether name is one of "paris, tokyo". */
static bool is_among(const char *names, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = names; (at = strstr(at, name)) != NULL; at += len)
		if ((at == names || at[-1] == ' ') && (at[len] == '\0' || at[len] == ','))
			return true;
	return false;
}

static bool is_target(const struct timeline *timeline, const struct timeline_job *job, const char *point)
{
	const struct timeline_event *accepted = job->accepted < 0 ? NULL : &timeline->events[job->accepted];

	return !accepted || accepted->name_count == 0 || is_among(accepted->names, point);
}

bool timeline_is_of(const struct timeline *timeline, size_t index, size_t job)
{
	const struct timeline_event *event = &timeline->events[index];
	const struct timeline_job *life = &timeline->jobs[job];

	if (event->job == (int)job)
		return true;
	if (event->type != FACT_POINT && event->type != FACT_STAGED)
		return false;
	return life->version && event->version && event->point &&
	       strcmp(event->version, life->version) == 0 && event->time_ms >= life->sent_ms &&
	       (!life->ended_ms || event->time_ms <= life->ended_ms) &&
	       is_target(timeline, life, event->point);
}
