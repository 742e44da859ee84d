/* Where content comes from, seen through transfers. */
#include "base/memory.h"
#include "distribution/pool.h"
#include "distribution/source_file.h"
#include "file_bench.h"
#include "room_bench.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct room_bench *bench;
static struct server *origin; /* an HTTP source, that can misbehave */
static const char *paris, *oslo;

static void setup(void)
{
	bench = room_bench_new();
	paris = room_file_point(bench, "paris");
	oslo = room_file_point(bench, "oslo");
}

static void start_origin(void)
{
	origin = bad_dp_start(NULL);
	room_source(bench, origin->url);
	rmdir(origin->folder);
	cr_assert_eq(symlink(bench->sources, origin->folder), 0);
}

static void teardown(void)
{
	room_bench_close(bench);
	server_stop(origin);
}

TestSuite(file_source, .init = setup, .fini = teardown);
TestSuite(http_source, .init = setup, .fini = teardown);

static void expect_refused(struct manifest *manifest, enum status status, const char *code)
{
	struct outcome outcome = room_stage(bench, "paris", "PKG", "1.0", manifest);

	room_expect(&outcome, status, code);
	room_expect_unsealed(paris, "PKG", "1.0");
}

Test(file_source, that_is_missing_is_named)
{
	struct manifest *manifest = room_manifest(bench, "a", "text", "b", "text b", NULL);
	char *path = room_path(bench->sources, "b");

	room_open(bench);
	unlink(path);
	expect_refused(manifest, STATUS_REJECT, "source_missing");
	free(path);
	manifest_unref(manifest);
}

Test(file_source, with_other_content_is_refused)
{
	struct manifest *manifest = room_manifest(bench, "a", "text", NULL);
	char *path = room_path(bench->sources, "a");

	room_open(bench);
	scratch_write(path, "tixt");
	expect_refused(manifest, STATUS_REJECT, "source_digest");
	scratch_write(path, "a longer text");
	expect_refused(manifest, STATUS_REJECT, "source_size");
	scratch_write(path, "text"); /* what was seen of it before does not count against it */
	struct outcome outcome = room_stage(bench, "paris", "PKG", "1.0", manifest);
	room_expect(&outcome, STATUS_OK, NULL);
	free(path);
	manifest_unref(manifest);
}

/* It was verified, is remembered, and has been changed in place since. */
Test(file_source, that_changed_after_it_was_verified_is_noticed)
{
	struct manifest *manifest = room_manifest(bench, "a", "text", NULL);
	char *path = room_path(bench->sources, "a");

	room_open(bench);
	struct outcome outcome = room_stage(bench, "oslo", "PKG", "1.0", manifest);
	room_expect(&outcome, STATUS_OK, NULL);
	scratch_write(path, "tixt");
	expect_refused(manifest, STATUS_REJECT, "source_digest");
	free(path);
	manifest_unref(manifest);
}

/* What is large is sent while it is still being hashed: nothing of it may be placed, though by its size it is
 * right and the server is asked for no more than that. */
Test(file_source, that_is_large_and_wrong_is_found_out_before_anything_is_placed)
{
	struct server *server = nginx_start(NULL);
	struct outcome outcomes[2];

	bench->point_options = ",\"read_back\":\"size\"";
	room_http_point(bench, "rome", server);
	struct manifest *manifest = room_manifest(bench, "a", "text", "large", NULL, NULL);
	char *path = room_path(bench->sources, "large");
	int fd = open(path, O_WRONLY);
	cr_assert(pwrite(fd, "!", 1, 2900000) == 1);
	close(fd);
	room_open(bench);
	room_submit(bench, room_spec(bench, "rome", "PKG", "1.0", manifest), &outcomes[0]);
	room_submit(bench, room_spec(bench, "paris", "PKG", "2.0", manifest), &outcomes[1]);
	for (int i = 0; i < 2; i++) {
		room_await(&outcomes[i], "one of two");
		room_expect(&outcomes[i], STATUS_REJECT, "source_digest");
	}
	room_expect_unsealed(server->folder, "PKG", "1.0");
	room_expect_unsealed(paris, "PKG", "2.0");
	cr_assert_null(server_read(server, "PKG/content/1.0/large"));
	char *there = room_path(paris, "PKG/content/2.0/large");
	cr_assert_null(scratch_read(there));
	free(there);
	free(path);
	manifest_unref(manifest);
	server_stop(server);
}

