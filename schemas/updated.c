/* The record of the updated topic. */
#include "schemas/updated.h"

#include "base/memory.h"
#include "schemas/record.h"

#include <stdlib.h>

void updated_write(const struct updated_record *record, struct buffer *out)
{
	record_begin(out, RECORD_UPDATED, record->id, record->time_ms);
	json_put_text(out, "package_id", record->package_id);
	json_put_text(out, "version", record->version);
	json_put_text(out, "previous_version", record->previous_version);
	json_put_text(out, "distribution_point", record->distribution_point);
	json_put_text(out, "dp_id", record->dp_id);
	json_put_text(out, "digest", record->digest);
	json_put_text(out, "job_id", record->job_id);
	json_put_text(out, "staged_id", record->staged_id);
	record_put_position(out, "staged_position", record->staged_position);
	json_put_text(out, "release_id", record->release_id);
	record_put_position(out, "release_position", record->release_position);
	json_end(out, '}');
}

/* A parsed record with the document that its strings look into. */
struct parsed_updated {
	struct updated_record record;
	struct json json;
};

void updated_free(struct updated_record *record)
{
	if (!record)
		return;
	json_close(&((struct parsed_updated *)record)->json);
	free(record);
}

static void get_record(const struct json_node *in, struct updated_record *record)
{
	record_check_schema(in, JSON_REQUIRED);
	if (!view_is(json_get_text(in, "type", JSON_REQUIRED), record_type_name(RECORD_UPDATED)))
		json_fail(in, "type", "unknown_type", "must be \"updated\"");
	record->id = record_id(in, "id").data;
	json_get_time(in, "time", JSON_REQUIRED, &record->time_ms);
	record->package_id = record_package(in).data;
	record->version = record_version(in, "version", JSON_REQUIRED).data;
	record->previous_version = record_version(in, "previous_version", JSON_OPTIONAL).data;
	record->distribution_point = record_distribution_point(in).data;
	record->dp_id = record_id(in, "dp_id").data;
	record->digest = record_digest(in, "digest", JSON_REQUIRED).data;
	record->job_id = record_id(in, "job_id").data;
	record->staged_id = record_id(in, "staged_id").data;
	record->staged_position = record_position(in, "staged_position", JSON_OPTIONAL);
	record->release_id = record_id(in, "release_id").data;
	record->release_position = record_position(in, "release_position", JSON_OPTIONAL);
}

enum status updated_parse(struct view value, struct updated_record **ret, struct error *err)
{
	struct parsed_updated *parsed = memory_alloc(sizeof(*parsed));
	struct json_node root;
	enum status status = json_open(&parsed->json, value, RECORD_VALUE_MAX, &root, err);

	if (status == STATUS_OK) {
		get_record(&root, &parsed->record);
		status = json_status(&parsed->json);
	}
	if (status == STATUS_OK)
		*ret = &parsed->record;
	else
		updated_free(&parsed->record);
	return status;
}
