/* The events of one package, and their order. */
#include "auditor/log/place.h"
#include "auditor/timeline/timeline_parts.h"
#include "base/memory.h"
#include "schemas/topics.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { SKEW_MS = 1000 };

/* ---- events ---- */

struct timeline *timeline_new(void)
{
	struct timeline *timeline = memory_alloc(sizeof(*timeline));

	timeline->job_of = map_new();
	timeline->pending_of = map_new();
	timeline->release_of = map_new();
	return timeline;
}

static void event_release(struct timeline_event *event)
{
	free(event->version);
	free(event->point);
	free(event->job_id);
	free(event->job_type);
	free(event->requested_by);
	free(event->state);
	free(event->reason);
	free(event->detail);
	free(event->read_back);
	free(event->previous_version);
	free(event->gate);
	free(event->names);
	free(event->origin);
}

void timeline_free(struct timeline *timeline)
{
	if (!timeline)
		return;
	for (size_t i = 0; i < timeline->count; i++)
		event_release(&timeline->events[i]);
	free(timeline->events);
	free(timeline->jobs);
	map_free(timeline->job_of, NULL);
	map_free(timeline->pending_of, NULL);
	map_free(timeline->release_of, NULL);
	free(timeline);
}

static char *text_of(struct view view)
{
	return view.data ? memory_copy(view.data, view.len) : NULL;
}

/* "paris, tokyo" of a JSON array. */
static void read_names(struct fact_reader *reader, struct view array, struct timeline_event *event)
{
	struct buffer names;
	struct view name, value;

	buffer_init(&names, 1 << 20);
	while (fact_next(reader, &array, &name, &value)) {
		buffer_add_text(&names, event->name_count++ ? ", " : "");
		buffer_add(&names, name.data, name.len);
	}
	event->names = memory_text(names.data);
	buffer_release(&names);
}

static char *origin_of(const struct fact *fact, struct view redriven_from)
{
	if (redriven_from.data)
		return text_of(redriven_from);
	if (fact->type == FACT_DUPLICATE)
		return memory_text(place_text(LOG_JOBS, fact->duplicate));
	if (fact->origin.offset < 0)
		return NULL;
	if (fact->type == FACT_DEAD_LETTER && fact->origin_topic.data)
		return memory_format("%.*s/%" PRId32 "@%" PRId64, (int)fact->origin_topic.len,
		        fact->origin_topic.data, fact->origin.partition, fact->origin.offset);
	return memory_text(place_text(LOG_JOBS, fact->origin));
}

static bool view_ends(struct view view, const char *word)
{
	size_t len = strlen(word);

	return view.len >= len && memcmp(view.data + view.len - len, word, len) == 0;
}

/* Where the job that the record is of was applied. */
static struct position job_position_of(const struct fact *fact)
{
	switch (fact->type) {
	case FACT_JOB:
		return fact->position;
	case FACT_UNREADABLE:
		return fact->topic == LOG_JOBS ? fact->position : (struct position){-1, -1};
	case FACT_DEAD_LETTER: /* a position of another topic is no job's */
		return view_ends(fact->origin_topic, TOPIC_JOBS) ? fact->origin : (struct position){-1, -1};
	case FACT_DUPLICATE:
		return fact->original;
	default:
		return fact->job_position;
	}
}

static void event_init(struct timeline_event *event, const struct fact *fact, struct view redriven_from)
{
	*event = (struct timeline_event){.type = fact->type,
	        .topic = fact->topic,
	        .position = fact->position,
	        .time_ms = fact->log_time_ms,
	        .version = text_of(fact->version),
	        .point = text_of(fact->point),
	        .job_id = text_of(fact->job_id),
	        .job_type = text_of(fact->job_type),
	        .requested_by = text_of(fact->requested_by),
	        .state = text_of(fact->state),
	        .reason = text_of(fact->reason),
	        .detail = text_of(fact->detail),
	        .read_back = text_of(fact->read_back),
	        .previous_version = text_of(fact->previous_version),
	        .gate = text_of(fact->gate),
	        .origin = origin_of(fact, redriven_from),
	        .redriven = redriven_from.data != NULL,
	        .final = fact->final,
	        .retryable = fact->retryable,
	        .has_content = fact->has_content,
	        .attempt = fact->attempt,
	        .targets = fact->targets,
	        .waiting_staged = fact->waiting_staged,
	        .waiting_targets = fact->waiting_targets,
	        .files = fact->files,
	        .bytes = fact->bytes,
	        .deadline_ms = fact->deadline_ms,
	        .next_retry_ms = fact->next_retry_ms,
	        .job = -1,
	        .took_ms = -1};
}

