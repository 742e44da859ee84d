#include "auditor/serve/standing.h"

#include "base/memory.h"
#include "base/table.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MINUTE_MS = 60000, POINTS_MAX = 10000 };

struct standing {
	pthread_mutex_t lock; /* everything here */
	struct standing_place place;
	struct standing_counts counts;
	struct minute minutes[STANDING_MINUTES]; /* by its number, modulo */
	struct table points;                     /* of point_counts */
};

struct standing *standing_new(void)
{
	struct standing *standing = memory_alloc(sizeof(*standing));

	pthread_mutex_init(&standing->lock, NULL);
	return standing;
}

static void free_point(void *item)
{
	struct point_counts *point = item;

	free((char *)point->name);
	free(point);
}

void standing_free(struct standing *standing)
{
	if (!standing)
		return;
	table_release(&standing->points, free_point);
	pthread_mutex_destroy(&standing->lock);
	free(standing);
}

/* The minute that time_ms is in; NULL: one that is past already. */
static struct minute *minute_of(struct standing *standing, int64_t time_ms)
{
	int64_t begin = time_ms - time_ms % MINUTE_MS;
	struct minute *minute = &standing->minutes[(uint64_t)(begin / MINUTE_MS) % STANDING_MINUTES];

	if (minute->minute_ms > begin)
		return NULL;
	if (minute->minute_ms < begin)
		*minute = (struct minute){.minute_ms = begin};
	return minute;
}

static void add_to_minute(struct minute *minute, const struct fact *fact)
{
	if (!minute)
		return;
	minute->jobs += fact->type == FACT_JOB;
	minute->staged += fact->type == FACT_STAGED;
	minute->updated += fact->type == FACT_UPDATED;
	minute->failed += fact->type == FACT_POINT && view_is(fact->state, "failed");
}

/* NULL: there are too many. */
static struct point_counts *point_of(struct standing *standing, struct view name)
{
	char text[256];

	if (!name.len || name.len >= sizeof(text))
		return NULL;
	memcpy(text, name.data, name.len);
	text[name.len] = '\0';
	struct point_counts *point = table_find(&standing->points, text);
	if (point || standing->points.count == POINTS_MAX)
		return point;
	point = memory_alloc(sizeof(*point));
	point->name = memory_text(text);
	table_add(&standing->points, point);
	return point;
}

static void later(int64_t *time_ms, int64_t than)
{
	if (than > *time_ms)
		*time_ms = than;
}

static void add_to_point(struct point_counts *point, const struct fact *fact)
{
	if (!point)
		return;
	if (fact->type == FACT_STAGED) {
		point->staged++;
		later(&point->last_staged_ms, fact->time_ms);
	} else {
		point->updated++;
		later(&point->last_updated_ms, fact->time_ms);
	}
}

void standing_count(struct standing *standing, const struct fact *fact)
{
	pthread_mutex_lock(&standing->lock);
	standing->counts.records[fact->topic]++;
	add_to_minute(minute_of(standing, fact->log_time_ms), fact);
	if (fact->type == FACT_STAGED || fact->type == FACT_UPDATED)
		add_to_point(point_of(standing, fact->point), fact);
	pthread_mutex_unlock(&standing->lock);
}

void standing_add_minute(struct standing *standing, const struct minute *minute)
{
	pthread_mutex_lock(&standing->lock);
	struct minute *to = minute_of(standing, minute->minute_ms);
	if (to) {
		to->jobs += minute->jobs;
		to->staged += minute->staged;
		to->updated += minute->updated;
		to->failed += minute->failed;
	}
	pthread_mutex_unlock(&standing->lock);
}

void standing_set(struct standing *standing, const struct standing_place *place)
{
	pthread_mutex_lock(&standing->lock);
	standing->place = *place;
	pthread_mutex_unlock(&standing->lock);
}

void standing_get(struct standing *standing, struct standing_place *ret)
{
	pthread_mutex_lock(&standing->lock);
	*ret = standing->place;
	pthread_mutex_unlock(&standing->lock);
}

void standing_minutes(struct standing *standing, int64_t now_ms, struct minute minutes[STANDING_MINUTES])
{
	int64_t first = now_ms - now_ms % MINUTE_MS - (STANDING_MINUTES - 1) * (int64_t)MINUTE_MS;

	pthread_mutex_lock(&standing->lock);
	for (int i = 0; i < STANDING_MINUTES; i++) {
		int64_t begin = first + i * (int64_t)MINUTE_MS;
		const struct minute *kept =
		        &standing->minutes[(uint64_t)(begin / MINUTE_MS) % STANDING_MINUTES];

		minutes[i] = kept->minute_ms == begin ? *kept : (struct minute){.minute_ms = begin};
	}
	pthread_mutex_unlock(&standing->lock);
}

void standing_counts(struct standing *standing, struct standing_counts *ret)
{
	pthread_mutex_lock(&standing->lock);
	*ret = standing->counts;
	pthread_mutex_unlock(&standing->lock);
}

void standing_each_point(struct standing *standing,
        void (*visit)(const struct point_counts *counts, void *context), void *context)
{
	pthread_mutex_lock(&standing->lock);
	for (size_t i = 0; i < standing->points.count; i++)
		visit(standing->points.items[i], context);
	pthread_mutex_unlock(&standing->lock);
}
