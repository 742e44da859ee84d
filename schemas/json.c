/* JSON read strictly: the one file that includes jansson. */
#include "schemas/json.h"

#include "base/memory.h"
#include "base/timestamp.h"

#include <assert.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A document is parsed into an arena, and goes with it at once: that halves what parsing a small one costs.
 *
 * jansson tells a document that it has no memory for and one that is wrong apart only sometimes, and the one
 * must not be rejected for ever as the other. So it gets memory as everybody does: or the process ends. */
static _Thread_local struct arena *filled;

static void *allocate(size_t size)
{
	return arena_alloc(filled, size);
}

static void keep(void *memory)
{
	(void)memory;
}

__attribute__((constructor)) static void give_memory(void)
{
	json_set_alloc_funcs(allocate, keep);
}

/* The name whose closing quote is the last byte before position. */
static struct view name_before(struct view text, size_t position)
{
	size_t end = position <= text.len && position ? position - 1 : 0, start = end;

	while (start && !(text.data[start - 1] == '"' && (start < 2 || text.data[start - 2] != '\\')))
		start--;
	return (struct view){text.data + start, end - start};
}

/* A name from outside, fit for a path. */
static const char *plain_name(char text[JSON_QUOTE_SIZE], struct view name)
{
	json_quote_into(text, name);
	text[strlen(text) - 1] = '\0'; /* the closing quote */
	return text + 1;
}

static enum status not_json(struct view text, const json_error_t *why, struct error *err)
{
	char words[JSON_ERROR_TEXT_LENGTH];

	if (json_error_code(why) == json_error_stack_overflow)
		return error_set(err, STATUS_REJECT, "too_deep", "nested too deep");
	if (json_error_code(why) == json_error_duplicate_key)
		return error_set(err, STATUS_REJECT, "invalid_json",
		        "%s: appears twice in one object (line %d, column %d)",
		        plain_name((char[JSON_QUOTE_SIZE]){0}, name_before(text, (size_t)why->position)),
		        why->line, why->column);
	snprintf(words, sizeof(words), "%s", why->text);
	for (char *at = words; *at; at++)
		if ((unsigned char)*at < 0x20 || (unsigned char)*at > 0x7e)
			*at = '?';
	return error_set(err, STATUS_REJECT, "invalid_json", "not valid JSON: %s (line %d, column %d)", words,
	        why->line, why->column);
}

static enum status parse(struct view text, size_t max, struct arena *memory, json_t **ret, struct error *err)
{
	json_error_t why;

	if (text.len > max)
		return error_set(err, STATUS_REJECT, "too_large",
		        "%zu bytes of JSON, where at most %zu are taken", text.len, max);
	if (json_is_too_deep(text))
		return error_set(err, STATUS_REJECT, "too_deep",
		        "JSON nested deeper than the %d levels that are taken", JSON_DEPTH_MAX);
	filled = memory;
	json_t *document = json_loadb(text.data ? text.data : "", text.len, JSON_REJECT_DUPLICATES, &why);
	filled = NULL;
	if (!document)
		return not_json(text, &why, err);
	*ret = document;
	return STATUS_OK;
}

static const char *type_name(const json_t *value)
{
	static const char *const names[] = {[JSON_OBJECT] = "an object",
	        [JSON_ARRAY] = "an array",
	        [JSON_STRING] = "a string",
	        [JSON_INTEGER] = "an integer",
	        [JSON_REAL] = "a number with a fraction or exponent",
	        [JSON_TRUE] = "true",
	        [JSON_FALSE] = "false",
	        [JSON_NULL] = "null"};

	return names[json_typeof(value)];
}

enum status json_open(
        struct json *json, struct view text, size_t max, struct json_node *ret_root, struct error *err)
{
	json_t *document = NULL;

	*json = (struct json){.err = err};
	json->status = parse(text, max, &json->memory, &document, err);
	if (json->status == STATUS_OK && !json_is_object(document))
		json->status = error_set(err, STATUS_REJECT, "invalid_type", "must be a JSON object, is %s",
		        type_name(document));
	if (json->status == STATUS_OK)
		json->document = document;
	else
		json_close(json);
	*ret_root = (struct json_node){.json = json, .value = json->document};
	return json->status;
}

void json_close(struct json *json)
{
	arena_release(&json->memory);
	json->document = NULL;
}

void *json_memory(struct json *json, size_t size)
{
	return arena_alloc(&json->memory, size);
}

