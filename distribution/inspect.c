/* Each wish is one or two reading operations and what they tell; only a copy's files are many at once. */
#include "distribution/inspect.h"

#include "distribution/identity.h"
#include "distribution/layout.h"
#include "distribution/manifest_work.h"
#include "distribution/step.h"

#include "schemas/current.h"
#include "schemas/names.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { NAMES_SIZE_MAX = 64 << 20, FILES_AT_ONCE = 8 };

struct looking { /* at one file of a copy */
	struct step step;
	struct inspection *inspection;
	const struct manifest_file *file;
	char *path;
};

struct inspection {
	struct room *room;
	struct site *site;
	void (*ended)(struct inspection *inspection, void *context);
	void *ended_context;

	enum inspect_wish wish;
	char *package, *version, *point, *digest;
	bool content;
	void (*differs)(const struct inspect_file *file, void *context);
	void (*done)(const struct inspect_result *result, void *context);
	void *context;

	char *path;
	struct step step;
	struct agenda_entry later;
	bool canceled;
	struct inspect_result result;

	/* what the result's views look at */
	struct identity identity;
	struct current *current;
	char *link;
	char *listed;
	const char **names;

	/* a copy's files */
	struct manifest_work *work;
	struct manifest *manifest;
	struct looking looking[FILES_AT_ONCE];
	size_t next, under_way;
};

static void fill(struct inspection *inspection);

/* ---- ending */

static void finish_now(struct agenda_entry *entry)
{
	struct inspection *inspection =
	        (struct inspection *)((char *)entry - offsetof(struct inspection, later));

	inspection->result.can_list = inspection->site && inspection->site->driver->can.list;
	inspection->done(&inspection->result, inspection->context);
	inspection->ended(inspection, inspection->ended_context);
}

static void finish(struct inspection *inspection)
{
	if (!inspection->later.pending)
		agenda_add(inspection->room->agenda, &inspection->later, 0, finish_now);
}

static void fail(struct inspection *inspection, const struct error *err)
{
	inspection->result.err = *err;
	inspection->result.status = err->status;
	finish(inspection);
}

static bool is_canceled(struct inspection *inspection)
{
	struct error err;

	if (!inspection->canceled)
		return false;
	error_set(&err, STATUS_RETRY, "canceled", "looking at distribution point %s was canceled",
	        inspection->point);
	fail(inspection, &err);
	return true;
}

static bool has_failed(struct inspection *inspection)
{
	struct operation *operation = &inspection->step.operation;

	if (!inspection->canceled && operation->result.status == STATUS_OK)
		return false;
	free(operation->result.data);
	operation->result.data = NULL;
	if (!is_canceled(inspection))
		fail(inspection, &operation->result.err);
	return true;
}

/* One operation on path, which it takes over; took() comes with its result. */
static void look(struct inspection *inspection, enum operation_kind kind, char *path, uint64_t size_max,
        void (*took)(struct step *step))
{
	free(inspection->path);
	inspection->path = path;
	step_run(&inspection->step, inspection->site,
	        (struct operation){.kind = kind, .path = path, .size_max = size_max}, took);
}

/* ---- identity */

static void took_identity(struct step *step)
{
	struct inspection *inspection = step->context;
	struct identity *identity = &inspection->identity;
	struct error err;

	if (has_failed(inspection))
		return;
	enum status status = identity_of(&step->operation, inspection->point, identity, &err);
	free(step->operation.result.data);
	if (status != STATUS_OK) {
		fail(inspection, &err);
		return;
	}
	inspection->result.dp_id = identity->dp_id;
	inspection->result.replaces = (const char *const *)identity->replaces;
	inspection->result.replaces_count = identity->replaces_count;
	finish(inspection);
}

/* ---- pointer */

static void took_link(struct step *step)
{
	struct inspection *inspection = step->context;

	if (has_failed(inspection))
		return;
	inspection->link = step->operation.result.data; /* has a NUL behind it */
	inspection->result.link = inspection->link;
	finish(inspection);
}

