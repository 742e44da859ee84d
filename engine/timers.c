#include "engine/timers.h"

#include "base/memory.h"

#include <stdlib.h>

struct entry {
	int64_t when; /* a copy, so that the heap is walked without following pointers */
	struct timer *timer;
};

struct timers {
	struct entry *heap; /* 1-based: children of i are 2i and 2i + 1 */
	size_t count, capacity;
};

struct timers *timers_new(void)
{
	return memory_alloc(sizeof(struct timers));
}

void timers_free(struct timers *timers)
{
	if (!timers)
		return;
	free(timers->heap);
	free(timers);
}

void timer_init(struct timer *timer)
{
	*timer = (struct timer){.when = INT64_MAX};
}

static void put(struct timers *timers, size_t place, struct entry entry)
{
	timers->heap[place] = entry;
	entry.timer->place = place;
}

static size_t rise(struct timers *timers, size_t place, int64_t when)
{
	for (; place > 1 && when < timers->heap[place / 2].when; place /= 2)
		put(timers, place, timers->heap[place / 2]);
	return place;
}

static size_t sink(struct timers *timers, size_t place, int64_t when)
{
	for (size_t child; (child = 2 * place) <= timers->count; place = child) {
		if (child < timers->count && timers->heap[child + 1].when < timers->heap[child].when)
			child++;
		if (when <= timers->heap[child].when)
			break;
		put(timers, place, timers->heap[child]);
	}
	return place;
}

/* Puts an entry where the place is free. */
static void settle(struct timers *timers, size_t place, struct entry entry)
{
	size_t risen = rise(timers, place, entry.when);

	put(timers, risen == place ? sink(timers, place, entry.when) : risen, entry);
}

static size_t add_place(struct timers *timers)
{
	if (timers->count + 1 >= timers->capacity) {
		timers->capacity = timers->capacity ? timers->capacity * 2 : 16;
		timers->heap = memory_resize(timers->heap, timers->capacity * sizeof(*timers->heap));
	}
	return ++timers->count;
}

static void take_out(struct timers *timers, struct timer *timer)
{
	size_t place = timer->place;
	struct entry last = timers->heap[timers->count--];

	timer->place = 0;
	if (last.timer != timer)
		settle(timers, place, last);
}

void timers_set(struct timers *timers, struct timer *timer, int64_t when)
{
	if (timer->when == when)
		return;
	timer->when = when;
	if (when == INT64_MAX) {
		take_out(timers, timer);
		return;
	}
	size_t place = timer->place ? timer->place : add_place(timers);
	settle(timers, place, (struct entry){when, timer});
}

struct timer *timers_take_due(struct timers *timers, int64_t now)
{
	if (timers->count == 0 || timers->heap[1].when > now)
		return NULL;
	struct timer *timer = timers->heap[1].timer;
	timers_set(timers, timer, INT64_MAX);
	return timer;
}

int64_t timers_next(const struct timers *timers)
{
	return timers->count ? timers->heap[1].when : INT64_MAX;
}

size_t timers_count(const struct timers *timers)
{
	return timers->count;
}
