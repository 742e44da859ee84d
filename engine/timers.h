#ifndef ENGINE_TIMERS_H
#define ENGINE_TIMERS_H

#include <stddef.h>
#include <stdint.h>

/* A binary heap of times. A timer is embedded in what it wakes, knows its place in the heap, and so can be
 * moved or taken out at any time: there are no stale entries. INT64_MAX: not set, not in the heap. */
struct timer {
	int64_t when;
	size_t place; /* 1-based; 0: not in the heap */
};

struct timers;

struct timers *timers_new(void);
void timers_free(struct timers *timers); /* NULL is fine */
void timer_init(struct timer *timer);
void timers_set(struct timers *timers, struct timer *timer, int64_t when);
struct timer *timers_take_due(
        struct timers *timers, int64_t now);      /* the earliest, unset; NULL: none is due */
int64_t timers_next(const struct timers *timers); /* INT64_MAX: none */
size_t timers_count(const struct timers *timers);

#endif
