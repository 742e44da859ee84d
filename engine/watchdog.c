#include "engine/watchdog.h"

#include "base/memory.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct watchdog {
	int64_t after_ms;
	void (*bite)(void *context);
	void *context;
	pthread_t thread;
	int stopped_fd;
};

static void *watch(void *context)
{
	struct watchdog *watchdog = context;
	struct pollfd stopped = {.fd = watchdog->stopped_fd, .events = POLLIN};

	if (poll(&stopped, 1, (int)watchdog->after_ms) == 0)
		watchdog->bite(watchdog->context);
	return NULL;
}

struct watchdog *watchdog_start(int64_t after_ms, void (*bite)(void *context), void *context)
{
	struct watchdog *watchdog = memory_alloc(sizeof(*watchdog));

	*watchdog = (struct watchdog){.after_ms = after_ms, .bite = bite, .context = context};
	watchdog->stopped_fd = eventfd(0, EFD_CLOEXEC);
	if (watchdog->stopped_fd < 0 || pthread_create(&watchdog->thread, NULL, watch, watchdog) != 0)
		abort(); /* out of descriptors or threads */
	return watchdog;
}

void watchdog_stop(struct watchdog *watchdog)
{
	const uint64_t one = 1;

	if (write(watchdog->stopped_fd, &one, sizeof(one)) != (ssize_t)sizeof(one))
		abort(); /* an eventfd takes it */
	pthread_join(watchdog->thread, NULL);
	close(watchdog->stopped_fd);
	free(watchdog);
}
