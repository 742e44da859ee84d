/* One job from the command line. */
#include "producer/ask.h"

#include "base/memory.h"
#include "base/timestamp.h"
#include "command/command.h"
#include "command/terminal.h"
#include "producer/folder.h"
#include "schemas/json.h"
#include "schemas/manifest.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANNOTATIONS_BYTES_MAX = 256 * 1024, JOB_TEXT_MAX = 2 << 20 };

static enum status usage(struct error *err, const char *format, ...) printf_like(2, 3);

static enum status usage(struct error *err, const char *format, ...)
{
	char words[ERROR_MESSAGE_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(words, sizeof(words), format, arguments);
	va_end(arguments);
	return error_set(err, STATUS_REJECT, "usage", "%s", words);
}

/* ---- content ---- */

static enum status read_file(const char *path, char **ret_data, size_t *ret_len, struct error *err)
{
	FILE *file = fopen(path, "re");
	struct buffer text;
	char chunk[65536];
	size_t got;

	if (!file)
		return error_set(
		        err, STATUS_REJECT, "unreadable", "cannot open %s: %s", path, strerror(errno));
	buffer_init(&text, MANIFEST_BYTES_MAX);
	while ((got = fread(chunk, 1, sizeof(chunk), file)) > 0)
		buffer_add(&text, chunk, got);
	bool failed = ferror(file);

	fclose(file);
	if (failed || text.full) {
		buffer_release(&text);
		return error_set(err, STATUS_REJECT, "unreadable", "cannot read %s: %s", path,
		        failed ? "it is no file that can be read" : "it is larger than 256 MiB");
	}
	*ret_data = memory_copy(text.data ? text.data : "", text.len);
	*ret_len = text.len;
	buffer_release(&text);
	return STATUS_OK;
}

/* A file without a url lies beside the manifest. */
static enum status read_manifest(const char *path, struct manifest **ret, struct error *err)
{
	char *whole = realpath(path, NULL), *data;
	struct buffer url;
	size_t len;

	if (!whole || read_file(whole, &data, &len, err) != STATUS_OK) {
		if (!whole)
			error_set(err, STATUS_REJECT, "unreadable", "cannot open %s: %s", path,
			        strerror(errno));
		free(whole);
		return STATUS_REJECT;
	}
	buffer_init(&url, 3 * 4096);
	buffer_add_text(&url, "file://");
	url_add_path(&url, whole);
	enum status status = manifest_parse((struct view){data, len}, url.data, ret, err);

	if (status != STATUS_OK)
		error_prefix(err, "%s: ", path);
	buffer_release(&url);
	free(data);
	free(whole);
	return status;
}

static void show_hashing(uint64_t done, uint64_t total, void *context)
{
	meter_show(context, done, total);
}

static enum status ask_content(const struct options *options, struct job *job, struct error *err)
{
	const char *from = options_text(options, "from"), *manifest = options_text(options, "manifest");
	const char *url = options_text(options, "manifest-url"),
	           *digest = options_text(options, "manifest-digest");
	struct meter meter;

	if (!!from + !!manifest + !!url > 1)
		return usage(
		        err, "--from, --manifest and --manifest-url exclude each other: give one of them");
	if (!url != !digest)
		return usage(err, "--manifest-url and --manifest-digest go together");
	if (options_text(options, "url-prefix") && !from)
		return usage(err, "--url-prefix says where the files of --from are found: give that too");
	if (digest && !digest_is_valid(digest))
		return usage(err, "--manifest-digest: must be sha256: and 64 lower-case hex digits, is %s",
		        digest);
	if (url) {
		job->manifest_url = memory_text(url);
		memcpy(job->manifest_digest, digest, DIGEST_SIZE);
		return STATUS_OK;
	}
	if (manifest)
		return read_manifest(manifest, &job->manifest, err);
	if (!from && job->type == JOB_CREATE)
		return usage(err, "a create needs content: give --from, --manifest or --manifest-url");
	if (!from)
		return STATUS_OK;
	meter_start(&meter, "hashing", NULL);
	enum status status = folder_manifest(
	        from, options_text(options, "url-prefix"), show_hashing, &meter, &job->manifest, err);

	meter_end(&meter);
	return status;
}

/* ---- the rest ---- */

static void ask_targets(const struct options *options, struct job *job)
{
	for (size_t i = 0; i < options_count(options, "to"); i++) {
		char *copy = memory_text(options_nth(options, "to", i)), *rest = copy, *name;

		while ((name = strsep(&rest, ",")) != NULL) {
			if (!*name)
				continue;
			job->distribution_points = memory_resize(job->distribution_points,
			        (job->distribution_point_count + 1) * sizeof(*job->distribution_points));
			job->distribution_points[job->distribution_point_count++] = memory_text(name);
		}
		free(copy);
	}
}

static enum status ask_deadline(const struct options *options, struct job *job, struct error *err)
{
	const char *text = options_text(options, "deadline");

