#include "distribution/layout.h"

#include "base/memory.h"

char *layout_attempts(const char *package, const char *version)
{
	return memory_format(LAYOUT_TMP "/%s@%s", package, version);
}

char *layout_attempt(const char *package, const char *version, const char *attempt)
{
	return memory_format(LAYOUT_TMP "/%s@%s/%s", package, version, attempt);
}

char *layout_content(const char *package, const char *version)
{
	return memory_format("%s/content/%s", package, version);
}

char *layout_seal(const char *package, const char *version)
{
	return memory_format("%s/manifests/%s.json", package, version);
}

char *layout_seals(const char *package)
{
	return memory_format("%s/manifests", package);
}

char *layout_pointer(const char *package)
{
	return memory_format("%s/current.json", package);
}

char *layout_pointer_link(const char *package)
{
	return memory_format("%s/current", package);
}

char *layout_join(const char *folder, const char *path)
{
	return memory_format("%s/%s", folder, path);
}
