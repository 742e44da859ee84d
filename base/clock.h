#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* The only place that reads a clock. Pure code takes its time as an argument; the simulator links its own. */
int64_t clock_monotonic_ms(void); /* CLOCK_BOOTTIME: goes on while the machine is suspended */
int64_t clock_wall_ms(void);      /* since the epoch, UTC; may jump */

#endif
