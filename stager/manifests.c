/* A cache of parsed manifests: a map for finding, a list for forgetting the least recently used. */
#include "stager/manifests.h"

#include "base/map.h"
#include "base/memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

struct entry {
	TAILQ_ENTRY(entry) by_use;
	char key[32];
	size_t bytes;
	struct manifest *manifest;
};

struct manifests {
	pthread_mutex_t lock;
	struct map *by_key;
	TAILQ_HEAD(entries, entry) used; /* the most recently first */
	size_t bytes, bytes_max;
};

struct manifests *manifests_new(size_t bytes_max)
{
	struct manifests *manifests = memory_alloc(sizeof(*manifests));

	pthread_mutex_init(&manifests->lock, NULL);
	manifests->by_key = map_new();
	TAILQ_INIT(&manifests->used);
	manifests->bytes_max = bytes_max;
	return manifests;
}

static void entry_free(void *value)
{
	struct entry *entry = value;

	manifest_unref(entry->manifest);
	free(entry);
}

void manifests_free(struct manifests *manifests)
{
	if (manifests == NULL)
		return;
	map_free(manifests->by_key, entry_free);
	pthread_mutex_destroy(&manifests->lock);
	free(manifests);
}

static size_t size_of(const struct manifest *manifest)
{
	size_t bytes = sizeof(struct entry) + sizeof(*manifest) + manifest->count * sizeof(*manifest->files);

	for (size_t i = 0; i < manifest->count; i++)
		bytes += strlen(manifest->files[i].path) +
		         (manifest->files[i].url == NULL ? 0 : strlen(manifest->files[i].url)) + 32;
	return bytes;
}

static struct view make_key(struct position position, char key[32])
{
	struct buffer out;

	buffer_init(&out, 31);
	buffer_add_format(&out, "%d-%lld", (int)position.partition, (long long)position.offset);
	memcpy(key, out.data, out.len + 1);
	buffer_release(&out);
	return view_text(key);
}

static void forget(struct manifests *manifests, struct entry *entry)
{
	TAILQ_REMOVE(&manifests->used, entry, by_use);
	map_remove(manifests->by_key, view_text(entry->key));
	manifests->bytes -= entry->bytes;
	entry_free(entry);
}

static void add(
        struct manifests *manifests, struct position position, struct manifest *manifest, size_t bytes)
{
	struct entry *entry = memory_alloc(sizeof(*entry));
	struct view key = make_key(position, entry->key);

	entry->bytes = bytes;
	entry->manifest = manifest_ref(manifest);
	map_put(manifests->by_key, key, entry);
	TAILQ_INSERT_HEAD(&manifests->used, entry, by_use);
	manifests->bytes += bytes;
	while (manifests->bytes > manifests->bytes_max)
		forget(manifests, TAILQ_LAST(&manifests->used, entries));
}

void manifests_put(struct manifests *manifests, struct position position, struct manifest *manifest)
{
	char key[32];
	size_t bytes = size_of(manifest);

	if (bytes > manifests->bytes_max / 4)
		return;
	pthread_mutex_lock(&manifests->lock);
	if (map_get(manifests->by_key, make_key(position, key)) == NULL)
		add(manifests, position, manifest, bytes);
	pthread_mutex_unlock(&manifests->lock);
}

struct manifest *manifests_get(struct manifests *manifests, struct position position)
{
	struct manifest *manifest = NULL;
	struct entry *entry;
	char key[32];

	pthread_mutex_lock(&manifests->lock);
	entry = map_get(manifests->by_key, make_key(position, key));
	if (entry != NULL) {
		TAILQ_REMOVE(&manifests->used, entry, by_use);
		TAILQ_INSERT_HEAD(&manifests->used, entry, by_use);
		manifest = manifest_ref(entry->manifest);
	}
	pthread_mutex_unlock(&manifests->lock);
	return manifest;
}

size_t manifests_count(struct manifests *manifests)
{
	size_t count;

	pthread_mutex_lock(&manifests->lock);
	count = map_count(manifests->by_key);
	pthread_mutex_unlock(&manifests->lock);
	return count;
}
