/* Switching, through the door: what is current changes only to what is staged there, and never back. */
#include "base/memory.h"
#include "file_bench.h"
#include "room_bench.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static struct room_bench *bench;
static struct server *server;
static const char *base;
static struct manifest *first, *second;

enum kind { KIND_FOLDER, KIND_NGINX, KIND_BAD };

static void open_on(enum kind kind)
{
	bench = room_bench_new();
	if (kind == KIND_FOLDER) {
		base = room_file_point(bench, "tokyo");
	} else {
		server = kind == KIND_BAD ? bad_dp_start(NULL) : nginx_start(NULL);
		room_http_point(bench, "tokyo", server);
		base = server->folder;
	}
	room_open(bench);
	first = room_manifest(bench, "tool", "first", NULL);
	struct outcome outcome = room_stage(bench, "tokyo", "PKG", "1.0", first);
	room_expect(&outcome, STATUS_OK, NULL);
	second = room_manifest(bench, "tool", "second", NULL);
	outcome = room_stage(bench, "tokyo", "PKG", "2.0", second);
	room_expect(&outcome, STATUS_OK, NULL);
}

static void close_all(void)
{
	manifest_unref(first);
	manifest_unref(second);
	room_bench_close(bench);
	server_stop(server);
}

static void on_pointer(const struct pointer_result *result, void *context)
{
	struct outcome *outcome = context;

	pthread_mutex_lock(&outcome->lock);
	outcome->pointer = result->outcome;
	outcome->err = result->err;
	outcome->err.status = result->status;
	outcome->may_have_changed = result->may_have_changed;
	snprintf(outcome->version, sizeof(outcome->version), "%s", result->version ? result->version : "");
	snprintf(outcome->release_id, sizeof(outcome->release_id), "%s",
	        result->release_id ? result->release_id : "");
	outcome->ended++;
	pthread_cond_broadcast(&outcome->changed);
	pthread_mutex_unlock(&outcome->lock);
}

static struct pointer_spec spec_of(const char *version, const char *release_id, int64_t fence)
{
	return (struct pointer_spec){.wish = POINTER_SWITCH,
	        .package_id = "PKG",
	        .version = version,
	        .distribution_point = "tokyo",
	        .dp_id = bench->dp_id,
	        .digest = strcmp(version, "1.0") == 0 ? first->digest : second->digest,
	        .release_id = release_id,
	        .log_id = "log-a",
	        .partition = 3,
	        .fence = fence};
}

static uint64_t submit(struct pointer_spec spec, struct outcome *outcome)
{
	*outcome = (struct outcome){0};
	pthread_mutex_init(&outcome->lock, NULL);
	pthread_cond_init(&outcome->changed, NULL);
	spec.done = on_pointer;
	spec.context = outcome;
	return pointer_submit(bench->distribution, &spec);
}

static struct outcome run(struct pointer_spec spec)
{
	struct outcome outcome;

	submit(spec, &outcome);
	room_await(&outcome, "a pointer");
	return outcome;
}

static void expect(const struct outcome *outcome, enum pointer_outcome wanted, const char *version)
{
	cr_assert_eq(outcome->pointer, wanted, "outcome %d, %s: %s", outcome->pointer, outcome->err.code,
	        outcome->err.message);
	cr_assert_str_eq(outcome->version, version);
}

static void expect_unknown(const struct outcome *outcome, const char *code, bool may_have_changed)
{
	cr_assert_eq(outcome->pointer, POINTER_UNKNOWN);
	room_expect(outcome, STATUS_RETRY, code);
	cr_assert_eq(outcome->may_have_changed, may_have_changed);
}

static char *read_pointer(void)
{
	char *path = room_path(base, "PKG/current.json"), *text = scratch_read(path);

	free(path);
	return text;
}

static void expect_current(const char *version)
{
	char *text = read_pointer(), *wanted = memory_format("\"content_path\":\"content/%s\"", version);

	cr_assert(text && strstr(text, wanted), "%s is not in %s", wanted, text);
	free(text);
	free(wanted);
}

#define ON_EACH_KIND(suite, fact) ON_EACH_OF(suite, fact, KIND_FOLDER, KIND_NGINX, KIND_BAD)

ON_EACH_KIND(pointer, makes_a_staged_version_current)
{
	struct outcome outcome = run(spec_of("1.0", "r-1", 10));
	char target[64] = "", *link = room_path(base, "PKG/current");

	expect(&outcome, POINTER_IS_WANTED, "1.0");
	cr_assert_str_eq(outcome.release_id, "r-1");
	expect_current("1.0");
	outcome = run(spec_of("2.0", "r-2", 11));
	expect(&outcome, POINTER_IS_WANTED, "2.0");
	expect_current("2.0");
	if (kind == KIND_FOLDER) {
		cr_assert_gt(readlink(link, target, sizeof(target) - 1), 0);
		cr_assert_str_eq(target, "content/2.0");
	}
	free(link);
}

