/* What a staging will do, if all goes as hoped, is told to the driver ahead (ahead.h): first what there is to
 * look at, then, where all files go into one parcel, all the rest in one go. It is the steps of transfer.c,
 * in their order, and what each came to is judged there. */
#include "distribution/staging.h"

#include "distribution/identity.h"
#include "distribution/layout.h"
#include "distribution/source_parcel.h"

#include <string.h>

static struct view data_of(const struct operation *read)
{
	return (struct view){read->result.data, read->result.data ? read->result.len : 0};
}

static bool is_absent(const struct operation *operation)
{
	return !operation->result.found;
}

static bool is_all_right(const struct operation *operation)
{
	return operation->result.right == parcel_all(operation->parcel);
}

static bool is_placed(const struct operation *move)
{
	return move->result.found && !move->result.exists;
}

static bool is_as_written(const struct operation *read)
{
	return view_equal(data_of(read), read->data);
}

static struct operation *add(struct staging *staging, enum operation_kind kind, const char *path)
{
	return ahead_add(&staging->ahead, kind, path, staging);
}

static struct operation *add_read(struct staging *staging, const char *path, size_t size_max)
{
	struct operation *read = add(staging, OPERATION_READ, path);

	read->size_max = size_max;
	return read;
}

static void went(void *context)
{
	struct staging *staging = context;

	staging->went_ahead(staging);
}

/* ---- looking */

void staging_look_ahead(struct staging *staging, void (*then)(struct staging *staging))
{
	add_read(staging, LAYOUT_DP_JSON, IDENTITY_SIZE_MAX);
	add_read(staging, staging->seal, MANIFEST_BYTES_MAX)->goes_on = is_absent;
	if (staging->base_seal && staging->site->driver->can.copy)
		add_read(staging, staging->base_seal, MANIFEST_BYTES_MAX);
	staging->went_ahead = then;
	ahead_start(&staging->ahead, staging->site->driver, went, staging);
}

/* ---- all the rest */

static void add_parcel(struct staging *staging, enum operation_kind kind, struct parcel *parcel)
{
	struct operation *operation = add(staging, kind, parcel->files[0].path);

	staging_fill_parcel(staging, operation, parcel);
	operation->goes_on = is_all_right;
}

static void add_all(struct staging *staging)
{
	struct operation *operation;

	staging_make_seal_text(staging);
	struct view seal = buffer_view(&staging->seal_text);
	add(staging, OPERATION_REMOVE, staging->attempts)->folder = true;
	add(staging, OPERATION_STAT, staging->first)->goes_on = is_absent;
	add_parcel(staging, OPERATION_PUT_PARCEL, staging->to_send);
	operation = add(staging, OPERATION_MOVE, staging->content);
	operation->from = staging->folder;
	operation->folder = true;
	operation->goes_on = is_placed;
	add(staging, OPERATION_SETTLE, staging->package);
	add_parcel(staging, OPERATION_CHECK_PARCEL, staging->to_check);
	operation = add_read(staging, LAYOUT_DP_JSON, IDENTITY_SIZE_MAX);
	operation->data = view_text(staging->identity.dp_id);
	operation->goes_on = identity_is_told;
	add(staging, OPERATION_WRITE, staging->seal)->data = seal;
	operation = add_read(staging, staging->seal, MANIFEST_BYTES_MAX);
	operation->data = seal;
	operation->goes_on = is_as_written;
	add(staging, OPERATION_REMOVE, staging->attempts)->folder = true;
}

static void go(struct staging *staging)
{
	add_all(staging);
	ahead_start(&staging->ahead, staging->site->driver, went, staging);
}

static void read_sources(void *context, bool ok)
{
	struct staging *staging = context;

	staging->reading = NULL;
	if (ok && !staging->canceled)
		go(staging);
	else
		went(staging);
}

bool staging_go_ahead(struct staging *staging, void (*then)(struct staging *staging))
{
	const struct catalogue_source *source = NULL;

	staging->to_send = staging_pack_whole(staging, false, &source);
	if (!staging->to_send)
		return false;
	staging->to_check = staging_pack_whole(staging, true, &source);
	staging->went_ahead = then;
	if (source)
		staging->reading =
		        staging_read_parcel(staging, source, staging->to_send, read_sources, staging);
	else
		go(staging);
	return true;
}

void staging_cancel_ahead(struct staging *staging)
{
	if (staging->reading)
		source_parcel_cancel(staging->reading);
	ahead_cancel(&staging->ahead);
}