static void took_pointer(struct step *step)
{
	struct inspection *inspection = step->context;
	struct operation *operation = &step->operation;
	struct error err;

	if (has_failed(inspection))
		return;
	inspection->result.found = operation->result.found;
	if (operation->result.found &&
	        current_parse(operation_data(operation), &inspection->current, &err) != STATUS_OK)
		inspection->current = NULL;
	inspection->result.pointer = inspection->current;
	free(operation->result.data);
	if (inspection->site->driver->can.list)
		look(inspection, OPERATION_LINK, layout_pointer_link(inspection->package), 0, took_link);
	else
		finish(inspection);
}

/* ---- a copy's files */

static void judge_file(
        struct inspection *inspection, const struct looking *looking, const struct operation *operation)
{
	const struct manifest_file *file = looking->file;
	struct inspect_file told = {.path = file->path,
	        .err = &operation->result.err,
	        .found = operation->result.found,
	        .size = operation->result.size,
	        .wanted_size = file->size,
	        .digest = operation->result.digest,
	        .wanted_digest = file->digest};

	inspection->result.files++;
	inspection->result.bytes += operation->result.size;
	if (operation->result.status != STATUS_OK || !told.found || told.size != file->size ||
	        strcmp(told.digest, file->digest) != 0)
		inspection->differs(&told, inspection->context);
}

static void took_file(struct step *step)
{
	struct looking *looking = step->context;
	struct inspection *inspection = looking->inspection;

	if (!inspection->canceled)
		judge_file(inspection, looking, &step->operation);
	free(looking->path);
	looking->path = NULL;
	inspection->under_way--;
	fill(inspection);
}

static void start_file(
        struct inspection *inspection, struct looking *looking, const struct manifest_file *file)
{
	char *content = layout_content(inspection->package, inspection->version);

	looking->inspection = inspection;
	looking->file = file;
	looking->path = layout_join(content, file->path);
	free(content);
	looking->step = (struct step){.context = looking, .flow = inspection};
	inspection->under_way++;
	step_run(&looking->step, inspection->site,
	        (struct operation){.kind = OPERATION_HASH,
	                .path = looking->path,
	                .size = file->size,
	                .size_max = file->size ? file->size : 1},
	        took_file);
}

static void fill(struct inspection *inspection)
{
	const struct manifest *manifest = inspection->manifest;

	for (size_t i = 0; i < FILES_AT_ONCE && !inspection->canceled; i++)
		if (!inspection->looking[i].path && inspection->next < manifest->count)
			start_file(inspection, &inspection->looking[i], &manifest->files[inspection->next++]);
	if (inspection->under_way == 0 && !is_canceled(inspection))
		finish(inspection);
}

static void took_manifest(void *context, struct manifest *manifest, const struct error *err)
{
	struct inspection *inspection = context;

	inspection->work = NULL;
	inspection->manifest = manifest;
	if (is_canceled(inspection))
		return;
	if (manifest)
		fill(inspection);
	else
		fail(inspection, err);
}

/* ---- a copy's seal */

static void took_seal(struct step *step)
{
	struct inspection *inspection = step->context;
	struct operation *operation = &step->operation;

	if (has_failed(inspection))
		return;
	inspection->result.found = operation->result.found;
	if (operation->result.found)
		inspection->work = manifest_parse_sealed(inspection->room, operation->result.data,
		        operation->result.len, inspection->digest, took_manifest, inspection);
	else
		finish(inspection); /* gone between two looks */
}

static void took_seal_digest(struct step *step)
{
	struct inspection *inspection = step->context;
	const struct operation *operation = &step->operation;

	if (has_failed(inspection))
		return;
	inspection->result.found = operation->result.found;
	memcpy(inspection->result.digest, operation->result.digest, DIGEST_SIZE);
	if (inspection->content && operation->result.found &&
	        strcmp(inspection->result.digest, inspection->digest) == 0)
		look(inspection, OPERATION_READ, layout_seal(inspection->package, inspection->version),
		        MANIFEST_BYTES_MAX, took_seal);
	else
		finish(inspection);
}

/* ---- names */