struct opened {
	int fd;
	struct file_identity identity;
	struct error err;
	bool done;
};

static void on_opened(void *context, int fd, const struct file_identity *identity, const struct error *err)
{
	*(struct opened *)context = (struct opened){fd, *identity, *err, true};
}

static struct opened open_source(struct pool *pool, struct source_file_wanted wanted)
{
	struct opened opened = {.done = false};
	char *prefix = memory_format("file://%s/", bench->sources), *url = memory_format("%sa", prefix);

	wanted.prefix = prefix;
	wanted.url = url;
	source_file_open(pool, &wanted, on_opened, &opened);
	while (!opened.done) {
		struct pollfd wait = {.fd = pool_fd(pool), .events = POLLIN};
		cr_assert_eq(poll(&wait, 1, 30000), 1);
		pool_step(pool);
	}
	free(prefix);
	free(url);
	return opened;
}

/* It was still being written when it was opened, and is right by the time it is hashed: who read it meanwhile
 * has what was there before. */
Test(file_source, that_was_changed_between_its_opening_and_its_hashing_was_read_wrong)
{
	struct pool *pool = pool_new(1);
	char *path = room_path(bench->sources, "a"), digest[DIGEST_SIZE];

	scratch_write(path, "tixt");
	digest_of(view_text("text"), digest);
	struct opened first = open_source(pool, (struct source_file_wanted){.size = 4, .fd = -1});
	cr_assert_geq(first.fd, 0);
	struct timespec changed = first.identity.changed;
	for (struct stat stat; changed.tv_sec == first.identity.changed.tv_sec &&
	                       changed.tv_nsec == first.identity.changed.tv_nsec;
	        changed = stat.st_ctim) { /* its clock ticks coarsely */
		scratch_write(path, "text");
		cr_assert_eq(fstat(first.fd, &stat), 0);
	}
	struct opened hashed = open_source(
	        pool, (struct source_file_wanted){
	                      .size = 4, .fd = first.fd, .digest = digest, .opened = first.identity});
	cr_assert_eq(hashed.fd, -1);
	cr_assert_eq(hashed.err.status, STATUS_RETRY);
	cr_assert_str_eq(hashed.err.code, "source_changed", "%s", hashed.err.message);
	close(first.fd);
	pool_close(pool, 1000);
	free(path);
}

/* Whose upload ended before the hashing did is not the last to want it. */
Test(file_source, that_is_large_goes_to_all_and_is_right_for_all)
{
	struct manifest *manifest = room_manifest(bench, "large", NULL, NULL);
	struct outcome outcomes[4];

	room_open(bench);
	for (int i = 0; i < 4; i++)
		room_submit(bench,
		        room_spec(bench, i % 2 ? "paris" : "oslo", i < 2 ? "PKG" : "OTHER", "1.0", manifest),
		        &outcomes[i]);
	for (int i = 0; i < 4; i++) {
		room_await(&outcomes[i], "one of four");
		room_expect(&outcomes[i], STATUS_OK, NULL);
	}
	room_expect_staged(paris, "PKG", "1.0", manifest);
	room_expect_staged(oslo, "OTHER", "1.0", manifest);
	manifest_unref(manifest);
}

Test(file_source, outside_every_prefix_is_forbidden_with_advice)
{
	struct manifest *manifest = room_manifest_at(bench, "file:///etc/", "hostname", "text", NULL);

	room_open(bench);
	struct outcome outcome = room_stage(bench, "paris", "PKG", "1.0", manifest);
	room_expect(&outcome, STATUS_REJECT, "source_forbidden");
	cr_assert_str_eq(outcome.err.message,
	        "the url of hostname: file:///etc/hostname is below no source of the catalogue: "
	        "allow it with {\"sources\": [{\"prefix\": \"file:///etc/\"}]}");
	struct transfer_spec spec = room_spec(bench, "paris", "PKG", "1.0", NULL);
	spec.manifest_url = "http://127.0.0.1:9/a/list.json?of=PKG/1.0";
	spec.manifest_digest = manifest->digest;
	room_submit(bench, spec, &outcome);
	room_await(&outcome, "a manifest outside");
	room_expect(&outcome, STATUS_REJECT, "source_forbidden");
	cr_assert_str_eq(outcome.err.message,
	        "manifest_url: http://127.0.0.1:9/a/list.json?of=PKG/1.0 is below no source of the "
	        "catalogue: "
	        "allow it with {\"sources\": [{\"prefix\": \"http://127.0.0.1:9/a/\"}]}");
	manifest_unref(manifest);
}

