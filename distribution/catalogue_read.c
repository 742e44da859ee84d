/* What the catalogue's JSON says, field by field. */
#include "distribution/catalogue_read.h"

#include "base/memory.h"
#include "distribution/url.h"
#include "schemas/names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONNECTIONS_DEFAULT = 8, CONNECTIONS_MAX = 512, PATH_LEN_MAX = 4096 };

static char *read_url(const struct json_node *in, const char *name)
{
	char *text = json_get_copy(in, name, JSON_REQUIRED), *url = NULL;
	struct error err;

	if (text && url_normalise(text, URL_FOLDER, &url, &err))
		json_fail(in, name, "invalid_field", "%s", err.message);
	free(text);
	return url;
}

static const char *file_problem(const char *path)
{
	struct stat stat;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return strerrordesc_np(errno);
	const char *problem = fstat(fd, &stat)         ? strerrordesc_np(errno)
	                      : !S_ISREG(stat.st_mode) ? "it is no regular file"
	                      : stat.st_size == 0      ? "it is empty"
	                                               : NULL;
	close(fd);
	return problem;
}

/* The path of a file beside the catalogue that can be read; NULL: none named. */
static char *read_file_name(const struct json_node *in, const char *name, const char *folder)
{
	struct view text = json_get_text(in, name, JSON_OPTIONAL);

	if (!text.data)
		return NULL;
	if (text.len == 0 || text.len > PATH_LEN_MAX) {
		json_fail(in, name, "invalid_field", "must be a path of 1 to %d bytes", PATH_LEN_MAX);
		return NULL;
	}
	char *path = text.data[0] == '/' || !folder
	                     ? memory_copy(text.data, text.len)
	                     : memory_format("%s/%.*s", folder, (int)text.len, text.data);
	const char *problem = file_problem(path);
	if (problem)
		json_fail(in, name, "invalid_field", "cannot read %s: %s", json_quote(view_text(path)),
		        problem);
	return path;
}

static void read_groups(const struct json_node *in, struct catalogue_point *point)
{
	struct json_node groups;

	if (!json_get_array(in, "groups", JSON_OPTIONAL, &groups))
		return;
	size_t count = json_count(&groups);
	point->groups = memory_alloc((count + 1) * sizeof(point->groups[0]));
	for (size_t i = 0; i < count; i++) {
		struct view group = json_item_text(&groups, i);
		if (json_status(in->json))
			return;
		if (!name_is_distribution_point(group))
			json_fail_item(&groups, i, "invalid_field",
			        "%s is no group name: 1 to 64 of A-Z a-z 0-9 . _ + -, a letter or digit "
			        "first",
			        json_quote(group));
		else if (point_is_in_group(point, group))
			json_fail_item(&groups, i, "invalid_field", "%s is there twice", json_quote(group));
		else
			point->groups[point->group_count++] = memory_copy(group.data, group.len);
	}
}

static void read_name(const struct json_node *in, struct catalogue_point *point)
{
	struct view name = json_get_text(in, "name", JSON_REQUIRED);

	if (!name.data)
		return;
	if (!name_is_distribution_point(name))
		json_fail(in, "name", "invalid_field",
		        "%s must be 1 to 64 of A-Z a-z 0-9 . _ + -, a letter or digit first",
		        json_quote(name));
	else
		point->name = memory_copy(name.data, name.len);
}

static void ignore_label(struct view name, struct view value, void *context)
{
	(void)name, (void)value, (void)context; /* for people: only the form is checked */
}

static void read_point(const struct json_node *in, const char *folder, struct catalogue_point *point)
{
	static const char *const fields[] = {"name", "url", "groups", "labels", "connections_per_worker",
	        "bytes_per_second_per_worker", "read_back", "credentials_file", "tls_ca_file", NULL};
	static const char *const read_backs[] = {"full", "size", NULL};
	uint64_t connections = CONNECTIONS_DEFAULT;
	struct json_node labels;

	json_only(in, fields);
	read_name(in, point);
	point->url = read_url(in, "url");
	read_groups(in, point);
	if (json_get_object(in, "labels", JSON_OPTIONAL, &labels))
		json_each_text(&labels, ignore_label, NULL);
	json_get_uint(in, "connections_per_worker", JSON_OPTIONAL, 1, CONNECTIONS_MAX, &connections);
	point->connections = (uint32_t)connections;
	json_get_uint(in, "bytes_per_second_per_worker", JSON_OPTIONAL, 0, JSON_INTEGER_MAX,
	        &point->bytes_per_second);
	point->read_back_full = json_get_choice(in, "read_back", JSON_OPTIONAL, read_backs) != 1;
	point->credentials_file = read_file_name(in, "credentials_file", folder);
	point->tls_ca_file = read_file_name(in, "tls_ca_file", folder);
}

