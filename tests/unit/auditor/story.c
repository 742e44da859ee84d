#include "tests/unit/auditor/story.h"

#include "base/digest.h"
#include "base/memory.h"
#include "engine/route.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char package[] = "PKG00042";
static const char digest[] = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

struct story *story_new(void)
{
	struct story *story = memory_alloc(sizeof(*story));

	story->partition = route_partition(view_text(package), STORY_PARTITIONS);
	return story;
}

void story_free(struct story *story)
{
	for (size_t i = 0; i < story->text_count; i++)
		free(story->texts[i]);
	free(story);
}

struct view story_text(struct story *story, const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		abort();
	va_end(arguments);
	assert(story->text_count < STORY_TEXTS);
	return view_text(story->texts[story->text_count++] = text);
}

/* ---- ids */

static struct view named(struct story *story, struct view about)
{
	char id[DIGEST_NAME_SIZE];

	digest_name(about, id);
	return story_text(story, "%s", id);
}

static struct view stagers_id(struct story *story, const char *kind, const struct fact *fact,
        struct position at, struct view job_id, unsigned number)
{
	return named(story,
	        story_text(story, "%s/%s/%.*s/%s/%s/%d/%lld/%s/%u", kind, package, (int)fact->version.len,
	                fact->version.data, fact->point.data ? fact->point.data : "",
	                job_id.data ? job_id.data : "", (int)at.partition, (long long)at.offset,
	                fact->type != FACT_WITHHELD && fact->dp_id.data ? fact->dp_id.data : "", number));
}

static struct view updaters_id(struct story *story, const char *const *texts)
{
	struct buffer about;
	struct view id;

	buffer_init(&about, 4096);
	for (; *texts; texts++)
		pack_text(&about, *texts);
	id = named(story, buffer_view(&about));
	buffer_release(&about);
	return id;
}

/* ---- facts */

static struct fact *tell(struct story *story, enum fact_type type, enum log_topic topic)
{
	const struct position none = {-1, -1};
	struct fact *fact = &story->facts[story->count];

	assert(story->count < STORY_FACTS);
	*fact = (struct fact){.type = type,
	        .topic = topic,
	        .position = {story->partition, story->next[topic]++},
	        .log_time_ms = 1000 + (int64_t)story->count++,
	        .key = view_text(package),
	        .package = view_text(package),
	        .job_position = none,
	        .original = none,
	        .duplicate = none,
	        .staged_position = none,
	        .release_position = none,
	        .origin = none};
	return fact;
}

static struct fact *tell_of(
        struct story *story, enum fact_type type, enum log_topic topic, const struct fact *job)
{
	struct fact *fact = tell(story, type, topic);

	fact->version = job->version;
	fact->job_id = job->job_id;
	fact->job_position = job->position;
	return fact;
}

struct fact *tell_job(struct story *story, const char *type, const char *id, const char *version)
{
	struct fact *fact = tell(story, FACT_JOB, LOG_JOBS);

	fact->job_type = view_text(type);
	fact->job_id = view_text(id);
	fact->version = view_text(version);
	fact->value = story_text(story, "%s %s", type, id);
	fact->job_position = fact->position;
	return fact;
}

struct fact *tell_accepted(struct story *story, const struct fact *job, const char *points)
{
	struct fact *fact = tell_of(story, FACT_JOB_STATUS, LOG_STATUS, job);

	fact->state = view_text("accepted");
	fact->job_type = job->job_type;
	fact->points = view_text(points);
	fact->id = stagers_id(story, "accepted", fact, job->position, job->job_id, 0);
	return fact;
}

struct fact *tell_rejected(struct story *story, const struct fact *job)
{
	struct fact *fact = tell_of(story, FACT_JOB_STATUS, LOG_STATUS, job);

	fact->state = view_text("rejected");
	fact->final = true;
	fact->id = stagers_id(story, "rejected", fact, job->position, job->job_id, 0);
	return fact;
}

struct fact *tell_duplicate(struct story *story, const struct fact *job, const struct fact *original)
{
	struct fact *fact = tell_of(story, FACT_DUPLICATE, LOG_STATUS, job);

	fact->original = fact->job_position = original->position;
	fact->duplicate = job->position;
	fact->id = stagers_id(story, "duplicate", fact, job->position, job->job_id, 0);
	return fact;
}

struct fact *tell_dead_letter(struct story *story, const struct fact *job)
{
	struct fact *fact = tell(story, FACT_DEAD_LETTER, LOG_DLQ);

