#include "distribution/catalogue.h"

/* The catalogue never changes here, and is most of what the start of a process costs: all share the one that
 * the first of them has loaded. */

enum status __real_catalogue_load(const char *path, struct catalogue **ret, struct error *err);
enum status __wrap_catalogue_load(const char *path, struct catalogue **ret, struct error *err);

enum status __wrap_catalogue_load(const char *path, struct catalogue **ret, struct error *err)
{
	static struct catalogue *loaded;
	enum status status = loaded ? STATUS_OK : __real_catalogue_load(path, &loaded, err);

	*ret = status == STATUS_OK ? catalogue_ref(loaded) : NULL;
	return status;
}