enum status json_status(const struct json *json)
{
	return json->status;
}

/* Appends the path of node, "content.files[3]"; nothing for the document itself. */
static void add_path(struct buffer *path, const struct json_node *node)
{
	if (!node->parent)
		return;
	add_path(path, node->parent);
	if (!node->name)
		buffer_add_format(path, "[%zu]", node->index);
	else
		buffer_add_format(path, "%s%s", path->len ? "." : "", node->name);
}

enum status json_open_item(struct json *json, struct view text, size_t max, const struct json_node *array,
        size_t index, struct json_node *ret_item, struct error *err)
{
	enum status status = json_open(json, text, max, ret_item, err);
	struct buffer path;

	ret_item->parent = array;
	ret_item->index = index;
	if (status == STATUS_OK || !err)
		return status;
	buffer_init(&path, 256);
	add_path(&path, ret_item);
	error_prefix(err, "%s: ", buffer_view(&path).data);
	buffer_release(&path);
	return status;
}

static void fail_at(const struct json_node *node, const char *code, const char *format, va_list args)
{
	struct json *json = node->json;
	char words[ERROR_MESSAGE_MAX];
	struct buffer path;

	if (json->status != STATUS_OK)
		return;
	vsnprintf(words, sizeof(words), format, args);
	buffer_init(&path, 256);
	add_path(&path, node);
	json->status = error_set(json->err, STATUS_REJECT, code, "%s%s%s", buffer_view(&path).data,
	        path.len ? ": " : "", words);
	buffer_release(&path);
}

static struct json_node child(const struct json_node *in, const char *name, const void *value)
{
	return (struct json_node){in->json, in, name, 0, value};
}

void json_fail(const struct json_node *in, const char *name, const char *code, const char *format, ...)
{
	struct json_node field = child(in, name, NULL);
	va_list args;

	va_start(args, format);
	fail_at(name ? &field : in, code, format, args);
	va_end(args);
}

void json_fail_item(const struct json_node *array, size_t index, const char *code, const char *format, ...)
{
	struct json_node item = {array->json, array, NULL, index, NULL};
	va_list args;

	va_start(args, format);
	fail_at(&item, code, format, args);
	va_end(args);
}

static bool is_any_of(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (strcmp(name, *names) == 0)
			return true;
	return false;
}

void json_only(const struct json_node *in, const char *const *names)
{
	json_t *object = (json_t *)in->value;
	const char *const *next = names; /* fields mostly come in the order of the list */

	if (in->json->status != STATUS_OK)
		return;
	for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
		const char *name = json_object_iter_key(at);
		while (*next && strcmp(name, *next) != 0)
			next++;
		if (*next) {
			next++;
			continue;
		}
		if (!is_any_of(name, names)) {
			struct view view = {name, json_object_iter_key_len(at)};
			json_fail(in, plain_name((char[JSON_QUOTE_SIZE]){0}, view), "unknown_field",
			        "unknown field: correct its name or leave it out");
			return;
		}
		next = names;
	}
}

bool json_has(const struct json_node *in, const char *name)
{
	return json_object_get(in->value, name) != NULL;
}

struct view json_peek_text(const struct json_node *in, const char *name)
{
	const json_t *value = json_object_get(in->value, name);

	return (struct view){json_string_value(value), json_string_length(value)};
}

/* The field's value; NULL where it is absent, of another type (which fails), or something failed before. */
static const json_t *get(
        const struct json_node *in, const char *name, enum json_need need, json_type type, const char *wanted)
{
	if (in->json->status != STATUS_OK)
		return NULL;
	const json_t *value = json_object_get(in->value, name);
	if (value && json_typeof(value) == type)
		return value;
	if (value)
		json_fail(in, name, "invalid_type", "must be %s, is %s", wanted, type_name(value));
	else if (need == JSON_REQUIRED)
		json_fail(in, name, "missing_field", "is missing");
	return NULL;
}

struct view json_get_text(const struct json_node *in, const char *name, enum json_need need)
{
	const json_t *value = get(in, name, need, JSON_STRING, "a string");

	return (struct view){json_string_value(value), json_string_length(value)};
}

char *json_get_copy(const struct json_node *in, const char *name, enum json_need need)
{
	struct view text = json_get_text(in, name, need);

	return text.data ? memory_copy(text.data, text.len) : NULL;
}

