/* A manifest, sealed or fetched, parsed item by item: as one document a million files would take more than a
 * gigabyte of memory, and what looks like a manifest far more. */
#include "base/memory.h"
#include "schemas/record.h"

#include <stdlib.h>
#include <string.h>

enum { ITEM_MAX = 65536, SHELL_MAX = RECORD_VALUE_MAX };

/* The position of the quote that ends the string at start, or the end of text. */
static size_t string_end(struct view text, size_t start)
{
	size_t at = start + 1;

	while (at < text.len && text.data[at] != '"')
		at += text.data[at] == '\\' ? 2 : 1;
	return at < text.len ? at : text.len;
}

/* What lies between the brackets of the array "files": data NULL, there is none; true: it has an end. Nothing
 * is judged here: what is left without the items, the shell, is parsed for itself, and so is each item. */
static bool find_items(struct view text, struct view *ret_items)
{
	struct view key = {NULL, 0};
	size_t depth = 0, start = 0;

	*ret_items = (struct view){NULL, 0};
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];
		if (c == '"') {
			size_t end = string_end(text, i);
			if (depth == 1)
				key = (struct view){text.data + i + 1, end - i - 1};
			i = end;
		} else if (c == '{' || c == '[') {
			if (c == '[' && depth == 1 && !start && view_is(key, "files")) {
				start = i + 1;
				*ret_items = (struct view){text.data + start, text.len - start};
			}
			depth++;
		} else if (c == '}' || c == ']') {
			if (!depth)
				return false;
			if (--depth == 1 && start) {
				ret_items->len = i - start;
				return true;
			}
		}
	}
	return false;
}

/* The length of the object or array that text begins with, with its brackets; as a whole where it has no end.
 */
static size_t bracketed_len(struct view text)
{
	size_t depth = 0;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];
		if (c == '"')
			i = string_end(text, i);
		else if (c == '{' || c == '[')
			depth++;
		else if ((c == '}' || c == ']') && --depth == 0)
			return i + 1;
	}
	return text.len;
}

static void skip(struct view *text, size_t len)
{
	text->data += len;
	text->len -= len;
}

static void skip_space(struct view *text)
{
	while (text->len && memchr(" \t\n\r", *text->data, 4))
		skip(text, 1);
}

struct files {
	struct manifest_file *list;
	size_t count, capacity;
};

static struct manifest_file *next_file(struct files *files)
{
	if (files->count == files->capacity) {
		files->capacity = files->capacity ? 2 * files->capacity : 16;
		files->list = memory_resize(files->list, files->capacity * sizeof(*files->list));
	}
	struct manifest_file *file = &files->list[files->count++];
	*file = (struct manifest_file){.path = NULL};
	return file;
}

/* Reads the object that *text begins with. */
static void read_item(
        const struct json_node *array, struct view *text, const char *base_url, struct files *files)
{
	struct view item = {text->data, bracketed_len(*text)};
	struct json json;
	struct json_node node;

	array->json->status =
	        json_open_item(&json, item, ITEM_MAX, array, files->count, &node, array->json->err);
	if (array->json->status != STATUS_OK)
		return;
	record_manifest_file(&node, &(struct manifest_urls){.base_url = base_url}, next_file(files));
	array->json->status = json_status(&json);
	json_close(&json);
	skip(text, item.len);
	skip_space(text);
}

static void read_items(
        const struct json_node *array, struct view text, const char *base_url, struct files *files)
{
	skip_space(&text);
	while (text.len && json_status(array->json) == STATUS_OK) {
		if (*text.data != '{')
			json_fail_item(array, files->count, "invalid_type", "must be an object");
		else if (files->count == MANIFEST_FILES_MAX)
			json_fail(array, NULL, "invalid_field", "must have at most %d files",
			        MANIFEST_FILES_MAX);
		else
			read_item(array, &text, base_url, files);
		if (!text.len || json_status(array->json) != STATUS_OK)
			return;
		if (*text.data != ',')
			json_fail_item(array, files->count, "invalid_json", "a comma must come before it");
		skip(&text, 1);
		skip_space(&text);
		if (!text.len)
			json_fail_item(array, files->count, "invalid_json", "must be there behind a comma");
	}
}

/* Takes files, whatever comes of it. */
static struct manifest *make(const struct json_node *root, const struct files *files)
{
	struct manifest *manifest = NULL;

	if (json_status(root->json) == STATUS_OK)
		root->json->status =
		        manifest_new(files->list, files->count, NULL, &manifest, root->json->err);
	else
		manifest_files_free(files->list, files->count);
	return manifest;
}

static struct manifest *read_manifest(
        const struct json_node *root, const struct view *items, const char *base_url)
{
	static const char *const fields[] = {"files", NULL};
	struct files files = {.list = NULL};
	struct json_node array;

	json_only(root, fields);
	if (!items)
		return record_manifest(root, NULL, &(struct manifest_urls){.base_url = base_url});
	if (!json_get_array(root, "files", JSON_REQUIRED, &array))
		return NULL;
	read_items(&array, *items, base_url, &files);
	return make(root, &files);
}

/* text without its items: all of it where there are none. */
static enum status make_shell(
        struct view text, const struct view *items, struct buffer *shell, struct error *err)
{
	size_t before = items ? (size_t)(items->data - text.data) : text.len;
	size_t behind = items ? before + items->len : text.len;

	buffer_add(shell, text.data, before);
	if (behind < text.len)
		buffer_add(shell, text.data + behind, text.len - behind);
	if (!shell->full)
		return STATUS_OK;
	return error_set(err, STATUS_REJECT, "too_large",
	        "more than %d bytes of a manifest are not in its files", SHELL_MAX);
}

static enum status parse(struct view text, const struct view *items, const char *base_url,
        struct manifest **ret, struct error *err)
{
	struct manifest *manifest = NULL;
	struct json_node root;
	struct buffer shell;
	struct json json;

	buffer_init(&shell, SHELL_MAX);
	enum status status = make_shell(text, items, &shell, err);
	if (status == STATUS_OK)
		status = json_open(&json, buffer_view(&shell), SHELL_MAX, &root, err);
	buffer_release(&shell);
	if (status != STATUS_OK)
		return status;
	manifest = read_manifest(&root, items, base_url);
	status = json_status(&json);
	json_close(&json);
	if (status == STATUS_OK)
		*ret = manifest;
	return status;
}

enum status manifest_parse(struct view text, const char *base_url, struct manifest **ret, struct error *err)
{
	struct view items;

	if (text.len > MANIFEST_BYTES_MAX)
		return error_set(err, STATUS_REJECT, "too_large",
		        "%zu bytes, where a manifest has at most %d", text.len, MANIFEST_BYTES_MAX);
	if (find_items(text, &items))
		return parse(text, &items, base_url, ret, err);
	if (items.data)
		return error_set(err, STATUS_REJECT, "invalid_json",
		        "files: the manifest ends within it, at byte %zu: was it cut off?", text.len);
	return parse(text, NULL, base_url, ret, err);
}