ON_EACH_KIND(pointer, never_goes_back_to_an_older_release)
{
	(void)kind;
	struct outcome outcome = run(spec_of("2.0", "r-2", 11));
	expect(&outcome, POINTER_IS_WANTED, "2.0");
	outcome = run(spec_of("1.0", "r-1", 10));
	expect(&outcome, POINTER_IS_NEWER, "2.0");
	cr_assert_str_eq(outcome.release_id, "r-2");
	expect_current("2.0");
}

ON_EACH_KIND(pointer, does_not_compare_with_another_log)
{
	(void)kind;
	struct pointer_spec spec = spec_of("2.0", "r-2", 11);
	spec.log_id = "log-b";
	struct outcome outcome = run(spec);
	expect(&outcome, POINTER_IS_WANTED, "2.0");
	outcome = run(spec_of("1.0", "r-1", 10));
	expect(&outcome, POINTER_IS_WANTED, "1.0");
}

ON_EACH_KIND(pointer, is_the_same_when_switched_twice)
{
	(void)kind;
	struct outcome outcome = run(spec_of("1.0", "r-1", 10));
	expect(&outcome, POINTER_IS_WANTED, "1.0");
	char *before = read_pointer();
	outcome = run(spec_of("1.0", "r-1", 10));
	expect(&outcome, POINTER_IS_WANTED, "1.0");
	char *after = read_pointer();
	cr_assert_str_eq(before, after);
	free(before);
	free(after);
}

ON_EACH_KIND(pointer, waits_for_its_seal)
{
	(void)kind;
	struct pointer_spec spec = spec_of("1.0", "r-1", 10);
	spec.digest = second->digest;
	struct outcome outcome = run(spec);
	expect_unknown(&outcome, "seal_differs", false);
	char *seal = room_path(base, "PKG/manifests/1.0.json");
	unlink(seal);
	free(seal);
	outcome = run(spec_of("1.0", "r-1", 10));
	expect_unknown(&outcome, "seal_missing", false);
	cr_assert_null(read_pointer());
}

ON_EACH_KIND(pointer, needs_the_point_that_was_staged)
{
	(void)kind;
	struct pointer_spec spec = spec_of("1.0", "r-1", 10);
	spec.dp_id = "0b2f7c1e-0000-4000-8000-00000000000f";
	struct outcome outcome = run(spec);
	expect_unknown(&outcome, "dp_id_changed", false);
	spec = spec_of("1.0", "r-1", 10);
	spec.distribution_point = "osaka";
	outcome = run(spec);
	expect_unknown(&outcome, "dp_unknown", false);
	cr_assert_null(read_pointer());
}

ON_EACH_KIND(pointer, replaces_what_is_no_pointer_and_says_so)
{
	(void)kind;
	char *path = room_path(base, "PKG/current.json");
	scratch_write(path, "{\"version\":");
	free(path);
	struct outcome outcome = run(spec_of("1.0", "r-1", 10));
	expect(&outcome, POINTER_IS_WANTED, "1.0");
	cr_assert_str_eq(outcome.err.code, "pointer_was_broken");
	expect_current("1.0");
}

ON_EACH_KIND(pointer_read, only_looks)
{
	(void)kind;
	struct pointer_spec spec = spec_of("1.0", "r-1", 10);
	spec.wish = POINTER_READ;
	struct outcome outcome = run(spec);
	expect(&outcome, POINTER_IS_OTHER, "");
	cr_assert_null(read_pointer());
	outcome = run(spec_of("1.0", "r-1", 10));
	outcome = run(spec);
	expect(&outcome, POINTER_IS_WANTED, "1.0");
	outcome = run(spec_of("2.0", "r-2", 11));
	outcome = run(spec);
	expect(&outcome, POINTER_IS_NEWER, "2.0");
	spec.fence = 12;
	outcome = run(spec);
	expect(&outcome, POINTER_IS_OTHER, "2.0");
}

Test(pointer, mends_a_link_that_a_crash_left_behind)
{
	char target[64] = "";

	open_on(KIND_FOLDER);
	struct outcome outcome = run(spec_of("2.0", "r-2", 11));
	expect(&outcome, POINTER_IS_WANTED, "2.0");
	char *link = room_path(base, "PKG/current");
	cr_assert(unlink(link) == 0 && symlink("content/1.0", link) == 0);
	outcome = run(spec_of("2.0", "r-2", 11));
	expect(&outcome, POINTER_IS_WANTED, "2.0");
	cr_assert_gt(readlink(link, target, sizeof(target) - 1), 0);
	cr_assert_str_eq(target, "content/2.0");
	free(link);
	close_all();
}

