/* What is read from distribution points, operators' files and sources. */
#include "fuzz.h"

#include "base/memory.h"
#include "distribution/catalogue.h"
#include "distribution/identity.h"
#include "distribution/url.h"
#include "schemas/current.h"
#include "schemas/manifest.h"

#include <stdlib.h>
#include <string.h>

enum { WRITTEN_MAX = 8 << 20 };

/* ---- manifest */

/* A path stays below the folder that it is of, whoever reads it. */
static void check_path(const char *path)
{
	fuzz_require(path[0] && path[0] != '/' && strlen(path) <= MANIFEST_PATH_MAX);
	for (const char *segment = path; segment;) {
		const char *slash = strchr(segment, '/');
		size_t len = slash ? (size_t)(slash - segment) : strlen(segment);

		fuzz_require(len > 0);
		fuzz_require(
		        !(len == 1 && segment[0] == '.') && !(len == 2 && strncmp(segment, "..", 2) == 0));
		segment = slash ? slash + 1 : NULL;
	}
	for (const char *c = path; *c; c++)
		fuzz_require((unsigned char)*c >= 0x20 && *c != 0x7f && *c != '\\');
}

static void check_manifest(const struct manifest *manifest)
{
	for (size_t i = 0; i < manifest->count; i++) {
		check_path(manifest->files[i].path);
		fuzz_require(i == 0 || strcmp(manifest->files[i - 1].path, manifest->files[i].path) < 0);
	}
}

/* The canonical form is a manifest of the same digest, and the same bytes when written again. */
static void check_canonical(const struct manifest *manifest)
{
	struct manifest *again = NULL;
	struct buffer first, second;
	struct error err;
	char digest[DIGEST_SIZE];

	buffer_init(&first, WRITTEN_MAX);
	buffer_init(&second, WRITTEN_MAX);
	manifest_write_canonical(manifest, &first);
	digest_of(buffer_view(&first), digest);
	fuzz_require(strcmp(digest, manifest->digest) == 0);
	fuzz_require(manifest_parse(buffer_view(&first), NULL, &again, &err) == STATUS_OK);
	manifest_write_canonical(again, &second);
	fuzz_require(view_equal(buffer_view(&first), buffer_view(&second)));
	manifest_unref(again);
	buffer_release(&first);
	buffer_release(&second);
}

void fuzz_manifest(struct view input)
{
	static const char *const bases[] = {NULL, "https://artifacts.example/a/manifest.json"};
	struct manifest *manifest;
	struct error err;

	for (size_t i = 0; i < 2; i++) {
		manifest = NULL;
		enum status status = manifest_parse(input, bases[i], &manifest, &err);

		fuzz_note_status(status, &err);
		if (status != STATUS_OK)
			continue;
		fuzz_note(view_text(manifest->digest));
		check_manifest(manifest);
		check_canonical(manifest);
		manifest_unref(manifest);
	}
}

/* ---- current.json, dp.json */

void fuzz_current(struct view input)
{
	struct current *current = NULL, *again = NULL;
	struct buffer first, second;
	struct error err;

	enum status status = current_parse(input, &current, &err);
	fuzz_note_status(status, &err);
	if (status != STATUS_OK)
		return;
	buffer_init(&first, WRITTEN_MAX);
	buffer_init(&second, WRITTEN_MAX);
	current_write(current, &first);
	fuzz_note(buffer_view(&first));
	fuzz_require(first.len > CURRENT_SIZE_MAX ||
	             current_parse(buffer_view(&first), &again, &err) == STATUS_OK);
	if (again) {
		current_write(again, &second);
		fuzz_require(view_equal(buffer_view(&first), buffer_view(&second)));
	}
	current_free(current);
	current_free(again);
	buffer_release(&first);
	buffer_release(&second);
}

void fuzz_identity(struct view input)
{
	struct identity identity = {0}, again = {0};
	struct buffer first, second;
	struct error err;

	enum status status = identity_parse(input, &identity, &err);
	fuzz_note_status(status, &err);
	if (status != STATUS_OK)
		return;
	buffer_init(&first, WRITTEN_MAX);
	buffer_init(&second, WRITTEN_MAX);
	identity_write(&identity, &first);
	fuzz_note(buffer_view(&first));
	fuzz_require(first.len > IDENTITY_SIZE_MAX ||
	             identity_parse(buffer_view(&first), &again, &err) == STATUS_OK);
	if (again.dp_id[0]) {
		identity_write(&again, &second);
		fuzz_require(view_equal(buffer_view(&first), buffer_view(&second)));
	}
	identity_release(&identity);
	identity_release(&again);
	buffer_release(&first);
	buffer_release(&second);
}

/* ---- catalogue */

static void check_catalogue(const struct catalogue *catalogue)
{
	const char **names = NULL;
	size_t count = 0;
	struct error err;

	for (size_t i = 0; i < catalogue->point_count; i++) {
		const struct catalogue_point *point = &catalogue->points[i];

		fuzz_require(catalogue_find(catalogue, point->name) == point);
		fuzz_require(point->url[strlen(point->url) - 1] == '/');
		fuzz_require(catalogue_resolve(catalogue, (char *const *)&point->name, 1, 1000, &names,
		                     &count, &err) == STATUS_OK);
		fuzz_require(count == 1 && strcmp(names[0], point->name) == 0);
		free(names);
	}
	for (size_t i = 0; i < catalogue->source_count; i++) {
		const char *prefix = catalogue->sources[i].prefix;
		const struct catalogue_source *found;
		char *below = url_join(prefix, "a b/c");

		found = catalogue_source_for(catalogue, below);
		fuzz_require(found && url_is_below(below, found->prefix));
		free(below);
	}
}

void fuzz_catalogue(struct view input)
{
	struct catalogue *catalogue = NULL;
	struct error err;

	enum status status = catalogue_parse(input, "/nowhere", &catalogue, &err);
	fuzz_note_status(status, &err);
	if (status != STATUS_OK)
		return;
	check_catalogue(catalogue);
	catalogue_unref(catalogue);
}

/* ---- URLs */

static void check_normal(const char *url, enum url_form form)
{
	char *again = NULL;
	struct error err;

	fuzz_require(strncmp(url, "file:///", 8) == 0 || strncmp(url, "http://", 7) == 0 ||
	             strncmp(url, "https://", 8) == 0);
	const char *path = strchr(strstr(url, "//") + 2, '/'), *query = strchr(url, '?');

	fuzz_require(path && (!strchr(url, '@') || path < strchr(url, '@')));
	fuzz_require(!strchr(url, '#') && !strchr(url, '\\'));
	for (; path && (!query || path < query); path = strchr(path + 1, '/'))
		fuzz_require(strncmp(path, "/./", 3) != 0 && strncmp(path, "/../", 4) != 0);
	fuzz_require(url_normalise(url, form, &again, &err) == STATUS_OK);
	fuzz_require(strcmp(again, url) == 0);
	free(again);
	if (url_is_file(url))
		free(url_file_path(url));
}

void fuzz_url(struct view input)
{
	char *text = memory_copy(input.data, input.len), *url;
	struct error err;

	for (int form = URL_FILE; form <= URL_FOLDER; form++) {
		url = NULL;
		enum status status = url_normalise(text, (enum url_form)form, &url, &err);

		fuzz_note_status(status, &err);
		fuzz_note(view_text(url));
		if (status == STATUS_OK)
			check_normal(url, (enum url_form)form);
		free(url);
	}
	free(url_escape_path(text));
	free(text);
}
