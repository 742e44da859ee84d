#include "distribution/staging.h"

#include "distribution/layout.h"

#include "base/clock.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { TELL_MS = 500 };

static void tell(struct staging *staging)
{
	int64_t now = clock_monotonic_ms();
	const struct delivery *delivery;

	if (!staging->progress || now - staging->told_ms < TELL_MS)
		return;
	struct transfer_progress progress = {.bytes_done = staging->bytes_done,
	        .bytes_total = staging->manifest->bytes,
	        .files_done = staging->files_done,
	        .files_total = staging->manifest->count};
	if (!staging->counted)
		LIST_FOREACH(delivery, &staging->deliveries, entry)
			progress.bytes_done += delivery->bytes;
	staging->told_ms = now;
	staging->progress(&progress, staging->context);
}

static void on_moved(struct delivery *delivery)
{
	tell(delivery->context);
}

static void stop_others(struct staging *staging, const struct delivery *failed)
{
	if (staging->err.status != STATUS_OK)
		return;
	staging->err = failed->err;
	staging->retry_after_ms = failed->retry_after_ms;
	staging_cancel_files(staging);
}

static void count(struct staging *staging, uint64_t size)
{
	if (staging->counted)
		return;
	staging->bytes_done += size;
	staging->files_done++;
}

static void on_done(struct delivery *delivery)
{
	struct staging *staging = delivery->context;

	LIST_REMOVE(delivery, entry);
	staging->under_way--;
	staging->bytes_sent += delivery->bytes_sent;
	staging->mended |= delivery->mended;
	if (delivery->err.status != STATUS_OK)
		stop_others(staging, delivery);
	else
		count(staging, delivery->file->size);
	delivery_free(delivery);
	staging_go_on(staging);
}

void staging_count_file(struct staging *staging, uint64_t size, bool from_source)
{
	count(staging, size);
	if (from_source)
		staging->bytes_sent += size;
}

void staging_take_alone(struct staging *staging, size_t index)
{
	if (staging->alone_count == staging->alone_room) {
		staging->alone_room = staging->alone_room ? 2 * staging->alone_room : 64;
		staging->alone =
		        memory_resize(staging->alone, staging->alone_room * sizeof(staging->alone[0]));
	}
	staging->alone[staging->alone_count++] = index;
}

char *staging_path_to_send(const struct staging *staging, const struct manifest_file *file)
{
	return layout_join(staging->site->driver->can.move ? staging->folder : staging->content, file->path);
}

char *staging_path_to_check(const struct staging *staging, const struct manifest_file *file)
{
	return layout_join(staging->content, file->path);
}

char *staging_path_to_copy(const struct staging *staging, const struct manifest_file *file)
{
	const struct manifest_file *there =
	        staging->base_by_digest ? map_get(staging->base_by_digest, view_text(file->digest)) : NULL;

	return there && there->size == file->size ? layout_join(staging->base_content, there->path) : NULL;
}

static char *path_to_mend(const struct staging *staging, size_t index)
{
	char *attempt = memory_format("%s-mend", staging->attempt);
	char *folder = layout_attempt(staging->package, staging->version, attempt);
	char *path = memory_format("%s/%zu", folder, index);

	free(attempt);
	free(folder);
	return path;
}

static void start_delivery(struct staging *staging, size_t index)
{
	const struct manifest_file *file = &staging->manifest->files[index];
	struct delivery *delivery = delivery_new();
	bool can_move = staging->site->driver->can.move;

	delivery->site = staging->site;
	delivery->catalogue = staging->catalogue;
	delivery->file = file;
	delivery->flow = staging;
	delivery->full = staging->site->point->read_back_full;
	delivery->moved = staging->progress ? on_moved : NULL;
	delivery->done = on_done;
	delivery->context = staging;
	LIST_INSERT_HEAD(&staging->deliveries, delivery, entry);
	staging->under_way++;
	if (staging->checking) {
		delivery->path = staging_path_to_check(staging, file);
		delivery->temporary = can_move ? path_to_mend(staging, index) : NULL;
		delivery_check(delivery);
	} else {
		delivery->path = staging_path_to_send(staging, file);
		delivery->early = can_move;
		delivery->copy_from = staging_path_to_copy(staging, file);
		delivery_send(delivery);
	}
}

static void on_passed(struct agenda_entry *entry)
{
	struct staging *staging = (struct staging *)((char *)entry - offsetof(struct staging, later));

	staging->passed(staging);
}

static bool start_next(struct staging *staging)
{
	if (staging->alone_count)
		start_delivery(staging, staging->alone[--staging->alone_count]);
	else if (staging->next == staging->manifest->count)
		return false;
	else if (!staging_start_parcel(staging))
		start_delivery(staging, staging->next++);
	return true;
}

/* As many files at a time as the distribution point takes; the throttle shares them between packages. */
static void fill(struct staging *staging)
{
	while (staging->err.status == STATUS_OK && !staging->canceled &&
	        staging->under_way < staging->site->point->connections && start_next(staging))
		;
	if (staging->under_way == 0 && !staging->later.pending)
		agenda_add(staging->room->agenda, &staging->later, 0, on_passed);
}

void staging_go_on(struct staging *staging)
{
	tell(staging);
	fill(staging);
}

static void start_pass(struct staging *staging, bool checking, void (*passed)(struct staging *staging))
{
	staging->checking = checking;
	staging->passed = passed;
	staging->next = staging->alone_count = 0;
	fill(staging);
}

void staging_send_files(struct staging *staging, void (*passed)(struct staging *staging))
{
	start_pass(staging, false, passed);
}

void staging_check_files(struct staging *staging, void (*passed)(struct staging *staging))
{
	staging->counted = staging->files_done > 0;
	start_pass(staging, true, passed);
}

void staging_cancel_files(struct staging *staging)
{
	struct delivery *delivery;

	LIST_FOREACH(delivery, &staging->deliveries, entry)
		delivery_cancel(delivery);
	staging_cancel_parcels(staging);
}
