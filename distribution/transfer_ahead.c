/* What a staging will do, if all goes as hoped, is told to the driver ahead (ahead.h): first what there is to
 * look at, then, where all files go into one parcel, all the rest in one go. It is the steps of transfer.c,
 * in their order, and what each came to is judged there. */
#include "distribution/staging.h"

#include "distribution/identity.h"
#include "distribution/source_parcel.h"

#include <string.h>

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
	return view_equal(operation_data(read), read->data);
}

static struct operation *add(
        struct staging *staging, enum staging_wish wish, bool (*goes_on)(const struct operation *))
{
	return ahead_add(&staging->ahead, staging_operation(staging, wish), goes_on);
}

static void add_parcel(struct staging *staging, enum operation_kind kind, struct parcel *parcel)
{
	ahead_add(&staging->ahead, staging_parcel_operation(staging, kind, parcel), is_all_right);
}

static void went(void *context)
{
	struct staging *staging = context;

	staging->went_ahead(staging);
}

/* ---- looking */

void staging_look_ahead(struct staging *staging, void (*then)(struct staging *staging))
{
	add(staging, STAGING_IDENTIFY, NULL);
	add(staging, STAGING_READ_SEAL, is_absent);
	if (staging->base_seal && staging->site->driver->can.copy)
		add(staging, STAGING_READ_BASE_SEAL, NULL);
	staging->went_ahead = then;
	ahead_start(&staging->ahead, staging->site->driver, went, staging);
}

/* ---- all the rest */

static void go(struct staging *staging)
{
	staging_make_seal_text(staging);
	add(staging, STAGING_CLEAN, NULL);
	add(staging, STAGING_LOOK, is_absent);
	add_parcel(staging, OPERATION_PUT_PARCEL, staging->to_send);
	add(staging, STAGING_PLACE, is_placed);
	add(staging, STAGING_SETTLE, NULL);
	add_parcel(staging, OPERATION_CHECK_PARCEL, staging->to_check);
	add(staging, STAGING_IDENTIFY, identity_is_told)->data = view_text(staging->identity.dp_id);
	add(staging, STAGING_WRITE_SEAL, NULL);
	add(staging, STAGING_READ_SEAL, is_as_written)->data = buffer_view(&staging->seal_text);
	add(staging, STAGING_CLEAN, NULL);
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
	staging->to_check = staging_pack_whole(staging, true, NULL);
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