	fact->value = job->value;
	fact->origin_topic = view_text("holdpoint.jobs");
	fact->origin = job->position;
	return fact;
}

struct fact *tell_staged(
        struct story *story, const struct fact *job, const char *point, const char *dp_id, unsigned restages)
{
	struct fact *fact = tell_of(story, FACT_STAGED, LOG_STAGED, job);

	fact->point = view_text(point);
	fact->dp_id = view_text(dp_id);
	fact->digest = view_text(digest);
	fact->id = stagers_id(story, "staged", fact, job->position, job->job_id, restages);
	return fact;
}

struct fact *tell_release(
        struct story *story, const struct fact *job, const struct fact *staged, uint32_t targets)
{
	struct fact *fact = tell_of(story, FACT_RELEASE, LOG_STAGED, job);

	fact->point = staged->point;
	fact->dp_id = staged->dp_id;
	fact->digest = staged->digest;
	fact->staged_id = staged->id;
	fact->targets = targets;
	fact->id = stagers_id(story, "release", fact, job->position, job->job_id, 0);
	return fact;
}

struct fact *tell_withheld(
        struct story *story, const struct fact *job, const char *point, const char *reason, uint32_t targets)
{
	struct fact *fact = tell_of(story, FACT_WITHHELD, LOG_STAGED, job);

	fact->point = view_text(point);
	fact->reason = view_text(reason);
	fact->targets = targets;
	fact->id = stagers_id(story, "withheld", fact, job->position, job->job_id, 0);
	return fact;
}

struct fact *tell_updated(
        struct story *story, const struct fact *release, const struct fact *staged, const char *previous)
{
	struct fact *fact = tell_of(story, FACT_UPDATED, LOG_UPDATED, release);

	fact->job_position = (struct position){-1, -1};
	fact->point = release->point;
	fact->dp_id = staged->dp_id;
	fact->digest = release->digest;
	fact->staged_id = staged->id;
	fact->staged_position = staged->position;
	fact->release_id = release->id;
	fact->release_position = release->position;
	fact->previous_version = view_text(previous);
	fact->id = updaters_id(story, (const char *[]){"updated", package, fact->point.data, release->id.data,
	                                      staged->id.data, NULL});
	return fact;
}

struct fact *tell_end(struct story *story, const struct fact *job, const char *state, const char *outcomes)
{
	struct fact *fact = tell_of(story, FACT_JOB_STATUS, LOG_STATUS, job);
	struct view name = story_text(story, "%s/%d-%lld", job->job_id.data, (int)job->position.partition,
	        (long long)job->position.offset);

	fact->state = view_text(state);
	fact->final = true;
	fact->job_type = job->job_type;
	fact->outcomes = view_text(outcomes);
	fact->id = view_is(job->job_type, "create")
	                   ? stagers_id(story, "ended", fact, job->position, job->job_id, 0)
	                   : updaters_id(story, (const char *[]){"job ended", package, name.data, NULL});
	return fact;
}

struct fact *tell_point(struct story *story, const struct fact *job, const char *point, const char *state)
{
	struct fact *fact = tell_of(story, FACT_POINT, LOG_STATUS, job);

	fact->point = view_text(point);
	fact->state = view_text(state);
	fact->id = story_text(story, "point %zu", story->count);
	return fact;
}

struct fact *tell_again(struct story *story, const struct fact *fact)
{
	struct fact *again = tell(story, fact->type, fact->topic);
	struct position position = again->position;
	int64_t time_ms = again->log_time_ms;

	*again = *fact;
	again->position = position;
	again->log_time_ms = time_ms;
	return again;
}

/* ---- judging */

static void note(const struct violation *violation, void *context)
{
	struct story *story = context;

	story->found[violation->code]++;
	story->topic = violation->topic;
	story->place = violation->position;
}

void story_judge(struct story *story, const struct verify_spec *spec)
{
	struct verify_spec whole = spec ? *spec : (struct verify_spec){0};

	whole.partitions = STORY_PARTITIONS;
	whole.report = note;
	whole.context = story;
	struct verify *verify = verify_new(&whole);
	for (size_t i = 0; i < story->count; i++)
		verify_fact(verify, &story->facts[i]);
	verify_end(verify, NULL, NULL);
	verify_count(verify, &story->counts);
	verify_free(verify);
}

unsigned story_violations(const struct story *story)
{
	unsigned all = 0;

	for (size_t i = 0; i < VIOLATION_CODES; i++)
		all += story->found[i];
	return all;
}
