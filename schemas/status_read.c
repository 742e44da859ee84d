/* The records of the status and progress topics, read by those who watch: what is there, no judgement. */
#include "schemas/record.h"
#include "schemas/status.h"

#include <string.h>

/* Cut where it is too long, at a UTF-8 boundary. */
static void cut_text(struct view value, char *text, size_t size)
{
	size_t len = value.len < size ? value.len : size - 1;

	while (len && len < value.len && ((unsigned char)value.data[len] & 0xc0) == 0x80)
		len--;
	if (len)
		memcpy(text, value.data, len);
	text[len] = '\0';
}

static void get_text(const struct json_node *in, const char *name, char *text, size_t size)
{
	cut_text(json_get_text(in, name, JSON_OPTIONAL), text, size);
}

static uint64_t get_count(const struct json_node *in, const char *name, uint64_t most)
{
	uint64_t count = 0;

	json_get_uint(in, name, JSON_OPTIONAL, 0, most, &count);
	return count;
}

static void get_waiting_for(const struct json_node *in, struct status_event *event)
{
	struct json_node waiting_for, missing;

	if (!json_get_object(in, "waiting_for", JSON_OPTIONAL, &waiting_for))
		return;
	event->staged = (uint32_t)get_count(&waiting_for, "staged", UINT32_MAX);
	event->targets = (uint32_t)get_count(&waiting_for, "targets", UINT32_MAX);
	if (!json_get_array(&waiting_for, "missing", JSON_OPTIONAL, &missing))
		return;
	for (size_t i = 0; i < json_count(&missing) && i < HELD_MISSING_MAX; i++)
		cut_text(json_item_text(&missing, i), event->missing[event->missing_count++], DP_NAME_SIZE);
}

static void get_error(const struct json_node *in, struct status_event *event)
{
	struct json_node error;

	if (!json_get_object(in, "error", JSON_OPTIONAL, &error))
		return;
	get_text(&error, "code", event->reason, sizeof(event->reason));
	get_text(&error, "message", event->detail, sizeof(event->detail));
}

static void get_event(const struct json_node *in, struct status_event *event)
{
	record_check_schema(in, JSON_REQUIRED);
	(void)json_get_text(in, "type", JSON_REQUIRED);
	get_text(in, "type", event->type, sizeof(event->type));
	get_text(in, "job_id", event->job_id, sizeof(event->job_id));
	get_text(in, "package_id", event->package_id, sizeof(event->package_id));
	get_text(in, "version", event->version, sizeof(event->version));
	get_text(in, "distribution_point", event->distribution_point, sizeof(event->distribution_point));
	get_text(in, "state", event->state, sizeof(event->state));
	json_get_bool(in, "final", JSON_OPTIONAL, &event->final);
	get_text(in, "reason", event->reason, sizeof(event->reason));
	get_text(in, "detail", event->detail, sizeof(event->detail));
	get_error(in, event);
	get_waiting_for(in, event);
	event->job_position = record_position(
	        in, strcmp(event->type, "duplicate") == 0 ? "original" : "job_position", JSON_OPTIONAL);
	event->attempt = (uint32_t)get_count(in, "attempt", UINT32_MAX);
	event->bytes_done = get_count(in, "bytes_done", JSON_INTEGER_MAX);
	event->bytes_total = get_count(in, "bytes_total", JSON_INTEGER_MAX);
	json_get_time(in, "time", JSON_REQUIRED, &event->time_ms);
	json_get_time(in, "next_retry", JSON_OPTIONAL, &event->next_retry_ms);
}

enum status status_parse(struct view value, struct status_event *ret, struct error *err)
{
	struct status_event event = {.job_position = {-1, -1}};
	struct json json;
	struct json_node root;
	enum status status = json_open(&json, value, RECORD_VALUE_MAX, &root, err);

	if (status != STATUS_OK)
		return status;
	get_event(&root, &event);
	status = json_status(&json);
	json_close(&json);
	if (status == STATUS_OK)
		*ret = event;
	return status;
}
