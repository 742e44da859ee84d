/* The files of a version, read from JSON. */
#include "base/memory.h"
#include "schemas/names.h"
#include "schemas/record.h"

#include <stdlib.h>
#include <string.h>

/* How much of url is the folder that it lies in, with the slash at its end; no slash: all, and one is needed.
 */
static size_t folder_len(const char *url)
{
	const char *authority = strstr(url, "://");
	size_t start = authority ? (size_t)(authority - url) + 3 : 0;
	size_t len = strcspn(url, "?#");

	while (len > start && url[len - 1] != '/')
		len--;
	return len > start ? len : strcspn(url, "?#");
}

/* The URL of path beside base_url, percent-encoded. */
static char *url_beside(const char *base_url, const char *path)
{
	static const char digits[] = "0123456789ABCDEF";
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
	size_t folder = folder_len(base_url);
	struct buffer url;

	buffer_init(&url, URL_SIZE_MAX + folder + 3 * MANIFEST_PATH_MAX);
	buffer_add(&url, base_url, folder);
	if (folder && base_url[folder - 1] != '/')
		buffer_add(&url, "/", 1);
	for (; *path; path++) {
		unsigned char c = (unsigned char)*path;
		if (strchr(plain, c))
			buffer_add(&url, path, 1);
		else
			buffer_add(&url, (char[3]){'%', digits[c >> 4], digits[c & 15]}, 3);
	}
	return url.data;
}

/* Whether the path is good is for manifest_new() to say; url_beside() needs only that it is bounded. */
static void add_url(const char *base_url, struct manifest_file *file)
{
	if (base_url && !file->url && strlen(file->path) <= MANIFEST_PATH_MAX)
		file->url = url_beside(base_url, file->path);
}

void record_manifest_file(
        const struct json_node *in, const struct manifest_urls *urls, struct manifest_file *file)
{
	static const char *const fields[] = {"path", "size", "digest", "executable", "url", NULL};

	json_only(in, fields);
	file->path = json_get_copy(in, "path", JSON_REQUIRED);
	json_get_uint(in, "size", JSON_REQUIRED, 0, JSON_INTEGER_MAX, &file->size);
	struct view digest = record_digest(in, "digest", JSON_REQUIRED);
	if (digest.data)
		memcpy(file->digest, digest.data, DIGEST_SIZE);
	json_get_bool(in, "executable", JSON_OPTIONAL, &file->executable);
	file->url = json_get_copy(in, "url", urls->required ? JSON_REQUIRED : JSON_OPTIONAL);
	if (json_status(in->json) == STATUS_OK)
		add_url(urls->base_url, file);
}

struct manifest *record_manifest(
        const struct json_node *in, const char *field_prefix, const struct manifest_urls *urls)
{
	struct manifest *manifest = NULL;
	struct json_node array, item;

	if (!json_get_array(in, "files", JSON_REQUIRED, &array))
		return NULL;
	size_t count = json_count(&array), read = 0;
	if (count < 1 || count > MANIFEST_FILES_MAX) {
		json_fail(&array, NULL, "invalid_field", "must have 1 to %d files, has %zu",
		        MANIFEST_FILES_MAX, count);
		return NULL;
	}
	struct manifest_file *files = memory_alloc(count * sizeof(*files));
	for (; read < count && json_item_object(&array, read, &item); read++)
		record_manifest_file(&item, urls, &files[read]);
	if (json_status(in->json) == STATUS_OK) {
		in->json->status = manifest_new(files, count, field_prefix, &manifest, in->json->err);
		return manifest;
	}
	manifest_files_free(files, count);
	return NULL;
}