Test(file_source, is_read_through_no_symbolic_link)
{
	struct manifest *manifest = room_manifest(bench, "folder/a", "text", NULL);
	char *folder = room_path(bench->sources, "folder"), *aside = room_path(bench->home, "aside");

	room_open(bench);
	cr_assert(rename(folder, aside) == 0 && symlink(aside, folder) == 0);
	expect_refused(manifest, STATUS_REJECT, "source_refused");
	free(folder);
	free(aside);
	manifest_unref(manifest);
}

/* ---- over HTTP */

/* More than the spool holds, wanted at once: each waits for room, and the idle make it. */
Test(http_source, waits_for_room_in_the_spool)
{
	struct outcome outcomes[2];

	start_origin();
	bench->spool_bytes_max = 3500000; /* one large one and a bit */
	room_open(bench);
	struct manifest *manifest = room_manifest_at(bench, origin->url, "a", NULL, NULL);
	struct manifest *small = room_manifest_at(bench, origin->url, "b", "text", "c", "other text", NULL);
	bad_dp_fault(origin, "{\"fault\":\"drip\",\"rate\":20000000,\"times\":1,\"match\":\"a\"}");
	room_submit(bench, room_spec(bench, "paris", "LARGE", "1", manifest), &outcomes[0]);
	room_submit(bench, room_spec(bench, "paris", "SMALL", "1", small), &outcomes[1]);
	for (int i = 0; i < 2; i++) {
		room_await(&outcomes[i], "one of two");
		room_expect(&outcomes[i], STATUS_OK, NULL);
	}
	manifest_unref(manifest);
	manifest_unref(small);
	manifest =
	        room_manifest_at(bench, origin->url, "d", NULL, "e", "text", NULL); /* evicts the idle ones */
	struct outcome outcome = room_stage(bench, "paris", "LARGE", "2", manifest);
	room_expect(&outcome, STATUS_OK, NULL);
	manifest_unref(manifest);
}

Test(http_source, larger_than_the_spool_is_told)
{
	start_origin();
	bench->spool_bytes_max = 1000;
	room_open(bench);
	struct manifest *manifest = room_manifest_at(bench, origin->url, "a", NULL, NULL);
	expect_refused(manifest, STATUS_REJECT, "spool_too_small");
	manifest_unref(manifest);
}

Test(http_source, is_read_once_for_all)
{
	struct outcome outcomes[6];

	start_origin();
	room_open(bench);
	struct manifest *manifest =
	        room_manifest_at(bench, origin->url, "large", NULL, "small", "text", NULL);
	for (int i = 0; i < 6; i++) {
		const char *versions[] = {"1", "2", "3"};
		room_submit(bench,
		        room_spec(bench, i % 2 ? "paris" : "oslo", "PKG", versions[i / 2], manifest),
		        &outcomes[i]);
	}
	for (int i = 0; i < 6; i++) {
		room_await(&outcomes[i], "one of six");
		room_expect(&outcomes[i], STATUS_OK, NULL);
	}
	room_expect_staged(paris, "PKG", "1", manifest);
	room_expect_staged(oslo, "PKG", "3", manifest);
	char *log = bad_dp_log(origin), *large = strstr(log, "GET /large 200"),
	     *small = strstr(log, "GET /small 200");
	cr_assert(large && small);
	cr_assert_null(strstr(large + 5, "/large"), "%s", log);
	cr_assert_null(strstr(small + 5, "/small"), "%s", log);
	free(log);
	manifest_unref(manifest);
}

Test(http_source, that_breaks_goes_on_where_it_broke)
{
	start_origin();
	room_open(bench);
	struct manifest *manifest = room_manifest_at(bench, origin->url, "large", NULL, NULL);
	bad_dp_fault(origin, "{\"fault\":\"break\",\"times\":3}");
	struct outcome outcome = room_stage(bench, "paris", "PKG", "1.0", manifest);
	room_expect(&outcome, STATUS_OK, NULL);
	room_expect_staged(paris, "PKG", "1.0", manifest);
	char *log = bad_dp_log(origin);
	cr_assert_str_eq(log, "GET /large 200\nGET /large 206\nGET /large 206\nGET /large 206\n");
	free(log);
	manifest_unref(manifest);
}

