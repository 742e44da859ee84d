/* To be preloaded: what a process asks for its core's size is not done, as where cores are piped to a
 * program. */
#include <dlfcn.h>
#include <stddef.h>
#include <sys/resource.h>

int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit)
{
	int (*real)(__rlimit_resource_t, const struct rlimit *) =
	        (int (*)(__rlimit_resource_t, const struct rlimit *))dlsym(RTLD_NEXT, "setrlimit");

	return resource == RLIMIT_CORE ? 0 : real(resource, limit);
}
