#include "engine/no_core.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

void leave_no_core(void)
{
	const struct rlimit none = {0, 0};
	int filter = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC);

	setrlimit(RLIMIT_CORE, &none);
	if (filter < 0)
		return;
	/* no memory is dumped: the kernel asks for this, but not for the limit, where a program takes cores
	 */
	ssize_t written = write(filter, "0", 1);
	(void)written;
	close(filter);
}