/* What a name in the folder stands for, or false; may cut it. */
static bool is_wanted_name(enum inspect_wish wish, char *name)
{
	static const char suffix[] = ".json";
	size_t len = strlen(name), cut = sizeof(suffix) - 1;

	if (wish == INSPECT_PACKAGES)
		return name_is_package(view_text(name));
	if (len <= cut || strcmp(name + len - cut, suffix) != 0)
		return false;
	name[len - cut] = '\0';
	return name_is_version(view_text(name));
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void read_names(struct inspection *inspection, char *listed, size_t len)
{
	size_t count = 0, capacity = 0;

	for (char *name = listed, *next; name < listed + len; name = next) {
		next = name + strlen(name) + 1;
		if (!is_wanted_name(inspection->wish, name))
			continue;
		if (count == capacity) {
			capacity = capacity ? 2 * capacity : 64;
			inspection->names =
			        memory_resize(inspection->names, capacity * sizeof(*inspection->names));
		}
		inspection->names[count++] = name;
	}
	if (count)
		qsort(inspection->names, count, sizeof(*inspection->names), by_text);
	inspection->result.names = inspection->names;
	inspection->result.name_count = count;
}

static void took_names(struct step *step)
{
	struct inspection *inspection = step->context;
	struct operation *operation = &step->operation;

	if (has_failed(inspection))
		return;
	inspection->listed = operation->result.data;
	inspection->result.found = operation->result.found;
	if (inspection->listed)
		read_names(inspection, inspection->listed, operation->result.len);
	finish(inspection);
}

/* ---- the door */

struct inspection *inspection_new(const struct inspect_spec *spec)
{
	struct inspection *inspection = memory_alloc(sizeof(*inspection));

	inspection->step = (struct step){.context = inspection, .flow = inspection};
	inspection->wish = spec->wish;
	inspection->package = memory_text(spec->package_id);
	inspection->version = memory_text(spec->version);
	inspection->point = memory_text(spec->distribution_point);
	inspection->digest = memory_text(spec->digest);
	inspection->content = spec->content;
	inspection->differs = spec->differs;
	inspection->done = spec->done;
	inspection->context = spec->context;
	return inspection;
}

void inspection_free(struct inspection *inspection)
{
	free(inspection->package);
	free(inspection->version);
	free(inspection->point);
	free(inspection->digest);
	free(inspection->path);
	free(inspection->link);
	free(inspection->listed);
	free(inspection->names);
	identity_release(&inspection->identity);
	current_free(inspection->current);
	manifest_unref(inspection->manifest);
	if (inspection->site)
		site_release(inspection->site);
	free(inspection);
}

static void start(struct inspection *inspection)
{
	switch (inspection->wish) {
	case INSPECT_IDENTITY:
		look(inspection, OPERATION_READ, memory_text(LAYOUT_DP_JSON), IDENTITY_SIZE_MAX,
		        took_identity);
		break;
	case INSPECT_POINTER:
		look(inspection, OPERATION_READ, layout_pointer(inspection->package), CURRENT_SIZE_MAX,
		        took_pointer);
		break;
	case INSPECT_COPY:
		look(inspection, OPERATION_HASH, layout_seal(inspection->package, inspection->version),
		        MANIFEST_BYTES_MAX, took_seal_digest);
		break;
	case INSPECT_PACKAGES:
		look(inspection, OPERATION_LIST, memory_text(""), NAMES_SIZE_MAX, took_names);
		break;
	case INSPECT_VERSIONS:
		look(inspection, OPERATION_LIST, layout_seals(inspection->package), NAMES_SIZE_MAX,
		        took_names);
		break;
	}
}

void inspection_start(struct inspection *inspection, struct room *room, struct site *site,
        void (*ended)(struct inspection *inspection, void *context), void *context)
{
	struct error err;

	inspection->room = room;
	inspection->site = site ? site_use(site) : NULL;
	inspection->ended = ended;
	inspection->ended_context = context;
	if (site) {
		start(inspection);
		return;
	}
	error_set(&err, STATUS_RETRY, "dp_unknown",
	        "%s is no distribution point of this catalogue: add it there, or give the one that its "
	        "workers have",
	        inspection->point);
	fail(inspection, &err);
}

void inspection_cancel(struct inspection *inspection)
{
	inspection->canceled = true;
	if (inspection->work)
		manifest_work_cancel(inspection->work);
	else if (inspection->under_way)
		for (size_t i = 0; i < FILES_AT_ONCE; i++)
			step_cancel(&inspection->looking[i].step);
	else
		step_cancel(&inspection->step);
}