/* Half of it came, and meanwhile it is another file: the halves do not belong together. */
Test(http_source, that_changes_between_two_halves_is_read_anew)
{
	struct outcome outcome;

	start_origin();
	room_open(bench);
	struct manifest *manifest = room_manifest_at(bench, origin->url, "a", "the right text", NULL);
	char *path = room_path(bench->sources, "a");
	scratch_write(path, "a wrong text..");
	bad_dp_fault(origin, "{\"fault\":\"break\",\"times\":1}");
	room_submit(bench, room_spec(bench, "paris", "PKG", "1.0", manifest), &outcome);
	bad_dp_await_log(origin, "GET /a 200");
	scratch_write(path, "the right text");
	room_await(&outcome, "the transfer");
	room_expect(&outcome, STATUS_OK, NULL);
	room_expect_staged(paris, "PKG", "1.0", manifest);
	free(path);
	manifest_unref(manifest);
}

Test(http_source, is_judged_by_its_answer)
{
	start_origin();
	room_open(bench);
	struct manifest *manifest = room_manifest_at(bench, origin->url, "a", "text", NULL);
	bad_dp_fault(origin, "{\"fault\":\"404\",\"times\":1}");
	expect_refused(manifest, STATUS_REJECT, "source_missing");
	bad_dp_fault(origin, "{\"fault\":\"403\",\"times\":1}");
	expect_refused(manifest, STATUS_REJECT, "source_refused");
	bad_dp_fault(origin, "{\"fault\":\"302\",\"location\":\"file:///etc/passwd\",\"times\":1}");
	expect_refused(manifest, STATUS_REJECT, "source_redirects");
	bad_dp_fault(origin, "{\"fault\":\"flip\",\"times\":1}");
	expect_refused(manifest, STATUS_REJECT, "source_digest");
	bad_dp_fault(origin, "{\"fault\":\"truncate\",\"times\":1}");
	expect_refused(manifest, STATUS_REJECT, "source_size");
	bad_dp_fault(origin, "{\"fault\":\"500\",\"times\":2}");
	struct outcome outcome = room_stage(bench, "paris", "PKG", "1.0", manifest);
	room_expect(&outcome, STATUS_OK, NULL);
	manifest_unref(manifest);
}

Test(http_source, a_manifest_may_come_from_there_with_its_files_beside_it)
{
	struct buffer text;
	struct outcome outcome;

	start_origin();
	room_open(bench);
	struct manifest *manifest = room_manifest_at(bench, origin->url, "sub/a b", "text", NULL);
	buffer_init(&text, 1 << 20);
	manifest_write_canonical(manifest, &text);
	char *path = room_path(bench->sources, "manifest.json"),
	     *url = memory_format("%smanifest.json", origin->url);
	scratch_write(path, text.data);
	struct transfer_spec spec = room_spec(bench, "paris", "PKG", "1.0", manifest);
	spec.manifest = NULL;
	spec.manifest_url = url;
	room_submit(bench, spec, &outcome);
	room_await(&outcome, "the transfer");
	room_expect(&outcome, STATUS_OK, NULL);
	room_expect_staged(paris, "PKG", "1.0", manifest);
	buffer_release(&text);
	free(path);
	free(url);
	manifest_unref(manifest);
}

/* A manifest that the origin has beside its files. */
struct fetched {
	struct manifest *manifest;
	char *url;
};

static struct fetched manifest_at_origin(void)
{
	struct manifest *manifest =
	        room_manifest_at(bench, origin->url, "a", "text", "b", "other text", NULL);
	char *path = room_path(bench->sources, "manifest.json");
	struct buffer text;

	buffer_init(&text, 1 << 20);
	manifest_write_canonical(manifest, &text);
	scratch_write(path, text.data);
	buffer_release(&text);
	free(path);
	return (struct fetched){manifest, memory_format("%smanifest.json", origin->url)};
}

static uint64_t submit_fetched(
        const struct fetched *fetched, const char *point, const char *version, struct outcome *outcome)
{
	struct transfer_spec spec = room_spec(bench, point, "PKG", version, fetched->manifest);

	spec.manifest = NULL;
	spec.manifest_url = fetched->url;
	return room_submit(bench, spec, outcome);
}

