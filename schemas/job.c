/* The job record: what a user asks for. */
#include "schemas/job.h"

#include "base/memory.h"
#include "base/timestamp.h"
#include "schemas/names.h"
#include "schemas/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REQUESTED_BY_MAX = 256, ANNOTATIONS_MAX = 64, ANNOTATION_NAME_MAX = 64, ANNOTATION_VALUE_MAX = 1024 };

static const char *const type_names[] = {[JOB_CREATE] = "create", [JOB_UPDATE] = "update", NULL};
static const char *const gate_names[] = {[GATE_EACH] = "each", [GATE_ALL] = "all", NULL};

const char *job_type_name(enum job_type type)
{
	return type_names[type];
}

const char *job_gate_name(enum job_gate gate)
{
	return gate_names[gate];
}

void job_default_id(int32_t partition, int64_t offset, char id[JOB_ID_SIZE])
{
	snprintf(id, JOB_ID_SIZE, "@%jd-%jd", (intmax_t)partition, (intmax_t)offset);
}

/* A parsed job with the document that its texts look into; what they do not find there is in its memory. */
struct parsed_job {
	struct job job;
	struct json json;
};

void job_free(struct job *job)
{
	if (!job)
		return;
	manifest_unref(job->manifest);
	json_close(&((struct parsed_job *)job)->json);
	free(job);
}

static void fill_hint(const struct json_node *in, struct job_hint *hint)
{
	struct view job_id = json_peek_text(in, "job_id"), package_id = json_peek_text(in, "package_id");
	struct view version = json_peek_text(in, "version");

	if (view_is(json_peek_text(in, "type"), job_type_name(JOB_UPDATE)))
		hint->type = JOB_UPDATE;
	if (name_is_job_id(job_id))
		memcpy(hint->job_id, job_id.data, job_id.len + 1);
	if (name_is_package(package_id))
		memcpy(hint->package_id, package_id.data, package_id.len + 1);
	if (name_is_version(version))
		memcpy(hint->version, version.data, version.len + 1);
}

static void check_bare(const struct json_node *in)
{
	if (json_has(in, "specversion") && (json_has(in, "data") || json_has(in, "data_base64")))
		json_fail(in, "specversion", "structured_cloudevent",
		        "this is a CloudEvent in structured mode: send the job itself as the value, with the "
		        "attributes as ce_ headers (binary mode) or not at all");
}

static void read_type(const struct json_node *in, struct job *job)
{
	struct view type = json_get_text(in, "type", JSON_REQUIRED);

	if (view_is(type, "create"))
		job->type = JOB_CREATE;
	else if (view_is(type, "update"))
		job->type = JOB_UPDATE;
	else
		json_fail(in, "type", "unknown_type", "must be \"create\" or \"update\", is %s",
		        json_quote(type));
}

static void read_names(const struct json_node *in, struct view key, struct job *job)
{
	struct view job_id = json_get_text(in, "job_id", JSON_OPTIONAL);
	struct view package_id = record_package(in);

	if (job_id.data && !name_is_job_id(job_id))
		json_fail(in, "job_id", "invalid_field", "must be 1 to 64 of A-Z a-z 0-9 . _ + -, is %s",
		        json_quote(job_id));
	if (!key.data)
		json_fail(in, "package_id", "missing_key",
		        "the record has no key: its key must be the package_id");
	record_check_key(in, key, package_id);
	job->job_id = (char *)job_id.data;
	job->package_id = (char *)package_id.data;
	job->version = (char *)record_version(in, "version", JSON_REQUIRED).data;
}

