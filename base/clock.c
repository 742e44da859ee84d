#include "base/clock.h"

#include <time.h>

static int64_t read_ms(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_monotonic_ms(void)
{
	return read_ms(CLOCK_BOOTTIME);
}

int64_t clock_wall_ms(void)
{
	return read_ms(CLOCK_REALTIME);
}

/* CLOCK_BOOTTIME is not waited by: so it is for how long that is handed on. */
bool clock_wait(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t end_ms)
{
	int64_t left = end_ms - clock_monotonic_ms();
	struct timespec end;

	if (left <= 0)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += left / 1000;
	end.tv_nsec += left % 1000 * 1000000;
	if (end.tv_nsec >= 1000000000) {
		end.tv_sec++;
		end.tv_nsec -= 1000000000;
	}
	return pthread_cond_clockwait(condition, lock, CLOCK_MONOTONIC, &end) == 0;
}