static void read_source(const struct json_node *in, const char *folder, struct catalogue_source *source)
{
	static const char *const fields[] = {"prefix", "credentials_file", "tls_ca_file", NULL};

	json_only(in, fields);
	source->prefix = read_url(in, "prefix");
	source->credentials_file = read_file_name(in, "credentials_file", folder);
	source->tls_ca_file = read_file_name(in, "tls_ca_file", folder);
}

/* Two of one name or URL are refused. Each is looked for in a list sorted by it. */
static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void refuse_twins(const struct json_node *list, const char *field,
        char *(*text_of)(const void *, size_t), const void *items, size_t count)
{
	const char **texts = memory_alloc((count + 1) * sizeof(texts[0]));

	for (size_t i = 0; i < count; i++)
		texts[i] = text_of(items, i);
	qsort(texts, count, sizeof(texts[0]), compare_texts);
	for (size_t i = 1; i < count; i++)
		if (strcmp(texts[i - 1], texts[i]) == 0)
			json_fail(list, NULL, "invalid_field", "two have the %s %s", field,
			        json_quote(view_text(texts[i])));
	free(texts);
}

static char *point_name(const void *points, size_t i)
{
	return ((const struct catalogue_point *)points)[i].name;
}

static char *point_url(const void *points, size_t i)
{
	return ((const struct catalogue_point *)points)[i].url;
}

static char *source_prefix(const void *sources, size_t i)
{
	return ((const struct catalogue_source *)sources)[i].prefix;
}

static void read_points(const struct json_node *root, const char *folder, struct catalogue *catalogue)
{
	struct json_node list, item;

	if (!json_get_array(root, "distribution_points", JSON_REQUIRED, &list))
		return;
	size_t count = json_count(&list);
	catalogue->points = memory_alloc((count + 1) * sizeof(catalogue->points[0]));
	for (size_t i = 0; i < count && json_item_object(&list, i, &item); i++)
		read_point(&item, folder, &catalogue->points[catalogue->point_count++]);
	if (json_status(root->json))
		return;
	refuse_twins(&list, "name", point_name, catalogue->points, count);
	refuse_twins(&list, "url", point_url, catalogue->points, count);
}

static void read_sources(const struct json_node *root, const char *folder, struct catalogue *catalogue)
{
	struct json_node list, item;

	if (!json_get_array(root, "sources", JSON_OPTIONAL, &list))
		return;
	size_t count = json_count(&list);
	catalogue->sources = memory_alloc((count + 1) * sizeof(catalogue->sources[0]));
	for (size_t i = 0; i < count && json_item_object(&list, i, &item); i++)
		read_source(&item, folder, &catalogue->sources[catalogue->source_count++]);
	if (!json_status(root->json))
		refuse_twins(&list, "prefix", source_prefix, catalogue->sources, count);
}

static int compare_points(const void *a, const void *b)
{
	return strcmp(((const struct catalogue_point *)a)->name, ((const struct catalogue_point *)b)->name);
}

void catalogue_read(const struct json_node *root, const char *folder, struct catalogue *catalogue)
{
	static const char *const fields[] = {"distribution_points", "sources", NULL};

	json_only(root, fields);
	read_points(root, folder, catalogue);
	read_sources(root, folder, catalogue);
	if (!json_status(root->json))
		qsort(catalogue->points, catalogue->point_count, sizeof(catalogue->points[0]),
		        compare_points);
}

bool point_is_in_group(const struct catalogue_point *point, struct view group)
{
	for (size_t i = 0; i < point->group_count; i++)
		if (view_is(group, point->groups[i]))
			return true;
	return false;
}
