/* Which looks to take: all, and then again those that found something, until it is certain. */
#include "auditor/points/drift_room.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 3, CONNECT_TIMEOUT_MS = 5000 };

const char *drift_code_name(enum drift_code code)
{
	static const char *const names[] = {
	        "drift", "missing", "altered", "extra", "dp_id_changed", "not_judged"};

	return names[code];
}

/* ---- findings */

static void free_told(struct told *told)
{
	free((char *)told->finding.point);
	free((char *)told->finding.package);
	free((char *)told->finding.version);
	free((char *)told->finding.path);
	free((char *)told->finding.detail);
	look_free(told->again);
}

void drift_tell(
        struct drift *drift, struct look *look, const struct drift_finding *finding, const char *format, ...)
{
	char detail[ERROR_MESSAGE_MAX * 2];
	va_list args;

	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	if (drift->told_count == drift->told_capacity) {
		drift->told_capacity = drift->told_capacity ? 2 * drift->told_capacity : 64;
		drift->told = memory_resize(drift->told, drift->told_capacity * sizeof(*drift->told));
	}
	struct told *told = &drift->told[drift->told_count++];
	*told = (struct told){.finding = *finding};
	told->finding.point = memory_text(finding->point);
	told->finding.package = memory_text(finding->package);
	told->finding.version = memory_text(finding->version);
	told->finding.path = memory_text(finding->path);
	told->finding.detail = memory_text(detail);
	if (look && !look->told) {
		told->again = look_again(look);
		look->told = true;
	}
}

