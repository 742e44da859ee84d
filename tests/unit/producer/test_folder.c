#include "producer/folder.h"
#include "scratch.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct scratch scratch;

static void setup(void)
{
	scratch_make(&scratch);
}

static void teardown(void)
{
	scratch_drop(&scratch);
}

TestSuite(folder_manifest, .init = setup, .fini = teardown);

static enum status build(const char *url_prefix, struct manifest **manifest, struct error *err)
{
	return folder_manifest(scratch.path, url_prefix, NULL, NULL, manifest, err);
}

Test(folder_manifest, describes_every_file_sorted_by_path)
{
	struct manifest *manifest;
	struct error err;

	scratch_write(&scratch, "z", "hello\n", 0644);
	scratch_write(&scratch, "bin/tool", "", 0755);
	scratch_write(&scratch, "a/b/c.txt", "xy", 0600);
	cr_assert_eq(build(NULL, &manifest, &err), STATUS_OK, "%s", err.message);
	cr_assert_eq(manifest->count, 3);
	cr_assert_str_eq(manifest->files[0].path, "a/b/c.txt");
	cr_assert_str_eq(manifest->files[1].path, "bin/tool");
	cr_assert_str_eq(manifest->files[2].path, "z");
	cr_assert(manifest->files[1].executable);
	cr_assert_not(manifest->files[2].executable);
	cr_assert_eq(manifest->bytes, 8);
	cr_assert_eq(manifest->files[2].size, 6);
	/* printf 'hello\n' | sha256sum */
	cr_assert_str_eq(manifest->files[2].digest,
	        "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03");
	manifest_unref(manifest);
}

Test(folder_manifest, says_where_each_file_lies)
{
	struct manifest *manifest;
	struct error err;
	char wanted[200];

	scratch_write(&scratch, "with space/100%.txt", "x", 0644);
	cr_assert_eq(build(NULL, &manifest, &err), STATUS_OK, "%s", err.message);
	snprintf(wanted, sizeof(wanted), "file://%s/with%%20space/100%%25.txt", scratch.path);
	cr_assert_str_eq(manifest->files[0].url, wanted);
	manifest_unref(manifest);
}

Test(folder_manifest, takes_a_prefix_with_or_without_its_slash)
{
	static const char *const prefixes[] = {
	        "https://artifacts.example/tool/1.0", "https://artifacts.example/tool/1.0/"};
	struct manifest *manifest;
	struct error err;

	scratch_write(&scratch, "a/b", "x", 0644);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(build(prefixes[i], &manifest, &err), STATUS_OK, "%s", err.message);
		cr_assert_str_eq(manifest->files[0].url, "https://artifacts.example/tool/1.0/a/b");
		manifest_unref(manifest);
	}
}

Test(folder_manifest, has_the_same_digest_wherever_the_files_lie)
{
	struct manifest *here, *there;
	struct error err;

	scratch_write(&scratch, "a", "x", 0644);
	cr_assert_eq(build(NULL, &here, &err), STATUS_OK);
	cr_assert_eq(build("https://mirror.example/", &there, &err), STATUS_OK);
	cr_assert_str_eq(here->digest, there->digest);
	manifest_unref(there);
	scratch_write(&scratch, "a", "y", 0644);
	cr_assert_eq(build(NULL, &there, &err), STATUS_OK);
	cr_assert_str_neq(here->digest, there->digest);
	manifest_unref(here);
	manifest_unref(there);
}

static void check_refused(const char *code, const char *word)
{
	struct manifest *manifest;
	struct error err;

	cr_assert_eq(build(NULL, &manifest, &err), STATUS_REJECT);
	cr_assert_str_eq(err.code, code, "%s: %s", err.code, err.message);
	cr_assert_not_null(strstr(err.message, word), "%s", err.message);
}

Test(folder_manifest, refuses_a_symbolic_link_by_name)
{
	char *link;

	scratch_write(&scratch, "a", "x", 0644);
	link = scratch_path(&scratch, "sub");
	cr_assert_eq(symlink("a", link), 0);
	check_refused("not_a_file", link);
	free(link);
}

Test(folder_manifest, refuses_a_link_to_nothing_and_to_a_folder)
{
	char *link = scratch_path(&scratch, "link");

	scratch_write(&scratch, "a", "x", 0644);
	cr_assert_eq(symlink("/nowhere", link), 0);
	check_refused("not_a_file", "symbolic link");
	unlink(link);
	cr_assert_eq(symlink("/tmp", link), 0);
	check_refused("not_a_file", "symbolic link");
	free(link);
}

Test(folder_manifest, refuses_a_pipe)
{
	char *pipe_path = scratch_path(&scratch, "pipe");

	cr_assert_eq(mkfifo(pipe_path, 0600), 0);
	check_refused("not_a_file", pipe_path);
	free(pipe_path);
}

Test(folder_manifest, refuses_a_folder_without_files)
{
	char *sub = scratch_path(&scratch, "sub");

	mkdir(sub, 0755);
	check_refused("empty_folder", scratch.path);
	free(sub);
}

Test(folder_manifest, refuses_a_name_that_no_distribution_point_could_take)
{
	scratch_write(&scratch, "back\\slash", "x", 0644);
	check_refused("invalid_field", "path");
}

Test(folder_manifest, refuses_what_is_no_folder)
{
	struct manifest *manifest;
	struct error err;

	scratch_write(&scratch, "a", "x", 0644);
	char *file = scratch_path(&scratch, "a"), *nothing = scratch_path(&scratch, "nothing");

	cr_assert_eq(folder_manifest(file, NULL, NULL, NULL, &manifest, &err), STATUS_REJECT);
	cr_assert_str_eq(err.code, "not_a_folder");
	cr_assert_eq(folder_manifest(nothing, NULL, NULL, NULL, &manifest, &err), STATUS_REJECT);
	cr_assert_str_eq(err.code, "not_a_folder");
	free(file);
	free(nothing);
}

static void remember(uint64_t done, uint64_t total, void *context)
{
	uint64_t *last = context;

	cr_assert_geq(done, last[0]);
	last[0] = done;
	last[1] = total;
}

Test(folder_manifest, tells_how_far_it_is)
{
	struct manifest *manifest;
	struct error err;
	uint64_t last[2] = {0, 0};

	scratch_write(&scratch, "a", "12345", 0644);
	scratch_write(&scratch, "b", "678", 0644);
	cr_assert_eq(folder_manifest(scratch.path, NULL, remember, last, &manifest, &err), STATUS_OK);
	cr_assert_eq(last[0], 8);
	cr_assert_eq(last[1], 8);
	manifest_unref(manifest);
}
