#ifndef ENGINE_WATCHDOG_H
#define ENGINE_WATCHDOG_H

#include <stdint.h>

/* Calls bite(context), from a thread of its own, once after_ms have passed, unless it was stopped before. */
struct watchdog;

struct watchdog *watchdog_start(int64_t after_ms, void (*bite)(void *context), void *context);
void watchdog_stop(struct watchdog *watchdog); /* it does not bite afterwards */

#endif
