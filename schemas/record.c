/* Fields that mean the same in every record. */
#include "schemas/record.h"

#include "schemas/names.h"

#include <string.h>

void record_check_schema(const struct json_node *in, enum json_need need)
{
	int64_t schema = SCHEMA_VERSION;

	json_get_int(in, "schema", need, 1, JSON_INTEGER_MAX, &schema);
	if (schema > SCHEMA_VERSION)
		json_fail(in, "schema", "newer_schema",
		        "is %jd, and this program knows those up to %d: use a newer one", (intmax_t)schema,
		        SCHEMA_VERSION);
}

static struct view get_name(const struct json_node *in, const char *name, enum json_need need,
        bool (*is_name)(struct view), const char *rule)
{
	struct view text = json_get_text(in, name, need);

	if (!text.data || is_name(text))
		return text;
	json_fail(in, name, "invalid_field", "must be %s, is %s", rule, json_quote(text));
	return (struct view){NULL, 0};
}

struct view record_package(const struct json_node *in)
{
	return get_name(in, "package_id", JSON_REQUIRED, name_is_package,
	        "1 to 128 of A-Z a-z 0-9 . _ + - that begin with a letter or digit");
}

struct view record_version(const struct json_node *in, const char *name, enum json_need need)
{
	return get_name(in, name, need, name_is_version,
	        "1 to 64 of A-Z a-z 0-9 . _ + - ~ that begin with a letter or digit");
}

struct view record_distribution_point(const struct json_node *in)
{
	return get_name(in, "distribution_point", JSON_REQUIRED, name_is_distribution_point,
	        "1 to 64 of A-Z a-z 0-9 . _ + - that begin with a letter or digit");
}

static bool is_digest(struct view text)
{
	return text.len == DIGEST_SIZE - 1 && digest_is_valid(text.data);
}

struct view record_digest(const struct json_node *in, const char *name, enum json_need need)
{
	return get_name(in, name, need, is_digest, "\"sha256:\" and 64 lower-case hex digits");
}

struct view record_url(const struct json_node *in, const char *name, enum json_need need)
{
	struct view url = json_get_text(in, name, need);
	const char *problem = url.data ? name_url_problem(url) : NULL;

	if (!problem)
		return url;
	json_fail(in, name, "invalid_field", "%s", problem); /* not the URL: it may hold a password */
	return (struct view){NULL, 0};
}

static bool is_id(struct view text)
{
	return text.len >= 1 && text.len <= RECORD_ID_MAX;
}

struct view record_id(const struct json_node *in, const char *name)
{
	return get_name(in, name, JSON_REQUIRED, is_id, "1 to 128 bytes");
}

struct position record_position(const struct json_node *in, const char *name, enum json_need need)
{
	int64_t partition = -1, offset = -1;
	struct json_node position;

	if (json_get_object(in, name, need, &position)) {
		json_get_int(&position, "partition", JSON_REQUIRED, 0, INT32_MAX, &partition);
		json_get_int(&position, "offset", JSON_REQUIRED, 0, JSON_INTEGER_MAX, &offset);
	}
	return (struct position){(int32_t)partition, offset};
}

void record_check_key(const struct json_node *in, struct view key, struct view package_id)
{
	if (key.data && package_id.data && !view_equal(key, package_id))
		json_fail(in, "package_id", "key_mismatch", "is %s, but the record's key is %s",
		        json_quote(package_id), json_quote(key));
}

#define NAMES(type)                                                                                          \
	{                                                                                                    \
		type, "holdpoint." type ".v1"                                                                \
	}
static const struct {
	const char *name, *event;
} type_names[] = {
        [RECORD_STAGED] = NAMES("staged"),
        [RECORD_RELEASE] = NAMES("release"),
        [RECORD_WITHHELD] = NAMES("withheld"),
        [RECORD_UPDATED] = NAMES("updated"),
        [RECORD_JOB] = NAMES("job"),
        [RECORD_DISTRIBUTION_POINT] = NAMES("distribution_point"),
        [RECORD_DUPLICATE] = NAMES("duplicate"),
        [RECORD_PROGRESS] = NAMES("progress"),
};

const char *record_type_name(enum record_type type)
{
	return type_names[type].name;
}

const char *record_event_type(enum record_type type)
{
	return type_names[type].event;
}

void record_begin(struct buffer *out, enum record_type type, const char *id, int64_t time_ms)
{
	json_begin(out, '{');
	json_put_uint(out, "schema", SCHEMA_VERSION);
	json_put_text(out, "type", record_type_name(type));
	json_put_text(out, "id", id);
	json_put_time(out, "time", time_ms);
}

void record_put_position(struct buffer *out, const char *name, struct position position)
{
	if (position.offset < 0)
		return;
	json_key(out, name);
	json_begin(out, '{');
	json_put_int(out, "partition", position.partition);
	json_put_int(out, "offset", position.offset);
	json_end(out, '}');
}