/* A look after the deadline: what shows the release while its link does not is not done yet. */
Test(pointer_read, ends_what_a_crash_left_behind)
{
	char target[64] = "";

	open_on(KIND_FOLDER);
	struct outcome outcome = run(spec_of("2.0", "r-2", 11));
	expect(&outcome, POINTER_IS_WANTED, "2.0");
	char *link = room_path(base, "PKG/current"), *before = read_pointer();
	struct pointer_spec spec = spec_of("2.0", "r-2", 11);
	spec.wish = POINTER_READ;
	cr_assert(unlink(link) == 0 && mkdir(link, 0755) == 0);
	outcome = run(spec);
	expect_unknown(&outcome, "dp_refused", false);
	cr_assert(rmdir(link) == 0 && symlink("content/1.0", link) == 0);
	outcome = run(spec);
	expect(&outcome, POINTER_IS_WANTED, "2.0");
	cr_assert_gt(readlink(link, target, sizeof(target) - 1), 0);
	cr_assert_str_eq(target, "content/2.0");
	char *after = read_pointer();
	cr_assert_str_eq(before, after);
	free(before);
	free(after);
	free(link);
	close_all();
}

static int times_in(const char *text, const char *part)
{
	int times = 0;

	for (; (text = strstr(text, part)); text++)
		times++;
	return times;
}

/* Of an answer that never came nobody knows what became of the write: it is not sent again, but looked at. */
Test(pointer, does_not_know_after_an_answer_that_was_lost)
{
	open_on(KIND_BAD);
	bad_dp_fault(server, "{\"fault\":\"lost\",\"method\":\"PUT\",\"match\":\"current.json\"}");
	struct outcome outcome = run(spec_of("1.0", "r-1", 10));
	expect_unknown(&outcome, "dp_unreachable", true);
	bad_dp_fault(server, "{\"fault\":\"none\"}");
	char *log = bad_dp_log(server);
	cr_assert_leq(times_in(log, "PUT /PKG/current.json"), 2, "once by us, once by curl: %s", log);
	free(log);
	struct pointer_spec spec = spec_of("1.0", "r-1", 10);
	spec.wish = POINTER_READ;
	outcome = run(spec);
	expect(&outcome, POINTER_IS_WANTED, "1.0");
	close_all();
}

Test(pointer, does_not_believe_an_answer_without_the_deed)
{
	open_on(KIND_BAD);
	bad_dp_fault(server, "{\"fault\":\"nothing\",\"method\":\"PUT\",\"match\":\"current.json\"}");
	struct outcome outcome = run(spec_of("1.0", "r-1", 10));
	expect_unknown(&outcome, "read_back_mismatch", true);
	cr_assert_null(read_pointer());
	close_all();
}

Test(pointer, can_be_canceled)
{
	struct outcome outcome;

	open_on(KIND_BAD);
	bad_dp_fault(server, "{\"fault\":\"hang\",\"method\":\"PUT\",\"match\":\"current.json\"}");
	uint64_t number = submit(spec_of("1.0", "r-1", 10), &outcome);
	bad_dp_await(server, "PUT /PKG/current.json");
	distribution_cancel(bench->distribution, number);
	room_await(&outcome, "the canceled one");
	expect_unknown(&outcome, "canceled", true);
	close_all();
}

/* One that hangs while it is written, in the middle of what is done in one go: it is not known, and said so.
 */
Test(pointer, does_not_know_after_a_write_that_hangs, .timeout = 120)
{
	struct outcome outcome;

	need_mounts();
	bench = room_bench_new();
	base = room_file_point(bench, "tokyo");
	if (!mount_image(base))
		cr_skip_test("mkfs.ext4 and loop devices are needed");
	char *path = room_path(base, ".holdpoint/dp.json");
	scratch_write(path, "{\"dp_id\":\"0b2f7c1e-0000-4000-8000-000000000001\"}");
	room_open(bench);
	first = room_manifest(bench, "tool", "first", NULL);
	outcome = room_stage(bench, "tokyo", "PKG", "1.0", first);
	room_expect(&outcome, STATUS_OK, NULL);
	int fd = open(base, O_RDONLY | O_DIRECTORY);
	cr_assert_eq(ioctl(fd, FIFREEZE, 0), 0);
	submit(spec_of("1.0", "r-1", 10), &outcome); /* no assertion until it thaws: it would stay frozen */
	for (int i = 0; i < 1500 && !room_has_ended(&outcome); i++)
		usleep(10000);
	bool thawed = ioctl(fd, FITHAW, 0) == 0;
	close(fd);
	cr_assert(thawed);
	room_await(&outcome, "one that hangs");
	expect_unknown(&outcome, "dp_timeout", true);
	free(path);
	room_bench_close(bench);
}

Test(distribution_refuses_older_fences, is_said_of_folders_only)
{
	open_on(KIND_FOLDER);
	struct outcome outcome = run(spec_of("1.0", "r-1", 10));
	expect(&outcome, POINTER_IS_WANTED, "1.0");
	cr_assert(distribution_refuses_older_fences(bench->distribution, "tokyo"));
	cr_assert_not(distribution_refuses_older_fences(bench->distribution, "osaka"));
	close_all();
	open_on(KIND_NGINX);
	outcome = run(spec_of("1.0", "r-1", 10));
	cr_assert_not(distribution_refuses_older_fences(bench->distribution, "tokyo"));
	close_all();
}