void timeline_add(struct timeline *timeline, struct fact_reader *reader, const struct fact *fact,
        struct view redriven_from)
{
	struct timeline_event *event;

	if (timeline->count == timeline->capacity) {
		timeline->capacity = timeline->capacity ? 2 * timeline->capacity : 64;
		timeline->events =
		        memory_resize(timeline->events, timeline->capacity * sizeof(*timeline->events));
	}
	event = &timeline->events[timeline->count++];
	event_init(event, fact, redriven_from);
	read_names(reader, fact->missing.data ? fact->missing : fact->points, event);
	event->job_position = job_position_of(fact);
	event->cites = fact->type == FACT_UPDATED ? fact->release_position : fact->duplicate;
}

/* ---- order ---- */

/* Of records of one time stamp, causes before effects. */
static int rank_of(const struct timeline_event *event)
{
	switch (event->type) {
	case FACT_JOB:
		return 0;
	case FACT_JOB_STATUS:
		return event->final && strcmp(event->state ? event->state : "", "rejected") != 0 ? 8 : 2;
	case FACT_STAGED:
		return 4;
	case FACT_RELEASE:
	case FACT_WITHHELD:
		return 5;
	case FACT_UPDATED:
		return 6;
	case FACT_POINT: /* staged behind the staged record, updated behind the updated one */
		return event->state && strcmp(event->state, "updated") == 0 ? 7 : event->retryable ? 3 : 4;
	default:
		return 1;
	}
}

static bool is_work(const struct timeline_event *event)
{
	return event->topic == LOG_STAGED || event->topic == LOG_UPDATED;
}

static bool is_accepted(const struct timeline_event *event)
{
	return event->type == FACT_JOB_STATUS && event->state && strcmp(event->state, "accepted") == 0;
}

/* Records of one transaction are stamped as they come to their brokers: whether a is said of the same job as
 * b, and must be told first, whatever the stamps: its acceptance before its work, that before its end. */
static bool is_cause(const struct timeline_event *a, const struct timeline_event *b)
{
	int64_t apart_ms = a->time_ms - b->time_ms;

	if (!a->job_id || !b->job_id || strcmp(a->job_id, b->job_id) != 0 || apart_ms > SKEW_MS)
		return false;
	return (is_accepted(a) && is_work(b)) || (is_work(a) && b->type == FACT_JOB_STATUS && b->final);
}

static bool comes_before(const struct timeline_event *a, const struct timeline_event *b)
{
	if (is_cause(a, b) || is_cause(b, a))
		return is_cause(a, b);
	return a->time_ms != b->time_ms ? a->time_ms < b->time_ms : rank_of(a) < rank_of(b);
}

/* Merges the topics, each in its order. */
void timeline_order(struct timeline *timeline)
{
	struct timeline_event *ordered = memory_alloc(timeline->capacity * sizeof(*ordered));
	size_t at[LOG_TOPICS] = {0};

	for (size_t i = 0; i < timeline->count; i++) {
		int first = -1;

		for (int topic = 0; topic < LOG_TOPICS; topic++) {
			while (at[topic] < timeline->count && (int)timeline->events[at[topic]].topic != topic)
				at[topic]++;
			if (at[topic] < timeline->count &&
			        (first < 0 || comes_before(&timeline->events[at[topic]],
			                              &timeline->events[at[first]])))
				first = topic;
		}
		ordered[i] = timeline->events[at[first]++];
	}
	free(timeline->events);
	timeline->events = ordered;
	timeline_derive(timeline);
}

size_t timeline_count(const struct timeline *timeline)
{
	return timeline->count;
}

const struct timeline_event *timeline_at(const struct timeline *timeline, size_t index)
{
	return &timeline->events[index];
}

size_t timeline_job_count(const struct timeline *timeline)
{
	return timeline->job_count;
}

const struct timeline_job *timeline_job_at(const struct timeline *timeline, size_t index)
{
	return &timeline->jobs[index];
}
