#include "auditor/points/expected.h"

#include "base/map.h"
#include "base/memory.h"
#include "schemas/names.h"

#include <stdlib.h>
#include <string.h>

enum { KEY_MAX = 512 };

struct expected {
	struct view package;
	struct map *copies, *pointers; /* key → entry */
	struct expected_copy **copy_list;
	struct expected_pointer **pointer_list;
	size_t copy_count, copy_capacity, pointer_count, pointer_capacity;
};

/* NUL-separated: in none of the alphabets. */
static struct view key_of(struct buffer *key, const struct view *parts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		buffer_add(key, parts[i].data ? parts[i].data : "", parts[i].len);
		buffer_add(key, "", 1);
	}
	return buffer_view(key);
}

static void *find(struct map *map, const struct view *parts, size_t count)
{
	struct buffer key;

	buffer_init(&key, KEY_MAX);
	void *found = map_get(map, key_of(&key, parts, count));
	buffer_release(&key);
	return found;
}

static void put(struct map *map, const struct view *parts, size_t count, void *entry)
{
	struct buffer key;

	buffer_init(&key, KEY_MAX);
	map_put(map, key_of(&key, parts, count), entry);
	buffer_release(&key);
}

static void *grow(void *list, size_t count, size_t *capacity)
{
	if (count < *capacity)
		return list;
	*capacity = *capacity ? 2 * *capacity : 256;
	return memory_resize(list, *capacity * sizeof(void *));
}

static char *text_of(struct view view)
{
	return view.data ? memory_copy(view.data, view.len) : NULL;
}

static void set_text(char **text, struct view view)
{
	free(*text);
	*text = text_of(view);
}

static void set_digest(char digest[DIGEST_SIZE], struct view view)
{
	size_t len = view.len < DIGEST_SIZE ? view.len : DIGEST_SIZE - 1;

	memcpy(digest, view.data ? view.data : "", len);
	digest[len] = '\0';
}

/* ---- entries */

static struct expected_copy *need_copy(struct expected *expected, const struct fact *fact, struct view point)
{
	const struct view parts[] = {fact->package, fact->version, point};
	struct expected_copy *copy = find(expected->copies, parts, 3);

	if (copy)
		return copy;
	copy = memory_alloc(sizeof(*copy));
	copy->package = text_of(fact->package);
	copy->version = text_of(fact->version);
	copy->point = text_of(point);
	put(expected->copies, parts, 3, copy);
	expected->copy_list = grow(expected->copy_list, expected->copy_count, &expected->copy_capacity);
	expected->copy_list[expected->copy_count++] = copy;
	return copy;
}

static struct expected_pointer *need_pointer(struct expected *expected, const struct fact *fact)
{
	const struct view parts[] = {fact->package, fact->point};
	struct expected_pointer *pointer = find(expected->pointers, parts, 2);

	if (pointer)
		return pointer;
	pointer = memory_alloc(sizeof(*pointer));
	pointer->package = text_of(fact->package);
	pointer->point = text_of(fact->point);
	put(expected->pointers, parts, 2, pointer);
	expected->pointer_list =
	        grow(expected->pointer_list, expected->pointer_count, &expected->pointer_capacity);
	expected->pointer_list[expected->pointer_count++] = pointer;
	return pointer;
}

static void free_copy(struct expected_copy *copy)
{
	free((char *)copy->package);
	free((char *)copy->version);
	free((char *)copy->point);
	free(copy->dp_id);
	free(copy);
}

static void free_pointer(struct expected_pointer *pointer)
{
	free((char *)pointer->package);
	free((char *)pointer->point);
	free(pointer->version);
	free(pointer->release_id);
	free(pointer->dp_id);
	free(pointer->newest_release);
	free(pointer->newest_version);
	free(pointer);
}

struct expected *expected_new(struct view package)
{
	struct expected *expected = memory_alloc(sizeof(*expected));

	expected->package = package;
	expected->copies = map_new();
	expected->pointers = map_new();
	return expected;
}

void expected_free(struct expected *expected)
{
	if (!expected)
		return;
	for (size_t i = 0; i < expected->copy_count; i++)
		free_copy(expected->copy_list[i]);
	for (size_t i = 0; i < expected->pointer_count; i++)
		free_pointer(expected->pointer_list[i]);
	map_free(expected->copies, NULL);
	map_free(expected->pointers, NULL);
	free(expected->copy_list);
	free(expected->pointer_list);
	free(expected);
}

/* ---- facts */

static void take_staged(struct expected *expected, const struct fact *fact)
{
	struct expected_copy *copy = need_copy(expected, fact, fact->point);

	copy->staged = true;
	set_text(&copy->dp_id, fact->dp_id);
	set_digest(copy->digest, fact->digest);
	copy->place = fact->position;
	copy->time_ms = fact->log_time_ms;
	need_pointer(expected, fact);
}

static void take_release(struct expected *expected, const struct fact *fact)
{
	struct expected_pointer *pointer = need_pointer(expected, fact);

	set_text(&pointer->newest_release, fact->id);
	set_text(&pointer->newest_version, fact->version);
	pointer->newest_place = fact->position;
}

static void take_updated(struct expected *expected, const struct fact *fact)
{
	struct expected_pointer *pointer = need_pointer(expected, fact);

	set_text(&pointer->version, fact->version);
	set_text(&pointer->release_id, fact->release_id);
	set_text(&pointer->dp_id, fact->dp_id);
	set_digest(pointer->digest, fact->digest);
	pointer->place = fact->position;
	pointer->time_ms = fact->log_time_ms;
}

static void take_targets(struct expected *expected, struct fact_reader *reader, const struct fact *fact)
{
	struct view json = fact->points, name, ignored;

	while (fact_next(reader, &json, &name, &ignored))
		need_copy(expected, fact, name);
}

void expected_fact(struct expected *expected, struct fact_reader *reader, const struct fact *fact)
{
	/* what else a forger writes is verify's to tell: here names become paths */
	if (!fact->package.data || !name_is_package(fact->package) ||
	        (fact->version.data && !name_is_version(fact->version)) ||
	        (expected->package.data && !view_equal(fact->package, expected->package)))
		return;
	switch (fact->type) {
	case FACT_STAGED:
		take_staged(expected, fact);
		break;
	case FACT_RELEASE:
		take_release(expected, fact);
		break;
	case FACT_UPDATED:
		take_updated(expected, fact);
		break;
	case FACT_JOB_STATUS:
		if (fact->points.data)
			take_targets(expected, reader, fact);
		break;
	case FACT_POINT:
		need_copy(expected, fact, fact->point);
		break;
	default:
		break;
	}
}

/* ---- looking */

struct expected_copy *const *expected_copies(const struct expected *expected, size_t *ret_count)
{
	*ret_count = expected->copy_count;
	return expected->copy_list;
}

struct expected_pointer *const *expected_pointers(const struct expected *expected, size_t *ret_count)
{
	*ret_count = expected->pointer_count;
	return expected->pointer_list;
}

const struct expected_copy *expected_copy_find(
        const struct expected *expected, const char *package, const char *version, const char *point)
{
	return find(expected->copies,
	        (const struct view[]){view_text(package), view_text(version), view_text(point)}, 3);
}

const struct expected_pointer *expected_pointer_find(
        const struct expected *expected, const char *package, const char *point)
{
	return find(expected->pointers, (const struct view[]){view_text(package), view_text(point)}, 2);
}
