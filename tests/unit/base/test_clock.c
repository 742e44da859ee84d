#include "base/clock.h"

#include <criterion/criterion.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;

Test(clock_wait, ends_at_its_time_and_not_before)
{
	int64_t end_ms = clock_monotonic_ms() + 30;

	pthread_mutex_lock(&lock);
	while (clock_wait(&condition, &lock, end_ms))
		;
	cr_assert_geq(clock_monotonic_ms(), end_ms - 1, "what is rounded may be a millisecond");
	cr_assert_not(
	        clock_wait(&condition, &lock, end_ms - 1000), "a time that has passed is not waited for");
	pthread_mutex_unlock(&lock);
}

static void *signal_it(void *unused)
{
	pthread_mutex_lock(&lock);
	pthread_cond_signal(&condition);
	pthread_mutex_unlock(&lock);
	return unused;
}

Test(clock_wait, ends_when_it_is_signalled)
{
	pthread_t thread;

	pthread_mutex_lock(&lock);
	cr_assert_eq(pthread_create(&thread, NULL, signal_it, NULL), 0);
	cr_assert(clock_wait(&condition, &lock, clock_monotonic_ms() + 60000));
	pthread_mutex_unlock(&lock);
	pthread_join(thread, NULL);
}
