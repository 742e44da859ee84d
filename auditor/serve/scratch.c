#include "auditor/serve/scratch.h"

#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct scratch {
	char *folder, *path; /* folder NULL: unlinked */
};

enum status scratch_new(struct scratch **ret, struct error *err)
{
	const char *base = getenv("TMPDIR");
	char *folder = memory_format("%s/holdpoint-auditor-XXXXXX", base && *base ? base : "/tmp");

	if (!mkdtemp(folder)) {
		error_set(err, STATUS_REJECT, "database_unusable",
		        "cannot make a folder like %s (%s): set TMPDIR to a folder that can be written, or "
		        "name a --database",
		        folder, strerror(errno));
		free(folder);
		return err->status;
	}
	struct scratch *scratch = memory_alloc(sizeof(*scratch));
	scratch->folder = folder;
	scratch->path = memory_format("%s/history.db", folder);
	*ret = scratch;
	return STATUS_OK;
}

const char *scratch_path(const struct scratch *scratch)
{
	return scratch->path;
}

void scratch_unlink(struct scratch *scratch)
{
	static const char *const files[] = {"", "-wal", "-shm", "-journal"};

	if (!scratch->folder)
		return;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		char *path = memory_format("%s%s", scratch->path, files[i]);
		unlink(path);
		free(path);
	}
	rmdir(scratch->folder);
	free(scratch->folder);
	scratch->folder = NULL;
}

void scratch_free(struct scratch *scratch)
{
	if (!scratch)
		return;
	scratch_unlink(scratch);
	free(scratch->path);
	free(scratch);
}