static void read_content(const struct json_node *in, struct job *job)
{
	static const char *const fields[] = {"files", "manifest_url", "digest", NULL};
	struct json_node content;
	struct view digest;

	if (!json_get_object(
	            in, "content", job->type == JOB_CREATE ? JSON_REQUIRED : JSON_OPTIONAL, &content))
		return;
	json_only(&content, fields);
	if (!json_has(&content, "manifest_url")) {
		job->manifest =
		        record_manifest(&content, "content", &(struct manifest_urls){.required = true});
		if (json_has(&content, "digest"))
			json_fail(&content, "digest", "invalid_field",
			        "goes with manifest_url, not with files");
		digest = view_text(job->manifest ? job->manifest->digest : NULL);
	} else {
		if (json_has(&content, "files"))
			json_fail(
			        &content, "files", "invalid_field", "must not be there beside manifest_url");
		job->manifest_url = (char *)record_url(&content, "manifest_url", JSON_REQUIRED).data;
		digest = record_digest(&content, "digest", JSON_REQUIRED);
	}
	if (digest.data)
		memcpy(job->manifest_digest, digest.data, DIGEST_SIZE);
}

static bool is_target(struct view name)
{
	static const char group[] = "group:";
	const size_t len = sizeof(group) - 1;

	if (name.len > len && memcmp(name.data, group, len) == 0)
		return name_is_distribution_point((struct view){name.data + len, name.len - len});
	return name_is_distribution_point(name);
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void check_duplicates(const struct json_node *array, const struct job *job)
{
	size_t count = job->distribution_point_count;
	char **sorted = memory_copy(job->distribution_points, count * sizeof(*sorted));

	qsort(sorted, count, sizeof(*sorted), compare_texts);
	for (size_t i = 1; i < count; i++)
		if (strcmp(sorted[i - 1], sorted[i]) == 0)
			json_fail(array, NULL, "invalid_field", "%s is there twice",
			        json_quote(view_text(sorted[i])));
	free(sorted);
}

static void read_targets(const struct json_node *in, struct job *job)
{
	enum json_need need = job->type == JOB_CREATE ? JSON_REQUIRED : JSON_OPTIONAL;
	struct json_node array;

	if (!json_get_array(in, "distribution_points", need, &array))
		return;
	size_t count = json_count(&array);
	if (count < 1 || count > JOB_TARGETS_MAX) {
		json_fail(&array, NULL, "invalid_field", "must have 1 to %d names, has %zu", JOB_TARGETS_MAX,
		        count);
		return;
	}
	job->distribution_points = json_memory(in->json, count * sizeof(*job->distribution_points));
	for (size_t i = 0; i < count; i++) {
		struct view name = json_item_text(&array, i);
		if (!name.data)
			return;
		if (!is_target(name)) {
			json_fail_item(&array, i, "invalid_field",
			        "must be the name of a distribution point or group:NAME, is %s",
			        json_quote(name));
			return;
		}
		job->distribution_points[job->distribution_point_count++] = (char *)name.data;
	}
	if (count > 1)
		check_duplicates(&array, job);
}

static void read_gate(const struct json_node *in, struct job *job)
{
	int gate = json_get_choice(in, "gate", JSON_OPTIONAL, gate_names);

	if (gate < 0)
		return;
	job->gate = (enum job_gate)gate;
	if (job->type == JOB_CREATE)
		json_fail(in, "gate", "invalid_field", "is for updates: a create makes nothing current");
}

static void read_deadline(const struct json_node *in, struct job *job)
{
	struct view text = json_get_text(in, "deadline", JSON_OPTIONAL);

	if (!text.data)
		return;
	if (view_is(text, "never"))
		job->deadline = DEADLINE_NEVER;
	else if (duration_parse(text, &job->deadline_ms))
		job->deadline = DEADLINE_AFTER;
	else if (timestamp_parse(text, &job->deadline_ms))
		job->deadline = DEADLINE_AT;
	else
		json_fail(in, "deadline", "invalid_field",
		        "must be a time (\"2026-12-01T00:00:00Z\"), a duration of at most ten years "
		        "(\"PT24H\", "
		        "\"P7D\") or \"never\", is %s",
		        json_quote(text));
}

struct annotation {
	struct view name, value;
};
struct annotations {
	const struct json_node *in;
	struct annotation list[ANNOTATIONS_MAX];
	size_t count;
};

static void take_annotation(struct view name, struct view value, void *context)
{
	struct annotations *all = context;

	if (all->count == ANNOTATIONS_MAX)
		json_fail(all->in, NULL, "invalid_field", "must have at most %d", ANNOTATIONS_MAX);
	else if (name.len < 1 || name.len > ANNOTATION_NAME_MAX)
		json_fail(all->in, NULL, "invalid_field", "the name %s must be 1 to %d bytes",
		        json_quote(name), ANNOTATION_NAME_MAX);
	else if (value.len > ANNOTATION_VALUE_MAX)
		json_fail(all->in, NULL, "invalid_field", "the value of %s must be at most %d bytes",
		        json_quote(name), ANNOTATION_VALUE_MAX);
	else
		all->list[all->count++] = (struct annotation){name, value};
}

static int compare_annotations(const void *a, const void *b)
{
	return view_compare(((const struct annotation *)a)->name, ((const struct annotation *)b)->name);
}

/* Sorted by name, so that jobs which say the same have the same text. */
static void read_annotations(const struct json_node *in, struct job *job)
{
	struct json_node object;
	struct annotations all = {.in = &object};
	struct buffer out;

	if (!json_get_object(in, "annotations", JSON_OPTIONAL, &object))
		return;
	json_each_text(&object, take_annotation, &all);
	qsort(all.list, all.count, sizeof(*all.list), compare_annotations);
	buffer_init(&out, 2 * JOB_VALUE_MAX);
	json_begin(&out, '{');
	for (size_t i = 0; i < all.count; i++) {
		json_add_view(&out, all.list[i].name);
		buffer_add(&out, ":", 1);
		json_add_view(&out, all.list[i].value);
	}
	json_end(&out, '}');
	job->annotations = memcpy(json_memory(in->json, out.len + 1), out.data, out.len + 1);
	buffer_release(&out);
}

static void read_free_text(const struct json_node *in, struct job *job)
{
	struct view requested_by = json_get_text(in, "requested_by", JSON_OPTIONAL);

	if (requested_by.len > REQUESTED_BY_MAX)
		json_fail(in, "requested_by", "invalid_field", "must be at most %d bytes, is %zu",
		        REQUESTED_BY_MAX, requested_by.len);
	job->requested_by = (char *)requested_by.data;
	read_annotations(in, job);
}

static void read_job(const struct json_node *in, struct view key, struct job *job)
{
	static const char *const fields[] = {"schema", "type", "job_id", "package_id", "version", "content",
	        "distribution_points", "gate", "deadline", "requested_by", "annotations", NULL};

	check_bare(in);
	record_check_schema(in, JSON_OPTIONAL);
	read_type(in, job);
	json_only(in, fields);
	read_names(in, key, job);
	read_content(in, job);
	read_targets(in, job);
	read_gate(in, job);
	read_deadline(in, job);
	read_free_text(in, job);
}

enum status job_parse(
        struct view key, struct view value, struct job **ret, struct job_hint *hint, struct error *err)
{
	struct json_node root;

	*hint = (struct job_hint){.job_id = ""};
	if (!value.data)
		return error_set(err, STATUS_REJECT, "tombstone",
		        "the record has no value, and jobs can't be deleted");
	struct parsed_job *parsed = memory_alloc(sizeof(*parsed));
	enum status status = json_open(&parsed->json, value, JOB_VALUE_MAX, &root, err);
	if (status == STATUS_OK) {
		fill_hint(&root, hint);
		read_job(&root, key, &parsed->job);
		status = json_status(&parsed->json);
	}
	if (status == STATUS_OK)
		*ret = &parsed->job;
	else
		job_free(&parsed->job);
	return status;
}