void json_get_bool(const struct json_node *in, const char *name, enum json_need need, bool *ret)
{
	const json_t *value = json_object_get(in->value, name);
	json_type type = json_is_true(value) ? JSON_TRUE : JSON_FALSE;

	value = get(in, name, need, type, "true or false");
	if (value)
		*ret = json_is_true(value);
}

void json_get_int(const struct json_node *in, const char *name, enum json_need need, int64_t least,
        int64_t most, int64_t *ret)
{
	const json_t *value = get(in, name, need, JSON_INTEGER, "an integer");

	if (!value)
		return;
	int64_t number = json_integer_value(value);
	if (number < least || number > most)
		json_fail(in, name, "invalid_field", "must be from %jd to %jd, is %jd", (intmax_t)least,
		        (intmax_t)most, (intmax_t)number);
	else
		*ret = number;
}

void json_get_uint(const struct json_node *in, const char *name, enum json_need need, uint64_t least,
        uint64_t most, uint64_t *ret)
{
	int64_t number = -1;

	assert(most <= INT64_MAX);
	json_get_int(in, name, need, (int64_t)least, (int64_t)most, &number);
	if (number >= 0)
		*ret = (uint64_t)number;
}

void json_get_time(const struct json_node *in, const char *name, enum json_need need, int64_t *ret_ms)
{
	struct view text = json_get_text(in, name, need);

	if (text.data && !timestamp_parse(text, ret_ms))
		json_fail(in, name, "invalid_field",
		        "must be a time as in \"2026-12-01T00:00:00Z\" (RFC 3339), is %s", json_quote(text));
}

int json_get_choice(
        const struct json_node *in, const char *name, enum json_need need, const char *const *names)
{
	struct view text = json_get_text(in, name, need);
	struct buffer all;

	for (int i = 0; text.data && names[i]; i++)
		if (view_is(text, names[i]))
			return i;
	if (!text.data)
		return -1;
	buffer_init(&all, ERROR_MESSAGE_MAX);
	for (int i = 0; names[i]; i++)
		buffer_add_format(&all, "%s\"%s\"", !i ? "" : names[i + 1] ? ", " : " or ", names[i]);
	json_fail(in, name, "invalid_field", "must be %s, is %s", buffer_view(&all).data, json_quote(text));
	buffer_release(&all);
	return -1;
}

bool json_get_object(const struct json_node *in, const char *name, enum json_need need, struct json_node *ret)
{
	const json_t *value = get(in, name, need, JSON_OBJECT, "an object");

	*ret = child(in, name, value);
	return value != NULL;
}

bool json_get_array(const struct json_node *in, const char *name, enum json_need need, struct json_node *ret)
{
	const json_t *value = get(in, name, need, JSON_ARRAY, "an array");

	*ret = child(in, name, value);
	return value != NULL;
}

size_t json_count(const struct json_node *array)
{
	return json_array_size(array->value);
}

static const json_t *item(const struct json_node *array, size_t index, json_type type, const char *wanted)
{
	if (array->json->status != STATUS_OK)
		return NULL;
	const json_t *value = json_array_get(array->value, index);
	assert(value);
	if (json_typeof(value) == type)
		return value;
	json_fail_item(array, index, "invalid_type", "must be %s, is %s", wanted, type_name(value));
	return NULL;
}

struct view json_item_text(const struct json_node *array, size_t index)
{
	const json_t *value = item(array, index, JSON_STRING, "a string");

	return (struct view){json_string_value(value), json_string_length(value)};
}

bool json_item_object(const struct json_node *array, size_t index, struct json_node *ret)
{
	const json_t *value = item(array, index, JSON_OBJECT, "an object");

	*ret = (struct json_node){array->json, array, NULL, index, value};
	return value != NULL;
}

void json_each_text(const struct json_node *object,
        void (*visit)(struct view name, struct view value, void *context), void *context)
{
	json_t *fields = (json_t *)object->value;

	for (void *at = json_object_iter(fields); at; at = json_object_iter_next(fields, at)) {
		struct view name = {json_object_iter_key(at), json_object_iter_key_len(at)};
		const json_t *value = json_object_iter_value(at);
		if (object->json->status != STATUS_OK)
			return;
		if (!json_is_string(value)) {
			json_fail(object, plain_name((char[JSON_QUOTE_SIZE]){0}, name), "invalid_type",
			        "must be a string, is %s", type_name(value));
			return;
		}
		visit(name, (struct view){json_string_value(value), json_string_length(value)}, context);
	}
}