	if (!text)
		return STATUS_OK;
	if (strcmp(text, "never") == 0)
		job->deadline = DEADLINE_NEVER;
	else if (duration_parse(view_text(text), &job->deadline_ms))
		job->deadline = DEADLINE_AFTER;
	else if (timestamp_parse(view_text(text), &job->deadline_ms))
		job->deadline = DEADLINE_AT;
	else
		return usage(err,
		        "--deadline: must be a time (2026-12-01T00:00:00Z), a duration (PT24H) or never, is "
		        "%s",
		        text);
	return STATUS_OK;
}

static enum status ask_gate(const struct options *options, struct job *job, struct error *err)
{
	const char *text = options_text(options, "gate");

	if (!text || strcmp(text, job_gate_name(GATE_EACH)) == 0)
		return STATUS_OK;
	if (strcmp(text, job_gate_name(GATE_ALL)) != 0)
		return usage(err, "--gate: must be each or all, is %s", text);
	job->gate = GATE_ALL;
	return STATUS_OK;
}

static enum status ask_annotations(const struct options *options, struct job *job, struct error *err)
{
	size_t count = options_count(options, "annotate");
	struct buffer out;

	if (!count)
		return STATUS_OK;
	buffer_init(&out, ANNOTATIONS_BYTES_MAX);
	json_begin(&out, '{');
	for (size_t i = 0; i < count; i++) {
		const char *text = options_nth(options, "annotate", i), *equals = strchr(text, '=');

		if (!equals || equals == text) {
			buffer_release(&out);
			return usage(err, "--annotate: must be NAME=TEXT, is %s", text);
		}
		json_add_view(&out, (struct view){text, (size_t)(equals - text)});
		buffer_add_text(&out, ":");
		json_add_text(&out, equals + 1);
	}
	json_end(&out, '}');
	job->annotations = memory_text(out.full ? "{}" : out.data);
	bool full = out.full;

	buffer_release(&out);
	return full ? usage(err, "--annotate: the annotations are too long together") : STATUS_OK;
}

static enum status fill_job(const struct options *options, struct job *job, struct error *err)
{
	job->package_id = memory_text(options_argument(options, 0));
	job->version = memory_text(options_argument(options, 1));
	job->job_id = memory_text(options_text(options, "job-id"));
	job->requested_by = memory_text(options_text(options, "requested-by"));
	ask_targets(options, job);
	if (ask_deadline(options, job, err) != STATUS_OK ||
	        (job->type == JOB_UPDATE && ask_gate(options, job, err) != STATUS_OK) ||
	        ask_annotations(options, job, err) != STATUS_OK)
		return err->status;
	return ask_content(options, job, err);
}

/* What was asked owns its texts; a parsed one is freed by job_free(). */
static void forget(struct job *asked)
{
	free(asked->job_id);
	free(asked->package_id);
	free(asked->version);
	manifest_unref(asked->manifest);
	free(asked->manifest_url);
	for (size_t i = 0; i < asked->distribution_point_count; i++)
		free(asked->distribution_points[i]);
	free(asked->distribution_points);
	free(asked->requested_by);
	free(asked->annotations);
}

/* As a stager will read it. */
static enum status check_job(
        const struct job *job, const struct buffer *text, struct job **ret_job, struct error *err)
{
	struct job_hint hint;

	if (text->full || text->len > JOB_VALUE_MAX)
		return error_set(err, STATUS_REJECT, "too_large",
		        "this job is larger than %d bytes, with %zu files in it: print the manifest to a "
		        "file "
		        "(holdpoint-producer manifest), put it where stagers can fetch it, and give "
		        "--manifest-url and "
		        "--manifest-digest",
		        JOB_VALUE_MAX, job->manifest ? job->manifest->count : 0);
	return job_parse(view_text(job->package_id), buffer_view(text), ret_job, &hint, err);
}

enum status ask_job(const struct options *options, enum job_type type, char **ret_json, struct job **ret_job,
        struct error *err)
{
	struct job job = {.type = type};
	struct buffer text;

	buffer_init(&text, JOB_TEXT_MAX);
	enum status status = fill_job(options, &job, err);

	if (status == STATUS_OK) {
		job_write(&job, &text);
		status = check_job(&job, &text, ret_job, err);
	}
	if (status == STATUS_OK)
		*ret_json = memory_copy(text.data, text.len);
	buffer_release(&text);
	forget(&job);
	return status;
}
