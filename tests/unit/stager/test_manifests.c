/* The cache of manifests. */
#include "stager/manifests.h"

#include "base/memory.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct manifest *make(const char *path)
{
	struct manifest_file *file = memory_alloc(sizeof(*file));
	struct manifest *manifest;
	struct error err;

	file->path = memory_text(path);
	file->url = memory_text("file:///srv/src/f");
	file->size = 1;
	digest_of(view_text("x"), file->digest);
	cr_assert_eq(manifest_new(file, 1, NULL, &manifest, &err), STATUS_OK);
	return manifest;
}

static void put(struct manifests *manifests, int64_t offset)
{
	struct manifest *manifest = make("f");

	manifests_put(manifests, (struct position){3, offset}, manifest);
	manifest_unref(manifest);
}

static bool has(struct manifests *manifests, int32_t partition, int64_t offset)
{
	struct manifest *manifest = manifests_get(manifests, (struct position){partition, offset});

	manifest_unref(manifest);
	return manifest != NULL;
}

Test(manifests, gives_what_was_put_by_the_place_it_came_from)
{
	struct manifests *manifests = manifests_new(1 << 20);

	put(manifests, 7);
	cr_assert(has(manifests, 3, 7));
	cr_assert(!has(manifests, 3, 8));
	cr_assert(!has(manifests, 2, 7));
	put(manifests, 7);
	cr_assert_eq(manifests_count(manifests), 1);
	manifests_free(manifests);
}

Test(manifests, forgets_the_least_recently_used_within_its_room)
{
	struct manifests *manifests = manifests_new(4000);
	size_t fit;

	for (int64_t i = 0; i < 100; i++) {
		put(manifests, i);
		cr_assert(has(manifests, 3, 0), "0 is used again and again, and went at %lld", (long long)i);
	}
	fit = manifests_count(manifests);
	cr_assert(fit >= 4 && fit <= 20, "%zu", fit);
	cr_assert(has(manifests, 3, 99));
	cr_assert(!has(manifests, 3, 50));
	manifests_free(manifests);
}

Test(manifests, does_not_keep_one_that_would_push_out_most_others)
{
	struct manifests *manifests = manifests_new(600);

	put(manifests, 1);
	cr_assert_eq(manifests_count(manifests), 0);
	manifests_free(manifests);
}

Test(manifests, keeps_alive_what_a_caller_still_holds)
{
	struct manifests *manifests = manifests_new(4000);
	struct manifest *held;

	put(manifests, 1);
	held = manifests_get(manifests, (struct position){3, 1});
	for (int64_t i = 2; i < 100; i++)
		put(manifests, i);
	cr_assert(!has(manifests, 3, 1));
	cr_assert_str_eq(held->files[0].path, "f");
	manifest_unref(held);
	manifests_free(manifests);
}
