/* C11's threads by way of POSIX's, for programs under ThreadSanitizer: it knows pthread_create() and the
 * pthread mutexes alone, and librdkafka uses those of <threads.h>. A program that has these functions takes
 * the place of the C library's; without them a thread of librdkafka has no place in the sanitizer's tables,
 * and the first look at one ends the process. */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

_Static_assert(sizeof(mtx_t) >= sizeof(pthread_mutex_t), "a mutex of the one kind lies in one of the other");
_Static_assert(sizeof(cnd_t) >= sizeof(pthread_cond_t), "and a condition too");
_Static_assert(sizeof(thrd_t) == sizeof(pthread_t), "and a thread's name");
_Static_assert(sizeof(once_flag) == sizeof(pthread_once_t), "and a flag");

static int result_of(int error)
{
	switch (error) {
	case 0:
		return thrd_success;
	case ENOMEM:
		return thrd_nomem;
	case EBUSY:
		return thrd_busy;
	case ETIMEDOUT:
		return thrd_timedout;
	default:
		return thrd_error;
	}
}

struct beginning {
	thrd_start_t function;
	void *argument;
};

static void *begin(void *opaque)
{
	struct beginning here = *(struct beginning *)opaque;

	free(opaque);
	return (void *)(intptr_t)here.function(here.argument);
}

int thrd_create(thrd_t *thread, thrd_start_t function, void *argument)
{
	struct beginning *beginning = malloc(sizeof(*beginning));

	if (!beginning)
		return thrd_nomem;
	*beginning = (struct beginning){function, argument};
	int error = pthread_create(thread, NULL, begin, beginning);

	if (error)
		free(beginning);
	return result_of(error);
}

int thrd_join(thrd_t thread, int *result)
{
	void *value;
	int error = pthread_join(thread, &value);

	if (error == 0 && result)
		*result = (int)(intptr_t)value;
	return result_of(error);
}

int thrd_detach(thrd_t thread)
{
	return result_of(pthread_detach(thread));
}

int mtx_init(mtx_t *mutex, int type)
{
	pthread_mutexattr_t attributes;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_settype(
	        &attributes, type & mtx_recursive ? PTHREAD_MUTEX_RECURSIVE : PTHREAD_MUTEX_NORMAL);
	int error = pthread_mutex_init((pthread_mutex_t *)mutex, &attributes);

	pthread_mutexattr_destroy(&attributes);
	return result_of(error);
}

void mtx_destroy(mtx_t *mutex)
{
	pthread_mutex_destroy((pthread_mutex_t *)mutex);
}

int mtx_lock(mtx_t *mutex)
{
	return result_of(pthread_mutex_lock((pthread_mutex_t *)mutex));
}

int mtx_trylock(mtx_t *mutex)
{
	return result_of(pthread_mutex_trylock((pthread_mutex_t *)mutex));
}

int mtx_unlock(mtx_t *mutex)
{
	return result_of(pthread_mutex_unlock((pthread_mutex_t *)mutex));
}

int cnd_init(cnd_t *condition)
{
	return result_of(pthread_cond_init((pthread_cond_t *)condition, NULL));
}

void cnd_destroy(cnd_t *condition)
{
	pthread_cond_destroy((pthread_cond_t *)condition);
}

int cnd_signal(cnd_t *condition)
{
	return result_of(pthread_cond_signal((pthread_cond_t *)condition));
}

int cnd_broadcast(cnd_t *condition)
{
	return result_of(pthread_cond_broadcast((pthread_cond_t *)condition));
}

int cnd_wait(cnd_t *condition, mtx_t *mutex)
{
	return result_of(pthread_cond_wait((pthread_cond_t *)condition, (pthread_mutex_t *)mutex));
}

int cnd_timedwait(cnd_t *condition, mtx_t *mutex, const struct timespec *until)
{
	return result_of(
	        pthread_cond_timedwait((pthread_cond_t *)condition, (pthread_mutex_t *)mutex, until));
}

void call_once(once_flag *flag, void (*function)(void))
{
	pthread_once((pthread_once_t *)flag, function);
}
