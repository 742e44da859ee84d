#include "distribution/catalogue.h"

#include "base/memory.h"
#include "distribution/catalogue_read.h"
#include "distribution/url.h"
#include "schemas/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CATALOGUE_BYTES_MAX = 16 << 20 };

struct shared { /* what a catalogue lies in */
	struct catalogue catalogue;
	atomic_uint references;
};

static void point_release(struct catalogue_point *point)
{
	for (size_t i = 0; i < point->group_count; i++)
		free(point->groups[i]);
	free(point->groups);
	free(point->name);
	free(point->url);
	free(point->credentials_file);
	free(point->tls_ca_file);
}

static void source_release(struct catalogue_source *source)
{
	free(source->prefix);
	free(source->credentials_file);
	free(source->tls_ca_file);
}

struct catalogue *catalogue_ref(struct catalogue *catalogue)
{
	atomic_fetch_add(&((struct shared *)catalogue)->references, 1);
	return catalogue;
}

void catalogue_unref(struct catalogue *catalogue)
{
	if (!catalogue || atomic_fetch_sub(&((struct shared *)catalogue)->references, 1) != 1)
		return;
	for (size_t i = 0; i < catalogue->point_count; i++)
		point_release(&catalogue->points[i]);
	for (size_t i = 0; i < catalogue->source_count; i++)
		source_release(&catalogue->sources[i]);
	free(catalogue->points);
	free(catalogue->sources);
	free(catalogue);
}

enum status catalogue_parse(struct view text, const char *folder, struct catalogue **ret, struct error *err)
{
	struct json json;
	struct json_node root;

	if (json_open(&json, text, CATALOGUE_BYTES_MAX, &root, err))
		return err->status;
	struct shared *shared = memory_alloc(sizeof(*shared));
	struct catalogue *catalogue = &shared->catalogue;
	atomic_init(&shared->references, 1);
	digest_of(text, catalogue->digest);
	catalogue_read(&root, folder, catalogue);
	enum status status = json_status(&json);
	json_close(&json);
	if (status) {
		catalogue_unref(catalogue);
		return status;
	}
	*ret = catalogue;
	return STATUS_OK;
}

static enum status unreadable(const char *path, const char *why, struct error *err)
{
	return error_set(
	        err, STATUS_REJECT, "unreadable_file", "cannot read the catalogue %s: %s", path, why);
}

static enum status read_whole(const char *path, struct buffer *out, struct error *err)
{
	char chunk[16384];
	ssize_t got;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return unreadable(path, strerrordesc_np(errno), err);
	while ((got = read(fd, chunk, sizeof(chunk))) > 0 && !out->full)
		buffer_add(out, chunk, (size_t)got);
	int number = got < 0 ? errno : 0;
	close(fd);
	if (number)
		return unreadable(path, strerrordesc_np(number), err);
	return out->full ? unreadable(path, "it is larger than 16 MiB", err) : STATUS_OK;
}

enum status catalogue_load(const char *path, struct catalogue **ret, struct error *err)
{
	const char *slash = strrchr(path, '/');
	struct buffer text;

	buffer_init(&text, CATALOGUE_BYTES_MAX);
	enum status status = read_whole(path, &text, err);
	if (!status) {
		char *folder = slash ? memory_copy(path, (size_t)(slash - path)) : memory_text(".");
		status = catalogue_parse(buffer_view(&text), folder, ret, err);
		if (status)
			error_prefix(err, "catalogue %s: ", path);
		free(folder);
	}
	buffer_release(&text);
	return status;
}

static int compare_name(const void *name, const void *point)
{
	return strcmp(name, ((const struct catalogue_point *)point)->name);
}

void catalogue_describe(const struct catalogue *catalogue, struct buffer *out)
{
	buffer_add_format(out, "%zu distribution points, %s", catalogue->point_count, catalogue->digest);
}

const struct catalogue_point *catalogue_find(const struct catalogue *catalogue, const char *name)
{
	return catalogue->point_count ? bsearch(name, catalogue->points, catalogue->point_count,
	                                        sizeof(catalogue->points[0]), compare_name)
	                              : NULL;
}

/* Marks what one wanted name stands for; false: nothing. */
static bool mark(const struct catalogue *catalogue, const char *wanted, bool *marked)
{
	static const char prefix[] = "group:";
	bool found = false;

	if (strncmp(wanted, prefix, sizeof(prefix) - 1) != 0) {
		const struct catalogue_point *point = catalogue_find(catalogue, wanted);
		if (point)
			marked[point - catalogue->points] = true;
		return point;
	}
	struct view group = view_text(wanted + sizeof(prefix) - 1);
	for (size_t i = 0; i < catalogue->point_count; i++)
		if (point_is_in_group(&catalogue->points[i], group))
			found = marked[i] = true;
	return found;
}

static enum status unknown(const char *wanted, struct error *err)
{
	if (strncmp(wanted, "group:", 6) == 0)
		return error_set(err, STATUS_REJECT, "unknown_group",
		        "no distribution point of the catalogue is in the group %s: correct its name, or put "
		        "some into it and send the workers SIGHUP",
		        json_quote(view_text(wanted + 6)));
	return error_set(err, STATUS_REJECT, "unknown_distribution_point",
	        "the catalogue has no distribution point %s: correct its name, or add it and send the "
	        "workers SIGHUP",
	        json_quote(view_text(wanted)));
}

enum status catalogue_resolve(const struct catalogue *catalogue, char *const *wanted, size_t wanted_count,
        size_t most, const char ***ret_names, size_t *ret_count, struct error *err)
{
	bool *marked = memory_alloc(catalogue->point_count + 1);
	enum status status = STATUS_OK;
	size_t count = 0;

	for (size_t i = 0; i < wanted_count && !status; i++)
		if (!mark(catalogue, wanted[i], marked))
			status = unknown(wanted[i], err);
	for (size_t i = 0; i < catalogue->point_count; i++)
		count += marked[i];
	if (!status && count > most)
		status = error_set(err, STATUS_REJECT, "too_many_targets",
		        "the job is for %zu distribution points; at most %zu are possible, so split it",
		        count, most);
	if (!status) {
		*ret_names = memory_alloc((count + 1) * sizeof((*ret_names)[0]));
		*ret_count = 0;
		for (size_t i = 0; i < catalogue->point_count; i++)
			if (marked[i])
				(*ret_names)[(*ret_count)++] = catalogue->points[i].name;
	}
	free(marked);
	return status;
}

const struct catalogue_source *catalogue_source_for(const struct catalogue *catalogue, const char *url)
{
	const struct catalogue_source *longest = NULL;
	struct error err;
	char *normal;

	if (url_normalise(url, URL_FILE, &normal, &err))
		return NULL;
	for (size_t i = 0; i < catalogue->source_count; i++) {
		const struct catalogue_source *source = &catalogue->sources[i];
		if (url_is_below(normal, source->prefix) &&
		        (!longest || strlen(source->prefix) > strlen(longest->prefix)))
			longest = source;
	}
	free(normal);
	return longest;
}
