/* A staging's small files, many in one step where the distribution point can. Whatever is not right after
 * that takes the way of a single file, which knows how to mend it or to say what is wrong. */
#include "distribution/staging.h"

#include "distribution/source_parcel.h"
#include "distribution/url.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

struct bundle { /* a parcel under way */
	struct staging *staging;
	struct parcel *parcel;
	struct source_parcel *reading; /* NULL: not now */
	struct step step;
	LIST_ENTRY(bundle) entry;
};

static void finish(struct bundle *bundle, parcel_set right)
{
	struct staging *staging = bundle->staging;
	const struct parcel *parcel = bundle->parcel;

	LIST_REMOVE(bundle, entry);
	staging->under_way--;
	for (size_t i = 0; i < parcel->count; i++) {
		if (parcel_set_has(right, i))
			staging_count_file(staging, parcel->files[i].size, parcel->files[i].source != NULL);
		else
			staging_take_alone(staging, parcel->files[i].index);
	}
	parcel_unref(bundle->parcel);
	free(bundle);
	staging_go_on(staging);
}

static void took(struct step *step)
{
	const struct operation *operation = &step->operation;

	finish(step->context, operation->result.status == STATUS_OK ? operation->result.right : 0);
}

struct operation staging_parcel_operation(
        const struct staging *staging, enum operation_kind kind, struct parcel *parcel)
{
	bool full = staging->site->point->read_back_full;

	/* what will not be read from the device must be told by it that it is there */
	return (struct operation){.kind = kind,
	        .path = parcel->files[0].path,
	        .parcel = parcel,
	        .size = parcel->bytes,
	        .full = full,
	        .lasting = !full};
}

static enum operation_kind kind_of(const struct staging *staging)
{
	return staging->checking ? OPERATION_CHECK_PARCEL : OPERATION_PUT_PARCEL;
}

static void run(struct bundle *bundle)
{
	struct staging *staging = bundle->staging;

	step_run(&bundle->step, staging->site,
	        staging_parcel_operation(staging, kind_of(staging), bundle->parcel), took);
}

static void read_sources(void *context, bool ok)
{
	struct bundle *bundle = context;

	bundle->reading = NULL;
	if (!ok || bundle->staging->canceled || bundle->staging->err.status != STATUS_OK)
		finish(bundle, 0);
	else
		run(bundle);
}

/* ---- what goes into one */

/* Where a file below a source folder lies in it; NULL: it is no such file, or may not be read. */
static char *path_in_source(
        const struct staging *staging, const char *url, const struct catalogue_source **ret_source)
{
	struct error why;
	char *normal, *path = NULL;

	if (!url || source_allowed(staging->catalogue, url, ret_source, &normal, &why) != STATUS_OK)
		return NULL;
	if (url_is_file(normal)) {
		char *folder = url_file_path((*ret_source)->prefix), *whole = url_file_path(normal);
		path = memory_text(whole + strlen(folder));
		free(folder);
		free(whole);
	}
	free(normal);
	return path;
}

/* False where the file has to be sent in another way, or in another parcel. */
static bool add_to_send(const struct staging *staging, struct parcel *parcel,
        const struct manifest_file *wanted, const struct catalogue_source **source)
{
	const struct catalogue_source *own = NULL;
	char *from = staging_path_to_copy(staging, wanted);
	char *path = from ? NULL : path_in_source(staging, wanted->url, &own);

	if ((!from && !path) || (own && *source && own != *source)) {
		free(path);
		return false;
	}
	if (own && !*source) {
		*source = own;
		parcel->source_folder = url_file_path(own->prefix);
	}
	struct parcel_file *file = parcel_add(parcel, staging_path_to_send(staging, wanted), wanted->size);
	file->from = from;
	file->source = path;
	return true;
}

/* As many files as go into one, from the manifest's next on, which it moves behind them; NULL: none. */
static struct parcel *pack(
        const struct staging *staging, bool checking, size_t *next, const struct catalogue_source **source)
{
	if (!staging->site->driver->can.parcels)
		return NULL;
	struct parcel *parcel = parcel_new();
	while (*next < staging->manifest->count) {
		const struct manifest_file *wanted = &staging->manifest->files[*next];
		if (!parcel_has_room(parcel, wanted->size))
			break;
		if (checking)
			parcel_add(parcel, staging_path_to_check(staging, wanted), wanted->size);
		else if (!add_to_send(staging, parcel, wanted, source))
			break;
		struct parcel_file *file = &parcel->files[parcel->count - 1];
		memcpy(file->digest, wanted->digest, sizeof(file->digest));
		file->executable = wanted->executable;
		file->index = (*next)++;
	}
	if (parcel->count)
		return parcel;
	parcel_unref(parcel);
	return NULL;
}

struct parcel *staging_pack_whole(
        const struct staging *staging, bool checking, const struct catalogue_source **ret_source)
{
	const struct manifest *manifest = staging->manifest;
	size_t next = 0;

	if (manifest->count > PARCEL_FILES_MAX || manifest->bytes > PARCEL_BYTES_MAX)
		return NULL;
	struct parcel *parcel = pack(staging, checking, &next, ret_source);
	if (next == manifest->count)
		return parcel;
	parcel_unref(parcel);
	return NULL;
}

struct source_parcel *staging_read_parcel(struct staging *staging, const struct catalogue_source *source,
        struct parcel *parcel, source_parcel_done *done, void *context)
{
	return source_parcel_read(staging->room->parcels,
	        sources_lane(staging->room->sources, source->prefix), parcel, staging->began, done, context);
}

bool staging_start_parcel(struct staging *staging)
{
	const struct catalogue_source *source = NULL;
	struct parcel *parcel = pack(staging, staging->checking, &staging->next, &source);

	if (!parcel)
		return false;
	struct bundle *bundle = memory_alloc(sizeof(*bundle));
	bundle->staging = staging;
	bundle->parcel = parcel;
	bundle->step =
	        (struct step){.context = bundle, .flow = staging, .ahead = &staging->ahead, .once = true};
	LIST_INSERT_HEAD(&staging->bundles, bundle, entry);
	staging->under_way++;
	if (source && !ahead_has(&staging->ahead, kind_of(staging), parcel->files[0].path))
		bundle->reading = staging_read_parcel(staging, source, parcel, read_sources, bundle);
	else
		run(bundle);
	return true;
}

void staging_cancel_parcels(struct staging *staging)
{
	struct bundle *bundle;

	LIST_FOREACH(bundle, &staging->bundles, entry) {
		if (bundle->reading)
			source_parcel_cancel(bundle->reading);
		else
			step_cancel(&bundle->step);
	}
}