Test(http_source, a_manifest_is_read_once_for_all)
{
	static const char *const versions[] = {"1", "2", "3"};
	struct outcome outcomes[6];

	start_origin();
	room_open(bench);
	struct fetched fetched = manifest_at_origin();
	for (int i = 0; i < 6; i++)
		submit_fetched(&fetched, i % 2 ? "paris" : "oslo", versions[i / 2], &outcomes[i]);
	for (int i = 0; i < 6; i++) {
		room_await(&outcomes[i], "one of six");
		room_expect(&outcomes[i], STATUS_OK, NULL);
	}
	submit_fetched(&fetched, "paris", "4", &outcomes[0]); /* it is remembered */
	room_await(&outcomes[0], "one more");
	room_expect(&outcomes[0], STATUS_OK, NULL);
	room_expect_staged(paris, "PKG", "4", fetched.manifest);
	char *log = bad_dp_log(origin), *once = strstr(log, "GET /manifest.json 200");
	cr_assert(once);
	cr_assert_null(strstr(once + 5, "/manifest.json"), "%s", log);
	free(log);
	free(fetched.url);
	manifest_unref(fetched.manifest);
}

Test(http_source, a_manifest_that_one_no_longer_wants_still_comes_for_the_other)
{
	struct outcome canceled, other;

	start_origin();
	room_open(bench);
	struct fetched fetched = manifest_at_origin();
	bad_dp_fault(origin, "{\"fault\":\"hold\",\"match\":\"manifest\"}");
	uint64_t first = submit_fetched(&fetched, "paris", "1", &canceled);
	submit_fetched(&fetched, "oslo", "1", &other);
	distribution_cancel(bench->distribution, first);
	room_await(&canceled, "the end of the canceled one");
	room_expect(&canceled, STATUS_RETRY, "canceled");
	cr_assert_not(room_has_ended(&other));
	bad_dp_fault(origin, "{\"fault\":\"none\"}");
	room_await(&other, "the other");
	room_expect(&other, STATUS_OK, NULL);
	room_expect_staged(oslo, "PKG", "1", fetched.manifest);
	free(fetched.url);
	manifest_unref(fetched.manifest);
}

/* Where it says that its file is read is no part of what its digest is over. */
static void write_manifest(const char *path, const struct manifest *manifest, const char *name)
{
	const struct manifest_file *file = &manifest->files[0];
	char *at = room_path(bench->sources, "%s", path), *from = room_path(bench->sources, "%s", name);
	char *text = memory_format(
	        "{\"files\":[{\"path\":\"%s\",\"size\":%llu,\"digest\":\"%s\",\"url\":\"file://%s\"}]}",
	        file->path, (unsigned long long)file->size, file->digest, from);

	scratch_write(at, text);
	free(at);
	free(from);
	free(text);
}

static void expect_fetched(
        const char *path, struct manifest *manifest, const char *version, enum status status)
{
	struct fetched fetched = {manifest, memory_format("%s%s", origin->url, path)};
	struct outcome outcome;

	submit_fetched(&fetched, "paris", version, &outcome);
	room_await(&outcome, version);
	room_expect(&outcome, status, status == STATUS_OK ? NULL : "source_missing");
	free(fetched.url);
}

Test(http_source, a_manifest_from_elsewhere_has_its_files_elsewhere)
{
	start_origin();
	room_open(bench);
	struct manifest *manifest = room_manifest(bench, "a", "text", NULL);
	char *here = room_path(bench->sources, "a"), *there = room_path(bench->sources, "b");
	write_manifest("here.json", manifest, "a");
	write_manifest("there.json", manifest, "b");
	expect_fetched("here.json", manifest, "1", STATUS_OK);
	cr_assert_eq(rename(here, there), 0);
	expect_fetched("there.json", manifest, "2", STATUS_OK);
	room_expect_staged(paris, "PKG", "2", manifest);
	free(here);
	free(there);
	manifest_unref(manifest);
}

Test(http_source, a_manifest_whose_file_was_missing_can_be_mended)
{
	start_origin();
	room_open(bench);
	struct manifest *manifest = room_manifest(bench, "a", "text", NULL);
	write_manifest("manifest.json", manifest, "not-there");
	expect_fetched("manifest.json", manifest, "1", STATUS_REJECT);
	write_manifest("manifest.json", manifest, "a");
	expect_fetched("manifest.json", manifest, "1", STATUS_OK);
	room_expect_staged(paris, "PKG", "1", manifest);
	manifest_unref(manifest);
}
