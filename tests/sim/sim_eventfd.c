#include "tests/sim/sim_eventfd.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { FIRST = 1 << 20, COUNT = 1024 };

static struct {
	bool open;
	uint64_t count;
} eventfds[COUNT];
static int searched_from;

int __wrap_eventfd(unsigned count, int flags);
ssize_t __wrap_read(int fd, void *data, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size);
int __wrap_close(int fd);
ssize_t __real_read(int fd, void *data, size_t size);
ssize_t __real_write(int fd, const void *data, size_t size);
int __real_close(int fd);

static bool is_ours(int fd)
{
	return fd >= FIRST && fd < FIRST + COUNT && eventfds[fd - FIRST].open;
}

bool eventfd_is_readable(int fd)
{
	return is_ours(fd) && eventfds[fd - FIRST].count > 0;
}

int __wrap_eventfd(unsigned count, int flags)
{
	if (!(flags & EFD_NONBLOCK) || flags & EFD_SEMAPHORE)
		abort(); /* nobody here can wait, nor counts down by one */
	for (int tried = 0; tried < COUNT; tried++) {
		int i = searched_from++ % COUNT;
		if (eventfds[i].open)
			continue;
		eventfds[i].open = true;
		eventfds[i].count = count;
		return FIRST + i;
	}
	errno = EMFILE;
	return -1;
}

ssize_t __wrap_read(int fd, void *data, size_t size)
{
	if (!is_ours(fd))
		return __real_read(fd, data, size);
	uint64_t *count = &eventfds[fd - FIRST].count;
	if (size < sizeof(*count) || *count == 0) {
		errno = size < sizeof(*count) ? EINVAL : EAGAIN;
		return -1;
	}
	memcpy(data, count, sizeof(*count));
	*count = 0;
	return sizeof(*count);
}

ssize_t __wrap_write(int fd, const void *data, size_t size)
{
	uint64_t more;

	if (!is_ours(fd))
		return __real_write(fd, data, size);
	if (size < sizeof(more)) {
		errno = EINVAL;
		return -1;
	}
	memcpy(&more, data, sizeof(more));
	eventfds[fd - FIRST].count += more;
	return sizeof(more);
}

int __wrap_close(int fd)
{
	if (!is_ours(fd))
		return __real_close(fd);
	eventfds[fd - FIRST].open = false;
	return 0;
}
