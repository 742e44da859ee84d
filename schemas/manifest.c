/* The content of a version: checked, sorted, written in its canonical form, shared by counted references. */
#include "schemas/manifest.h"

#include "base/memory.h"
#include "schemas/json.h"
#include "schemas/names.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct shared_manifest {
	struct manifest manifest;
	atomic_uint references;
};

void manifest_files_free(struct manifest_file *files, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(files[i].path);
		free(files[i].url);
	}
	free(files);
}

struct manifest *manifest_ref(struct manifest *manifest)
{
	atomic_fetch_add(&((struct shared_manifest *)manifest)->references, 1);
	return manifest;
}

void manifest_unref(struct manifest *manifest)
{
	if (!manifest || atomic_fetch_sub(&((struct shared_manifest *)manifest)->references, 1) > 1)
		return;
	manifest_files_free(manifest->files, manifest->count);
	free(manifest);
}

/* Where the files are, for messages: "content." or nothing. */
static const char *dot(const char *prefix)
{
	return prefix ? "." : "";
}

static enum status check_file(
        const struct manifest_file *file, size_t index, const char *prefix, struct error *err)
{
	const char *problem = name_path_problem(view_text(file->path)), *field = "path";

	if (!problem && file->size > JSON_INTEGER_MAX)
		problem = "must be at most 9007199254740991", field = "size";
	if (!problem && !digest_is_valid(file->digest))
		problem = "must be \"sha256:\" and 64 lower-case hex digits", field = "digest";
	if (!problem && file->url)
		problem = name_url_problem(view_text(file->url)), field = "url";
	if (!problem)
		return STATUS_OK;
	return error_set(err, STATUS_REJECT, "invalid_field", "%s%sfiles[%zu].%s: %s%s%s",
	        prefix ? prefix : "", dot(prefix), index, field, problem,
	        strcmp(field, "path") ? "" : ", is ",
	        strcmp(field, "path") ? "" : json_quote(view_text(file->path)));
}

static enum status check_files(const struct manifest_file *files, size_t count, const char *prefix,
        uint64_t *ret_bytes, struct error *err)
{
	uint64_t bytes = 0;

	if (count < 1 || count > MANIFEST_FILES_MAX)
		return error_set(err, STATUS_REJECT, "invalid_field",
		        "%s%sfiles: must have 1 to %d files, has %zu", prefix ? prefix : "", dot(prefix),
		        MANIFEST_FILES_MAX, count);
	for (size_t i = 0; i < count; i++) {
		enum status status = check_file(&files[i], i, prefix, err);
		if (status != STATUS_OK)
			return status;
		bytes += files[i].size; /* cannot wrap: each addend and each sum so far is below 2^53 */
		if (bytes > JSON_INTEGER_MAX)
			return error_set(err, STATUS_REJECT, "invalid_field",
			        "%s%sfiles[%zu].size: the sizes add up to more than 9007199254740991",
			        prefix ? prefix : "", dot(prefix), i);
	}
	*ret_bytes = bytes;
	return STATUS_OK;
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp(((const struct manifest_file *)a)->path, ((const struct manifest_file *)b)->path);
}

/* One file at each path, and no file where another needs a folder. In sorted order all that begins with a
 * path follows it directly, so a stack of the paths that the present one begins with tells: each of them is
 * longer than the one below, so there are at most MANIFEST_PATH_MAX. */
static enum status check_conflicts(
        const struct manifest_file *files, size_t count, const char *prefix, struct error *err)
{
	const char *stack[MANIFEST_PATH_MAX + 1];
	size_t lens[MANIFEST_PATH_MAX + 1], depth = 0;

	for (size_t i = 0; i < count; i++) {
		const char *path = files[i].path;
		while (depth && strncmp(path, stack[depth - 1], lens[depth - 1]) != 0)
			depth--;
		for (size_t k = 0; k < depth; k++)
			if (path[lens[k]] == '/' || !path[lens[k]])
				return error_set(err, STATUS_REJECT, "invalid_field",
				        "%s%sfiles: the path %s is %s %s", prefix ? prefix : "", dot(prefix),
				        json_quote(view_text(stack[k])),
				        path[lens[k]] ? "a file and the folder of" : "there twice, as",
				        json_quote(view_text(path)));
		stack[depth] = path;
		lens[depth++] = strlen(path);
	}
	return STATUS_OK;
}

static void write_files(const struct manifest *manifest, bool with_urls, struct buffer *out)
{
	json_begin(out, '{');
	json_key(out, "files");
	json_begin(out, '[');
	for (size_t i = 0; i < manifest->count; i++) {
		const struct manifest_file *file = &manifest->files[i];
		json_begin(out, '{');
		json_put_text(out, "path", file->path);
		json_put_uint(out, "size", file->size);
		json_put_text(out, "digest", file->digest);
		json_put_bool(out, "executable", file->executable);
		json_put_text(out, "url", with_urls ? file->url : NULL);
		json_end(out, '}');
	}
	json_end(out, ']');
	json_end(out, '}');
}

void manifest_write_canonical(const struct manifest *manifest, struct buffer *out)
{
	write_files(manifest, false, out);
}

void manifest_write_with_urls(const struct manifest *manifest, struct buffer *out)
{
	write_files(manifest, true, out);
}

static enum status make_digest(struct manifest *manifest, const char *prefix, struct error *err)
{
	struct buffer canonical;
	enum status status = STATUS_OK;

	buffer_init(&canonical, MANIFEST_BYTES_MAX);
	manifest_write_canonical(manifest, &canonical);
	if (canonical.full)
		status = error_set(err, STATUS_REJECT, "too_large",
		        "%s%sfiles: the manifest would be larger than %d bytes", prefix ? prefix : "",
		        dot(prefix), MANIFEST_BYTES_MAX);
	else
		digest_of(buffer_view(&canonical), manifest->digest);
	buffer_release(&canonical);
	return status;
}

enum status manifest_new(struct manifest_file *files, size_t count, const char *field_prefix,
        struct manifest **ret, struct error *err)
{
	struct manifest manifest = {.files = files, .count = count};
	enum status status = check_files(files, count, field_prefix, &manifest.bytes, err);

	if (status == STATUS_OK) {
		if (count > 1)
			qsort(files, count, sizeof(*files), compare_paths);
		status = check_conflicts(files, count, field_prefix, err);
	}
	if (status == STATUS_OK)
		status = make_digest(&manifest, field_prefix, err);
	if (status != STATUS_OK) {
		manifest_files_free(files, count);
		return status;
	}
	struct shared_manifest *shared = memory_alloc(sizeof(*shared));
	shared->manifest = manifest;
	atomic_init(&shared->references, 1);
	*ret = &shared->manifest;
	return STATUS_OK;
}
