#ifndef SCHEMAS_JSON_H
#define SCHEMAS_JSON_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

/* JSON (RFC 8259) read strictly and written by appending.
 *
 * Reading: json_open() parses one document, and the json_get_…() functions take its fields by name. The first
 * failure is kept in the document and names its field by its path ("content.files[3].size: must be …"); all
 * later calls do nothing and return the absent value, so a codec reads straight through and checks
 * json_status() once, at the end, before it uses what it read. Texts look into the document and live until
 * json_close(). null is a wrong type: a field is absent by not being there.
 *
 *	static const char *const fields[] = {"name", "size", NULL};
 *	struct json json;
 *	struct json_node root;
 *	uint64_t size = 0;
 *
 *	if (json_open(&json, text, 4096, &root, err) != STATUS_OK)
 *		return err->status;
 *	json_only(&root, fields);
 *	char *name = json_get_copy(&root, "name", JSON_REQUIRED);
 *	json_get_uint(&root, "size", JSON_OPTIONAL, 1, 100, &size);
 *	enum status status = json_status(&json);
 *	json_close(&json);
 *	… on failure free(name) and return status */
struct json {
	void *document;
	struct arena memory; /* all that it is made of */
	struct error *err;
	enum status status;
};

/* An object or array in a document; it must not outlive its parent, which it looks at. */
struct json_node {
	struct json *json;
	const struct json_node *parent; /* NULL: the document itself */
	const char *name;               /* the field it is in, NULL: an item of an array … */
	size_t index;                   /* … at this index */
	const void *value;
};

enum json_need { JSON_REQUIRED, JSON_OPTIONAL };
enum { JSON_DEPTH_MAX = 32 };
#define JSON_INTEGER_MAX                                                                                     \
	INT64_C(9007199254740991) /* 2^53 - 1: what every JSON reader can hold (RFC 7493)                    \
	                           */

/* Parses text, one JSON object. STATUS_REJECT: "too_large" (more than max bytes), "too_deep" (more than
 * JSON_DEPTH_MAX levels; looked at first, so no input exhausts the stack), "invalid_json" (also duplicate
 * fields, bad UTF-8, a NUL in a string), "invalid_type" (not an object). json_close() is needed after success
 * and harmless after failure. *json must stay where it is while nodes are in use. */
must_check enum status json_open(
        struct json *json, struct view text, size_t max, struct json_node *ret_root, struct error *err);
/* The same for one object of an array that was kept out of its document, which would be too large as a whole;
 * failures name its path. */
must_check enum status json_open_item(struct json *json, struct view text, size_t max,
        const struct json_node *array, size_t index, struct json_node *ret_item, struct error *err);
bool json_is_too_deep(struct view text); /* without parsing; strings are skipped, nothing else is judged */
void json_close(struct json *json);
void *json_memory(struct json *json, size_t size); /* goes with the document; not zeroed */
enum status json_status(const struct json *json);

/* Fails with "unknown_field" where the object has a field that is not in names, a NULL-terminated list: the
 * fastest in the order in which writers put them. */
void json_only(const struct json_node *in, const char *const *names);

bool json_has(const struct json_node *in, const char *name);
/* The field's text, or the absent view, also after a failure or where it is no text: never fails. */
struct view json_peek_text(const struct json_node *in, const char *name);

/* Fail with "missing_field", "invalid_type" or "invalid_field". Outputs are untouched where the field is
 * absent. */
struct view json_get_text(const struct json_node *in, const char *name, enum json_need need);
char *json_get_copy(const struct json_node *in, const char *name, enum json_need need); /* NULL: absent */
void json_get_bool(const struct json_node *in, const char *name, enum json_need need, bool *ret);
void json_get_int(const struct json_node *in, const char *name, enum json_need need, int64_t least,
        int64_t most, int64_t *ret);
void json_get_uint(const struct json_node *in, const char *name, enum json_need need, uint64_t least,
        uint64_t most, uint64_t *ret); /* most is at most INT64_MAX */
void json_get_time(const struct json_node *in, const char *name, enum json_need need, int64_t *ret_ms);
/* The index of the text in names, a NULL-terminated list; -1: absent or failed. */
int json_get_choice(
        const struct json_node *in, const char *name, enum json_need need, const char *const *names);
/* True: it is there, and *ret is a node below in. */
bool json_get_object(
        const struct json_node *in, const char *name, enum json_need need, struct json_node *ret);
bool json_get_array(const struct json_node *in, const char *name, enum json_need need, struct json_node *ret);

/* Of an array; index < json_count(). */
size_t json_count(const struct json_node *array);
struct view json_item_text(const struct json_node *array, size_t index);
bool json_item_object(const struct json_node *array, size_t index, struct json_node *ret);

/* Calls visit for each field of an object whose values are all texts; any other fails. */
void json_each_text(const struct json_node *object,
        void (*visit)(struct view name, struct view value, void *context), void *context);

/* Fails for the field name of in (NULL: for in itself), unless something failed before. The message becomes
 * "path: " and these words. Text from the document goes through json_quote() first. */
void json_fail(const struct json_node *in, const char *name, const char *code, const char *format, ...)
        printf_like(4, 5);
void json_fail_item(const struct json_node *array, size_t index, const char *code, const char *format, ...)
        printf_like(4, 5);

/* Text from outside made fit for a message: in double quotes, control characters as '?', cut at 60 bytes. */
enum { JSON_QUOTE_SIZE = 72 };
#define json_quote(text) json_quote_into((char[JSON_QUOTE_SIZE]){0}, (text))
const char *json_quote_into(char quoted[JSON_QUOTE_SIZE], struct view text);

/* Writing, by appending to a buffer that the caller checks for full once at the end. Commas come by
 *themselves: a name, value or bracket that does not follow '{', '[' or ':' gets one. json_add_…() writes a
 *value, json_put_…() a name and its value. Names are short plain literals that need no escaping.
 *
 *	json_begin(out, '{');
 *	json_put_text(out, "name", "paris");
 *	json_key(out, "sizes");
 *	json_begin(out, '[');
 *	json_add_uint(out, 7);
 *	json_end(out, ']');
 *	json_end(out, '}'); */
void json_begin(struct buffer *out, char bracket); /* '{' or '[' */
void json_end(struct buffer *out, char bracket);   /* '}' or ']' */
void json_key(struct buffer *out, const char *name);

/* Invalid UTF-8 is written as U+FFFD; control characters (C0, DEL, C1) are escaped. */
void json_add_text(struct buffer *out, const char *text);
void json_add_view(struct buffer *out, struct view text);
void json_add_int(struct buffer *out, int64_t number);
void json_add_uint(struct buffer *out, uint64_t number);
void json_add_bool(struct buffer *out, bool value);
void json_add_time(struct buffer *out, int64_t ms);      /* as timestamp_format() */
void json_add_raw(struct buffer *out, const char *json); /* a value that is known to be good JSON */

void json_put_text(
        struct buffer *out, const char *name, const char *text); /* text NULL: nothing is written */
void json_put_int(struct buffer *out, const char *name, int64_t number);
void json_put_uint(struct buffer *out, const char *name, uint64_t number);
void json_put_bool(struct buffer *out, const char *name, bool value);
void json_put_time(struct buffer *out, const char *name, int64_t ms);

#endif
