#include "engine/watchdog.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <stdatomic.h>
#include <unistd.h>

static void bite(void *context)
{
	atomic_fetch_add((atomic_int *)context, 1);
}

Test(watchdog, bites_once_when_its_time_has_come)
{
	atomic_int bites = 0;
	int64_t began = clock_monotonic_ms();
	struct watchdog *watchdog = watchdog_start(20, bite, &bites);

	while (!bites)
		cr_assert_lt(clock_monotonic_ms() - began, 10000, "waited 10 s for a watchdog of 20 ms");
	cr_assert_geq(clock_monotonic_ms() - began, 19);
	watchdog_stop(watchdog);
	cr_assert_eq(bites, 1);
}

Test(watchdog, does_not_bite_once_stopped)
{
	atomic_int bites = 0;

	watchdog_stop(watchdog_start(10, bite, &bites));
	usleep(30000);
	cr_assert_eq(bites, 0);
}
