#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* The only place that reads a clock. Pure code takes its time as an argument; the simulator links its own. */
int64_t clock_monotonic_ms(void); /* CLOCK_BOOTTIME: goes on while the machine is suspended */
int64_t clock_wall_ms(void);      /* since the epoch, UTC; may jump */

/* Waits on a condition, its lock held, until end_ms of clock_monotonic_ms() at the latest: the wall clock may
 * jump meanwhile. False once that time has come. It may wake for nothing, as any wait on a condition. */
bool clock_wait(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t end_ms);

#endif
