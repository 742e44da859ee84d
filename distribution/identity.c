#include "distribution/identity.h"

#include "distribution/layout.h"

#include "schemas/json.h"

#include "base/memory.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_uuid(struct view text)
{
	if (text.len != DP_ID_SIZE - 1)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (dash ? text.data[i] != '-' : !isxdigit((unsigned char)text.data[i]))
			return false;
	}
	return true;
}

static void read_replaces(const struct json_node *root, struct identity *identity)
{
	struct json_node array;

	if (!json_get_array(root, "replaces", JSON_OPTIONAL, &array))
		return;
	size_t count = json_count(&array);
	if (count > IDENTITY_REPLACES_MAX) {
		json_fail(root, "replaces", "invalid_field", "has more than %d ids", IDENTITY_REPLACES_MAX);
		return;
	}
	identity->replaces = memory_alloc((count + 1) * sizeof(*identity->replaces));
	for (size_t i = 0; i < count; i++) {
		struct view id = json_item_text(&array, i);
		if (!is_uuid(id)) {
			json_fail_item(&array, i, "invalid_field", "must be a UUID");
			return;
		}
		identity->replaces[identity->replaces_count++] = memory_copy(id.data, id.len);
	}
}

enum status identity_parse(struct view text, struct identity *ret, struct error *err)
{
	struct identity identity = {0};
	struct json_node root;
	struct json json;
	struct error why;

	if (json_open(&json, text, IDENTITY_SIZE_MAX, &root, &why) != STATUS_OK)
		return error_set(err, STATUS_RETRY, "dp_not_initialised", "%s", why.message);
	struct view id = json_get_text(&root, "dp_id", JSON_REQUIRED);
	if (id.data && !is_uuid(id))
		json_fail(&root, "dp_id", "invalid_field", "must be a UUID");
	read_replaces(&root, &identity);
	for (size_t i = 0; id.data && is_uuid(id) && i < id.len; i++)
		identity.dp_id[i] = (char)tolower((unsigned char)id.data[i]);
	enum status status = json_status(&json);
	json_close(&json);
	if (status != STATUS_OK) {
		identity_release(&identity);
		return error_set(err, STATUS_RETRY, "dp_not_initialised", "%s", why.message);
	}
	*ret = identity;
	return STATUS_OK;
}

void identity_write(const struct identity *identity, struct buffer *out)
{
	json_begin(out, '{');
	json_put_text(out, "dp_id", identity->dp_id);
	if (identity->replaces_count) {
		json_key(out, "replaces");
		json_begin(out, '[');
		for (size_t i = 0; i < identity->replaces_count; i++)
			json_add_text(out, identity->replaces[i]);
		json_end(out, ']');
	}
	json_end(out, '}');
	buffer_add_text(out, "\n");
}

void identity_release(struct identity *identity)
{
	for (size_t i = 0; i < identity->replaces_count; i++)
		free(identity->replaces[i]);
	free(identity->replaces);
	*identity = (struct identity){0};
}

bool identity_replaces(const struct identity *identity, const char *dp_id)
{
	for (size_t i = 0; i < identity->replaces_count; i++)
		if (strcasecmp(identity->replaces[i], dp_id) == 0)
			return true;
	return false;
}

struct operation identity_read(void)
{
	return operation_read(LAYOUT_DP_JSON, IDENTITY_SIZE_MAX);
}

enum status identity_of(
        const struct operation *read, const char *point, struct identity *ret, struct error *err)
{
	if (read->result.status != STATUS_OK) {
		*err = read->result.err;
		return err->status;
	}
	if (!read->result.found)
		return error_set(err, STATUS_RETRY, "dp_not_initialised",
		        "distribution point %s has no .holdpoint/dp.json: if this is the right place, and "
		        "mounted, run "
		        "holdpoint-stager dp init --distribution-points FILE %s",
		        point, point);
	if (identity_parse(operation_data(read), ret, err) != STATUS_OK)
		return error_prefix(err, "distribution point %s: .holdpoint/dp.json: ", point);
	return STATUS_OK;
}

bool identity_is_told(const struct operation *read)
{
	struct identity identity = {0};
	struct error why;
	bool is_told =
	        identity_of(read, "", &identity, &why) == STATUS_OK && view_is(read->data, identity.dp_id);

	identity_release(&identity);
	return is_told;
}