static int compare(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

static int by_place(const void *left, const void *right)
{
	const struct drift_finding *a = &((const struct told *)left)->finding,
	                           *b = &((const struct told *)right)->finding;
	int order = compare(a->point, b->point);

	if (!order)
		order = compare(a->package, b->package);
	if (!order)
		order = compare(a->version, b->version);
	return order ? order : compare(a->path, b->path);
}

/* ---- points */

static struct drift_point *need_point(struct drift *drift, const char *name)
{
	struct drift_point *point = table_find(&drift->points, name);

	if (point)
		return point;
	point = memory_alloc(sizeof(*point));
	point->name = memory_text(name);
	point->place.offset = -1;
	table_add(&drift->points, point);
	return point;
}

static void free_point(void *item)
{
	struct drift_point *point = item;

	for (size_t i = 0; i < point->replaces_count; i++)
		free(point->replaces[i]);
	free(point->replaces);
	free((char *)point->name);
	free(point->words);
	free(point);
}

static void identify(struct drift *drift)
{
	for (size_t i = 0; i < drift->points.count; i++) {
		struct drift_point *point = drift->points.items[i];
		if (!point->down)
			looks_add(drift, look_new(drift, point, INSPECT_IDENTITY, NULL, NULL));
	}
	looks_take(drift);
}

static void tell_points(struct drift *drift)
{
	for (size_t i = 0; i < drift->points.count; i++) {
		struct drift_point *point = drift->points.items[i];
		struct drift_finding finding = {.code = point->why,
		        .point = point->name,
		        .topic = point->topic,
		        .place = point->place};

		drift->counts.points += !point->down;
		drift->counts.points_without_listing += !point->down && !point->can_list;
		if (point->down)
			drift_tell(drift, NULL, &finding,
			        "%s; %llu pointers and copies there were not judged", point->words,
			        (unsigned long long)point->passed_by);
	}
}

/* ---- rounds */

/* What lies below the package and is of no row. */
static void add_names(struct drift *drift, struct drift_point *point)
{
	if (!point->can_list)
		return;
	if (drift->spec.package)
		looks_add_names(drift, point, drift->spec.package);
	else
		looks_add(drift, look_new(drift, point, INSPECT_PACKAGES, NULL, NULL));
}

struct look *look_next_row(struct drift *drift)
{
	size_t count;
	struct expected_pointer *const *pointers = expected_pointers(drift->expected, &count);

	if (drift->next_pointer < drift->pointer_count) {
		const struct expected_pointer *pointer = pointers[drift->next_pointer++];
		return look_new(
		        drift, need_point(drift, pointer->point), INSPECT_POINTER, pointer->package, NULL);
	}
	struct expected_copy *const *copies = expected_copies(drift->expected, &count);
	while (drift->next_copy < drift->copy_count) {
		const struct expected_copy *copy = copies[drift->next_copy++];
		if (copy->staged)
			return look_new(drift, need_point(drift, copy->point), INSPECT_COPY, copy->package,
			        copy->version);
	}
	return NULL;
}

static void look_at_all(struct drift *drift)
{
	expected_pointers(drift->expected, &drift->pointer_count);
	expected_copies(drift->expected, &drift->copy_count);
	for (size_t i = 0; i < drift->points.count; i++)
		add_names(drift, drift->points.items[i]);
	looks_take(drift);
}

static void find_points(struct drift *drift)
{
	const struct catalogue *catalogue = drift->spec.catalogue;
	size_t count;
	struct expected_copy *const *copies = expected_copies(drift->expected, &count);

	for (size_t i = 0; i < catalogue->point_count; i++)
		need_point(drift, catalogue->points[i].name);
	for (size_t i = 0; i < count; i++)
		if (copies[i]->staged)
			need_point(drift, copies[i]->point);
}

/* What found something is looked at again, with what the log says by now. */
static void look_again_at_findings(struct drift *drift)
{
	struct told *told = drift->told;
	size_t count = drift->told_count;

	drift->told = NULL;
	drift->told_count = drift->told_capacity = 0;
	drift->again = true;
	identify(drift);
	for (size_t i = 0; i < count; i++) {
		if (told[i].again)
			looks_add(drift, told[i].again);
		told[i].again = NULL;
		free_told(&told[i]);
	}
	free(told);
	looks_take(drift);
}

enum status drift_run(struct drift *drift, struct drift_counts *ret_counts, struct error *err)
{
	struct distribution_options options = {.connect_timeout_ms = CONNECT_TIMEOUT_MS, .read_only = true};

	find_points(drift);
	if (distribution_open(&options, catalogue_ref(drift->spec.catalogue), &drift->distribution, err) !=
	        STATUS_OK)
		return err->status;
	identify(drift);
	look_at_all(drift);
	for (int round = 1; round < ROUNDS && drift->told_count && drift->spec.read_on; round++) {
		drift->spec.read_on(drift->spec.context);
		look_again_at_findings(drift);
	}
	tell_points(drift);
	if (drift->told_count)
		qsort(drift->told, drift->told_count, sizeof(*drift->told), by_place);
	for (size_t i = 0; i < drift->told_count; i++)
		drift->spec.report(&drift->told[i].finding, drift->spec.context);
	drift->counts.findings = drift->told_count;
	*ret_counts = drift->counts;
	return STATUS_OK;
}

/* ---- the door */

struct drift *drift_new(const struct drift_spec *spec)
{
	struct drift *drift = memory_alloc(sizeof(*drift));

	drift->spec = *spec;
	drift->expected = expected_new(view_text(spec->package));
	drift->answers = queue_new();
	drift->last = &drift->first;
	return drift;
}

void drift_free(struct drift *drift)
{
	if (!drift)
		return;
	distribution_close(drift->distribution);
	for (size_t i = 0; i < drift->told_count; i++)
		free_told(&drift->told[i]);
	free(drift->told);
	table_release(&drift->points, free_point);
	queue_free(drift->answers);
	expected_free(drift->expected);
	catalogue_unref(drift->spec.catalogue);
	free(drift);
}

void drift_fact(struct drift *drift, struct fact_reader *reader, const struct fact *fact)
{
	expected_fact(drift->expected, reader, fact);
}
