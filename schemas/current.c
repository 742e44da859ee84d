/* current.json, the pointer on a distribution point. */
#include "schemas/current.h"

#include "base/memory.h"
#include "schemas/names.h"
#include "schemas/record.h"

#include <stdlib.h>

void current_write(const struct current *current, struct buffer *out)
{
	json_begin(out, '{');
	json_put_uint(out, "schema", SCHEMA_VERSION);
	json_put_text(out, "package_id", current->package_id);
	json_put_text(out, "version", current->version);
	json_put_text(out, "digest", current->digest);
	json_put_text(out, "manifest", current->manifest);
	json_put_text(out, "content_path", current->content_path);
	json_put_text(out, "release_id", current->release_id);
	record_put_position(out, "position", current->position);
	json_put_text(out, "log_id", current->log_id);
	json_end(out, '}');
}

/* A parsed pointer with the document that its strings look into. */
struct parsed_current {
	struct current current;
	struct json json;
};

void current_free(struct current *current)
{
	if (!current)
		return;
	json_close(&((struct parsed_current *)current)->json);
	free(current);
}

static const char *get_path(const struct json_node *in, const char *name)
{
	struct view path = json_get_text(in, name, JSON_REQUIRED);
	const char *problem = path.data ? name_path_problem(path) : NULL;

	if (problem)
		json_fail(in, name, "invalid_field", "%s, is %s", problem, json_quote(path));
	return path.data;
}

static void get_current(const struct json_node *in, struct current *current)
{
	record_check_schema(in, JSON_REQUIRED);
	current->package_id = record_package(in).data;
	current->version = record_version(in, "version", JSON_REQUIRED).data;
	current->digest = record_digest(in, "digest", JSON_REQUIRED).data;
	current->manifest = get_path(in, "manifest");
	current->content_path = get_path(in, "content_path");
	current->release_id = record_id(in, "release_id").data;
	current->position = record_position(in, "position", JSON_REQUIRED);
	current->log_id = record_id(in, "log_id").data;
}

enum status current_parse(struct view text, struct current **ret, struct error *err)
{
	struct parsed_current *parsed = memory_alloc(sizeof(*parsed));
	struct json_node root;
	enum status status = json_open(&parsed->json, text, CURRENT_SIZE_MAX, &root, err);

	if (status == STATUS_OK) {
		get_current(&root, &parsed->current);
		status = json_status(&parsed->json);
	}
	if (status == STATUS_OK)
		*ret = &parsed->current;
	else
		current_free(&parsed->current);
	return status;
}
