#ifndef AUDITOR_TIMELINE_PARTS_H
#define AUDITOR_TIMELINE_PARTS_H

#include "auditor/timeline/timeline.h"
#include "base/map.h"

/* What the files of the timeline share. Values of maps are indices + 1. */
struct timeline {
	struct timeline_event *events;
	size_t count, capacity;
	struct timeline_job *jobs; /* texts: the events' */
	size_t job_count, job_capacity;
	struct map *job_of;     /* "3@17" (of jobs) → job */
	struct map *release_of; /* "3@5" (of staged) → event */
	struct map *pending_of; /* "1.0/paris" → the event that says it is wanted (again) */
};

/* Finds each event's job, took_ms and echo; the events are in order. */
void timeline_derive(struct timeline *timeline);

#endif
