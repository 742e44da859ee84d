/* Looks on their way: a window of them is under way in the distribution room, whose thread answers into a
 * queue. */
#include "auditor/points/drift_room.h"

#include "base/memory.h"
#include "command/terminal.h"

#include <stdlib.h>
#include <string.h>

enum { WINDOW = 64, WAIT_MS = 250 };

struct look *look_new(struct drift *drift, struct drift_point *point, enum inspect_wish wish,
        const char *package, const char *version)
{
	struct look *look = memory_alloc(sizeof(*look));

	look->drift = drift;
	look->point = point;
	look->wish = wish;
	look->package = memory_text(package);
	look->version = memory_text(version);
	return look;
}

struct look *look_again(const struct look *look)
{
	struct look *again = look_new(look->drift, look->point, look->wish, look->package, look->version);

	again->uncalled = look->uncalled;
	return again;
}

void look_free(struct look *look)
{
	if (!look)
		return;
	for (size_t i = 0; i < look->name_count; i++)
		free(look->names[i]);
	for (size_t i = 0; i < look->differing_count; i++) {
		free(look->differing[i].path);
		free(look->differing[i].words);
	}
	free(look->differing);
	free(look->names);
	free(look->package);
	free(look->version);
	free(look->dp_id);
	free(look->link);
	free(look->seen_version);
	free(look->seen_release);
	free(look->seen_digest);
	free(look);
}

void looks_add(struct drift *drift, struct look *look)
{
	look->next = NULL;
	*drift->last = look;
	drift->last = &look->next;
	drift->waiting++;
}

void looks_add_names(struct drift *drift, struct drift_point *point, const char *package)
{
	looks_add(drift, look_new(drift, point, INSPECT_VERSIONS, package, NULL));
	if (expected_pointer_find(drift->expected, package, point->name))
		return;
	struct look *pointer = look_new(drift, point, INSPECT_POINTER, package, NULL);
	pointer->uncalled = true;
	looks_add(drift, pointer);
}

/* ---- in the distribution room's thread */

static void on_differs(const struct inspect_file *file, void *context)
{
	struct look *look = context;

	if (look->differing_count == LOOK_FILES_MAX) {
		look->differing_more++;
		return;
	}
	if (!look->differing)
		look->differing = memory_alloc(LOOK_FILES_MAX * sizeof(*look->differing));
	struct drift_file *differing = &look->differing[look->differing_count++];
	differing->path = memory_text(file->path);
	if (file->err->status != STATUS_OK) {
		differing->code = DRIFT_NOT_JUDGED;
		differing->words = memory_format("it cannot be read: %s", file->err->message);
	} else if (!file->found) {
		differing->code = DRIFT_MISSING;
		differing->words = memory_text("a file of the version is not there");
	} else if (file->size != file->wanted_size) {
		differing->code = DRIFT_ALTERED;
		differing->words = memory_format("it has %s%llu bytes, not the %llu that were staged",
		        file->digest[0] ? "" : "at least ", (unsigned long long)file->size,
		        (unsigned long long)file->wanted_size);
	} else {
		differing->code = DRIFT_ALTERED;
		differing->words =
		        memory_format("it has the hash %s, not %s", file->digest, file->wanted_digest);
	}
}

static void copy_names(struct look *look, const char *const *names, size_t count)
{
	look->names = memory_alloc((count + 1) * sizeof(*look->names));
	for (size_t i = 0; i < count; i++)
		look->names[i] = memory_text(names[i]);
	look->name_count = count;
}

static void on_done(const struct inspect_result *result, void *context)
{
	struct look *look = context;

	look->status = result->status;
	look->err = result->err;
	look->found = result->found;
	look->can_list = result->can_list;
	look->dp_id = memory_text(result->dp_id);
	look->link = memory_text(result->link);
	look->files = result->files;
	look->bytes = result->bytes;
	memcpy(look->digest, result->digest, DIGEST_SIZE);
	if (look->wish == INSPECT_IDENTITY)
		copy_names(look, result->replaces, result->replaces_count);
	else
		copy_names(look, result->names, result->name_count);
	if (result->pointer) {
		look->seen_version = memory_text(result->pointer->version);
		look->seen_release = memory_text(result->pointer->release_id);
		look->seen_digest = memory_text(result->pointer->digest);
	}
	queue_push(look->drift->answers, &look->item); /* the last that this thread does with it */
}

/* ---- here */

static void submit(struct drift *drift, struct look *look)
{
	const struct expected_copy *copy =
	        look->wish == INSPECT_COPY
	                ? expected_copy_find(drift->expected, look->package, look->version, look->point->name)
	                : NULL;

	if (copy)
		memcpy(look->wanted_digest, copy->digest, DIGEST_SIZE);
	inspect_submit(drift->distribution, &(struct inspect_spec){.wish = look->wish,
	                                            .distribution_point = look->point->name,
	                                            .package_id = look->package,
	                                            .version = look->version,
	                                            .content = copy && drift->spec.content,
	                                            .digest = look->wanted_digest,
	                                            .differs = on_differs,
	                                            .done = on_done,
	                                            .context = look});
	drift->under_way++;
}

/* Those that were added first, since they are few. */
static struct look *next_look(struct drift *drift)
{
	struct look *look = drift->first;

	if (!look)
		return look_next_row(drift);
	drift->first = look->next;
	if (!drift->first)
		drift->last = &drift->first;
	drift->waiting--;
	return look;
}

static void start_some(struct drift *drift)
{
	struct look *look;

	while (drift->under_way < WINDOW && (look = next_look(drift))) {
		if (!look->point->down) {
			submit(drift, look);
			continue;
		}
		look->point->passed_by += look->wish == INSPECT_POINTER || look->wish == INSPECT_COPY;
		look_free(look);
	}
}

void looks_take(struct drift *drift)
{
	struct meter meter;

	meter_start(&meter, "looking", "pointers and copies");
	start_some(drift);
	while (drift->under_way) {
		struct look *look = (struct look *)queue_take(drift->answers, WAIT_MS);

		if (look) {
			drift->under_way--;
			drift->taken++;
			look_judge(drift, look);
			look_free(look);
		}
		meter_show(&meter, drift->taken,
		        drift->taken + drift->under_way + drift->waiting +
		                (drift->pointer_count - drift->next_pointer) +
		                (drift->copy_count - drift->next_copy));
		start_some(drift);
	}
	meter_end(&meter);
}
