#include "distribution/parcel.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>

static_assert(PARCEL_FILES_MAX <= 8 * sizeof(parcel_set), "a bit for each file");

struct parcel *parcel_new(void)
{
	struct parcel *parcel = memory_alloc(sizeof(*parcel));

	atomic_init(&parcel->users, 1);
	return parcel;
}

struct parcel *parcel_ref(struct parcel *parcel)
{
	if (parcel)
		atomic_fetch_add(&parcel->users, 1);
	return parcel;
}

void parcel_unref(struct parcel *parcel)
{
	if (!parcel || atomic_fetch_sub(&parcel->users, 1) > 1)
		return;
	for (size_t i = 0; i < parcel->count; i++) {
		struct parcel_file *file = &parcel->files[i];
		free(file->path);
		free(file->from);
		free(file->source);
		if (!parcel->lender)
			free(file->data);
	}
	parcel_unref(parcel->lender);
	free(parcel->source_folder);
	free(parcel);
}

bool parcel_has_room(const struct parcel *parcel, uint64_t size)
{
	return parcel->count < PARCEL_FILES_MAX && size <= PARCEL_FILE_BYTES_MAX &&
	       parcel->bytes + size <= PARCEL_BYTES_MAX;
}

struct parcel_file *parcel_add(struct parcel *parcel, char *path, uint64_t size)
{
	struct parcel_file *file = &parcel->files[parcel->count++];

	assert(parcel->count <= PARCEL_FILES_MAX);
	file->path = path;
	file->size = size;
	parcel->bytes += size;
	return file;
}
