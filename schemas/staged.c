/* The records of the staged topic. */
#include "schemas/staged.h"

#include "base/memory.h"
#include "schemas/record.h"

#include <stdlib.h>

static const char *const type_names[] = {
        [STAGED_STAGED] = "staged", [STAGED_RELEASE] = "release", [STAGED_WITHHELD] = "withheld", NULL};

static void put_staged(const struct staged_record *record, struct buffer *out)
{
	json_put_text(out, "dp_id", record->dp_id);
	json_put_text(out, "digest", record->digest);
	json_put_uint(out, "files", record->files);
	json_put_uint(out, "bytes", record->bytes);
	json_put_text(out, "read_back", record->read_back);
}

static void put_release(const struct staged_record *record, struct buffer *out)
{
	json_put_text(out, "dp_id", record->dp_id);
	json_put_text(out, "digest", record->digest);
	json_put_text(out, "staged_id", record->staged_id);
	json_put_uint(out, "targets", record->targets);
	json_put_time(out, "deadline", record->deadline_ms);
}

static void put_withheld(const struct staged_record *record, struct buffer *out)
{
	json_put_uint(out, "targets", record->targets);
	json_put_time(out, "deadline", record->deadline_ms);
	json_put_text(out, "reason", record->reason);
	json_put_text(out, "detail", record->detail);
}

enum record_type staged_record_type(enum staged_type type)
{
	static const enum record_type types[] = {[STAGED_STAGED] = RECORD_STAGED,
	        [STAGED_RELEASE] = RECORD_RELEASE,
	        [STAGED_WITHHELD] = RECORD_WITHHELD};

	return types[type];
}

void staged_write(const struct staged_record *record, struct buffer *out)
{
	record_begin(out, staged_record_type(record->type), record->id, record->time_ms);
	json_put_text(out, "package_id", record->package_id);
	json_put_text(out, "version", record->version);
	json_put_text(out, "distribution_point", record->distribution_point);
	json_put_text(out, "job_id", record->job_id);
	record_put_position(out, "job_position", record->job_position);
	switch (record->type) {
	case STAGED_STAGED:
		put_staged(record, out);
		break;
	case STAGED_RELEASE:
		put_release(record, out);
		break;
	case STAGED_WITHHELD:
		put_withheld(record, out);
		break;
	}
	json_end(out, '}');
}

/* A parsed record with the document that its strings look into. */
struct parsed_staged {
	struct staged_record record;
	struct json json;
};

void staged_free(struct staged_record *record)
{
	if (!record)
		return;
	json_close(&((struct parsed_staged *)record)->json);
	free(record);
}

static void get_type(const struct json_node *in, struct staged_record *record)
{
	struct view type = json_get_text(in, "type", JSON_REQUIRED);

	for (int i = 0; type_names[i]; i++)
		if (view_is(type, type_names[i])) {
			record->type = (enum staged_type)i;
			return;
		}
	json_fail(in, "type", "unknown_type", "must be \"staged\", \"release\" or \"withheld\", is %s",
	        json_quote(type));
}

static void get_evidence(const struct json_node *in, struct staged_record *record)
{
	static const char *const read_backs[] = {"full", "size", NULL};

	record->dp_id = record_id(in, "dp_id").data;
	record->digest = record_digest(in, "digest", JSON_REQUIRED).data;
	if (record->type == STAGED_RELEASE) {
		record->staged_id = record_id(in, "staged_id").data;
		return;
	}
	json_get_uint(in, "files", JSON_REQUIRED, 1, MANIFEST_FILES_MAX, &record->files);
	json_get_uint(in, "bytes", JSON_REQUIRED, 0, JSON_INTEGER_MAX, &record->bytes);
	int read_back = json_get_choice(in, "read_back", JSON_REQUIRED, read_backs);
	record->read_back = read_back < 0 ? NULL : read_backs[read_back];
}

static void get_decision(const struct json_node *in, struct staged_record *record)
{
	static const char *const reasons[] = {"expired", "superseded", "failed", "canceled", NULL};
	uint64_t targets = 0;

	json_get_uint(in, "targets", JSON_REQUIRED, 1, UINT32_MAX, &targets);
	record->targets = (uint32_t)targets;
	json_get_time(in, "deadline", JSON_REQUIRED, &record->deadline_ms);
	if (record->type == STAGED_RELEASE)
		return;
	int reason = json_get_choice(in, "reason", JSON_REQUIRED, reasons);
	record->reason = reason < 0 ? NULL : reasons[reason];
	record->detail = json_get_text(in, "detail", JSON_OPTIONAL).data;
}

static void get_record(const struct json_node *in, struct view key, struct staged_record *record)
{
	record_check_schema(in, JSON_REQUIRED);
	get_type(in, record);
	record->id = record_id(in, "id").data;
	json_get_time(in, "time", JSON_REQUIRED, &record->time_ms);
	struct view package_id = record_package(in);
	record_check_key(in, key, package_id);
	record->package_id = package_id.data;
	record->version = record_version(in, "version", JSON_REQUIRED).data;
	record->distribution_point = record_distribution_point(in).data;
	record->job_id = record_id(in, "job_id").data;
	record->job_position = record_position(in, "job_position", JSON_OPTIONAL);
	if (record->type != STAGED_WITHHELD)
		get_evidence(in, record);
	if (record->type != STAGED_STAGED)
		get_decision(in, record);
}

enum status staged_parse(struct view key, struct view value, struct staged_record **ret, struct error *err)
{
	struct parsed_staged *parsed = memory_alloc(sizeof(*parsed));
	struct json_node root;
	enum status status = json_open(&parsed->json, value, RECORD_VALUE_MAX, &root, err);

	if (status == STATUS_OK) {
		get_record(&root, key, &parsed->record);
		status = json_status(&parsed->json);
	}
	if (status == STATUS_OK)
		*ret = &parsed->record;
	else
		staged_free(&parsed->record);
	return status;
}
