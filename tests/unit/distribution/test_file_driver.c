/* What a folder as a distribution point does beyond the contract of all kinds, which it keeps too. */
#include "base/clock.h"
#include "base/memory.h"
#include "distribution/file_driver.h"
#include "distribution/piece.h"
#include "file_bench.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FACT(fact) DRIVER_FACT_TEST(file_driver_keeps_the_contract, fact, file_bench_open, file_bench_close)
DRIVER_FACTS(FACT)

static struct driver_bench *bench; /* a skipped test leaves it behind: no leak */

static void setup(void)
{
	bench = file_bench_open();
}

static void teardown(void)
{
	file_bench_close(bench);
}

TestSuite(file_driver, .init = setup, .fini = teardown);
TestSuite(file_driver_point, .init = setup, .fini = teardown);

/* A path below the base; valid until the test ends. */
static const char *at(const char *path)
{
	static char *paths[32];
	static int count;

	cr_assert_lt(count, 32);
	return paths[count++] = memory_format("%s/%s", ((struct file_bench *)bench)->folder, path);
}

static void expect_error(struct operation *operation, enum status status, const char *code)
{
	bench_run(bench, operation);
	cr_assert_eq(operation->result.status, status, "%s: status %d %s", operation->path,
	        operation->result.status, operation->result.err.message);
	cr_assert_str_eq(operation->result.err.code, code, "%s, not %s: %s", operation->result.err.code, code,
	        operation->result.err.message);
}

static void expect_put(const char *path, enum status status, const char *code, struct view bytes)
{
	int fd = bench_source(bytes);

	expect_error(&(struct operation){.kind = OPERATION_PUT, .path = path, .fd = fd, .size = bytes.len},
	        status, code);
	close(fd);
}

static void expect_file(const char *path, const char *wanted)
{
	char *text = scratch_read(path);

	cr_assert_eq(text != NULL, wanted != NULL, "%s is %s", path, text ? "there" : "missing");
	if (wanted)
		cr_assert_str_eq(text, wanted);
	free(text);
}

static void expect_link(const char *path, const char *wanted)
{
	char target[256] = "";

	cr_assert_gt(readlink(at(path), target, sizeof(target) - 1), 0, "%s: %s", path, strerror(errno));
	cr_assert_str_eq(target, wanted);
}

static bool is_there(const char *path)
{
	struct stat stat;

	return lstat(path, &stat) == 0;
}

/* Mounts that end with this process; before the driver's threads start, so that they see them. */
static void mark_done(struct operation *operation)
{
	*(bool *)operation->context = true;
}

static bool reads_as_its_data(const struct operation *read)
{
	return view_equal((struct view){read->result.data, read->result.len}, read->data);
}

Test(file_driver, keeps_the_executable_bit_and_no_other)
{
	struct view bytes = bench_bytes(100);
	int fd = bench_source(bytes);
	struct operation plain = {.kind = OPERATION_PUT, .path = "pkg/plain", .fd = fd, .size = 100};
	struct operation tool = {
	        .kind = OPERATION_PUT, .path = "pkg/tool", .fd = fd, .size = 100, .executable = true};
	struct operation copy = {
	        .kind = OPERATION_COPY, .from = "pkg/plain", .path = "pkg/copy", .executable = true};
	struct stat stat;

	umask(022);
	bench_run(bench, &plain);
	bench_run(bench, &tool);
	bench_run(bench, &copy);
	cr_assert(lstat(at("pkg/plain"), &stat) == 0 && (stat.st_mode & 07777) == 0644);
	cr_assert(lstat(at("pkg/tool"), &stat) == 0 && (stat.st_mode & 07777) == 0755);
	cr_assert(lstat(at("pkg/copy"), &stat) == 0 && (stat.st_mode & 07777) == 0755);
	cr_assert(lstat(at("pkg"), &stat) == 0 && (stat.st_mode & 07777) == 0755);
	close(fd);
}

Test(file_driver, put_never_writes_into_a_file_that_is_there)
{
	scratch_write(at("pkg/file"), "what others hold");
	cr_assert_eq(link(at("pkg/file"), at("pkg/other-name")), 0);
	bench_put(bench, "pkg/file", bench_bytes(5));
	expect_file(at("pkg/other-name"), "what others hold");
}

static parcel_set put_parcel_of(const char *path, const char *text)
{
	struct parcel *parcel = parcel_new();
	struct operation put = {.kind = OPERATION_PUT_PARCEL, .path = path, .parcel = parcel};

	parcel_add(parcel, memory_text(path), strlen(text))->data = memory_text(text);
	bench_run(bench, &put);
	parcel_unref(parcel);
	return put.result.right;
}

Test(file_driver, a_parcel_never_writes_into_a_file_that_is_there)
{
	scratch_write(at("pkg/file"), "what others hold");
	cr_assert_eq(link(at("pkg/file"), at("pkg/other-name")), 0);
	cr_assert_eq(put_parcel_of("pkg/file", "new"), 1);
	expect_file(at("pkg/file"), "new");
	expect_file(at("pkg/other-name"), "what others hold");
}

Test(file_driver, a_parcel_follows_no_planted_link)
{
	struct parcel *parcel = parcel_new();
	struct operation check = {
	        .kind = OPERATION_CHECK_PARCEL, .path = "pkg", .parcel = parcel, .full = true};

	scratch_write(at("other/file"), "of another package");
	cr_assert_eq(mkdir(at("pkg"), 0755), 0);
	cr_assert_eq(symlink("../other", at("pkg/content")), 0);
	cr_assert_eq(symlink("../other/file", at("pkg/link")), 0);
	cr_assert_eq(put_parcel_of("pkg/content/file", "new"), 0);
	expect_file(at("other/file"), "of another package");
	digest_of(view_text("of another package"),
	        parcel_add(parcel, memory_text("pkg/content/file"), 18)->digest);
	digest_of(view_text("of another package"), parcel_add(parcel, memory_text("pkg/link"), 18)->digest);
	digest_of(view_text("of another package"), parcel_add(parcel, memory_text("other/file"), 18)->digest);
	bench_run(bench, &check);
	cr_assert_eq(check.result.right, 4, "only the file that no link leads to");
	cr_assert_eq(put_parcel_of("pkg/link", "new"), 1); /* a link in its place is replaced, not followed */
	expect_file(at("other/file"), "of another package");
	parcel_unref(parcel);
}

Test(file_driver, put_takes_a_source_of_the_same_file_system_and_only_its_size)
{
	scratch_write(at("../source-of-test"), "0123456789");
	int fd = open(at("../source-of-test"), O_RDONLY);
	struct operation put = {.kind = OPERATION_PUT, .path = "pkg/file", .fd = fd, .size = 4};

	bench_run(bench, &put);
	cr_assert_eq(put.result.status, STATUS_OK, "%s", put.result.err.message);
	expect_file(at("pkg/file"), "0123");
	close(fd);
	unlink(at("../source-of-test"));
}

Test(file_driver, put_leaves_no_torso)
{
	int fd = bench_source(bench_bytes(1000));
	struct operation put = {.kind = OPERATION_PUT, .path = "pkg/lie", .fd = fd, .size = 1001};

	expect_error(&put, STATUS_REJECT, "source_size");
	cr_assert_not(is_there(at("pkg/lie")));
	close(fd);
}

/* It is read in pieces of a size that depends on its own. */
Test(file_driver, a_file_of_any_size_is_copied_and_hashed_whole)
{
	static const size_t sizes[] = {0, 1, PIECE_LEAST - 1, PIECE_LEAST, PIECE_LEAST + 1, PIECE_MOST - 1,
	        PIECE_MOST, PIECE_MOST + 1, 3 * PIECE_MOST + 1};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct view bytes = bench_bytes(sizes[i]);
		struct operation hash = {.kind = OPERATION_HASH, .path = "pkg/file"};
		char wanted[DIGEST_SIZE];

		bench_put(bench, "pkg/file", bytes);
		bench_run(bench, &hash);
		digest_of(bytes, wanted);
		cr_assert_eq(hash.result.size, sizes[i]);
		cr_assert_str_eq(hash.result.digest, wanted, "of %zu bytes", sizes[i]);
	}
}

Test(file_driver, a_planted_link_is_refused_and_not_followed)
{
	char *outside = scratch_folder(), *secret = memory_format("%s/secret", outside);

	scratch_write(secret, "secret");
	cr_assert_eq(mkdir(at("pkg"), 0755), 0);
	cr_assert_eq(symlink(outside, at("pkg/content")), 0);
	cr_assert_eq(symlink(secret, at("pkg/current.json")), 0);
	struct operation read_below = {.kind = OPERATION_READ, .path = "pkg/content/secret"};
	struct operation read_link = {.kind = OPERATION_READ, .path = "pkg/current.json"};
	struct operation hash = {.kind = OPERATION_HASH, .path = "pkg/content/secret"};
	struct operation stat = {.kind = OPERATION_STAT, .path = "pkg/content/secret"};
	struct operation write = {
	        .kind = OPERATION_WRITE, .path = "pkg/content/secret", .data = view_text("x")};
	struct operation remove = {.kind = OPERATION_REMOVE, .path = "pkg/content/secret"};
	struct operation move = {
	        .kind = OPERATION_MOVE, .from = ".holdpoint/dp.json", .path = "pkg/content/moved"};
	struct operation *all[] = {&read_below, &read_link, &hash, &stat, &write, &remove, &move};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		expect_error(all[i], STATUS_RETRY, "dp_refused");
	expect_put("pkg/content/new", STATUS_RETRY, "dp_refused", bench_bytes(3));
	expect_file(secret, "secret");
	scratch_remove(outside);
	free(secret);
	free(outside);
}

Test(file_driver, a_link_that_stays_below_the_base_is_not_followed_either)
{
	struct operation read = {.kind = OPERATION_READ, .path = "pkg/content/file"};
	struct operation write = {
	        .kind = OPERATION_WRITE, .path = "pkg/content/file", .data = view_text("x")};
	struct operation read_link = {.kind = OPERATION_READ, .path = "pkg/current.json"};

	scratch_write(at("other/file"), "of another package");
	cr_assert_eq(mkdir(at("pkg"), 0755), 0);
	cr_assert_eq(symlink("../other", at("pkg/content")), 0);
	cr_assert_eq(symlink("../other/file", at("pkg/current.json")), 0);
	expect_error(&read, STATUS_RETRY, "dp_refused");
	expect_error(&write, STATUS_RETRY, "dp_refused");
	expect_error(&read_link, STATUS_RETRY, "dp_refused");
	expect_put("pkg/content/new", STATUS_RETRY, "dp_refused", bench_bytes(3));
	expect_file(at("other/file"), "of another package");
}

Test(file_driver, list_does_not_follow_a_link_out)
{
	char *outside = scratch_folder();

	bench_write(bench, "pkg/file", "");
	cr_assert_eq(symlink(outside, at("pkg/manifests")), 0);
	expect_error(&(struct operation){.kind = OPERATION_LIST, .path = "pkg/manifests", .size_max = 1000},
	        STATUS_RETRY, "dp_refused");
	scratch_remove(outside);
	free(outside);
}

Test(file_driver, link_tells_where_one_leads_and_never_goes_there)
{
	struct operation link = {.kind = OPERATION_LINK, .path = "pkg/current"};

	bench_run(bench, &link);
	cr_assert_eq(link.result.status, STATUS_OK);
	cr_assert_not(link.result.found);
	bench_write(bench, "pkg/file", "");
	cr_assert_eq(symlink("../../nowhere", at("pkg/current")), 0);
	bench_run(bench, &link);
	cr_assert(link.result.found);
	cr_assert_str_eq(link.result.data, "../../nowhere");
	free(link.result.data);
	link = (struct operation){.kind = OPERATION_LINK, .path = "pkg/file"};
	bench_run(bench, &link);
	cr_assert(link.result.found);
	cr_assert_null(link.result.data);
}

Test(file_driver, remove_takes_a_planted_link_and_not_what_it_shows)
{
	char *outside = scratch_folder(), *precious = memory_format("%s/precious", outside);

	scratch_write(precious, "precious");
	scratch_write(at("pkg/content/1.0/file"), "x");
	cr_assert_eq(symlink(outside, at("pkg/content/1.0/link")), 0);
	struct operation remove = {.kind = OPERATION_REMOVE, .path = "pkg/content/1.0"};
	bench_run(bench, &remove);
	cr_assert_eq(remove.result.status, STATUS_OK, "%s", remove.result.err.message);
	cr_assert_not(is_there(at("pkg/content/1.0")));
	expect_file(precious, "precious");
	scratch_remove(outside);
	free(precious);
	free(outside);
}

Test(file_driver, a_way_out_of_the_base_is_refused)
{
	struct operation read = {.kind = OPERATION_READ, .path = "../../etc/hostname"};
	struct operation absolute = {.kind = OPERATION_READ, .path = "/etc/hostname"};

	expect_error(&read, STATUS_RETRY, "dp_refused");
	expect_error(&absolute, STATUS_RETRY, "dp_refused");
}

Test(file_driver, a_planted_fifo_hangs_nobody)
{
	struct operation read = {.kind = OPERATION_READ, .path = "fifo"};

	cr_assert_eq(mkfifo(at("fifo"), 0644), 0);
	expect_error(&read, STATUS_RETRY, "dp_refused");
}

Test(file_driver, a_vanished_base_is_unreachable)
{
	const char *folder = ((struct file_bench *)bench)->folder;
	char *away = memory_format("%s-away", folder);
	struct operation read = {.kind = OPERATION_READ, .path = "x"};
	struct operation write = {.kind = OPERATION_WRITE, .path = "x", .data = view_text("x")};

	bench_write(bench, "x", "x");
	cr_assert_eq(rename(folder, away), 0);
	expect_error(&read, STATUS_RETRY, "dp_unreachable");
	expect_error(&write, STATUS_RETRY, "dp_unreachable");
	cr_assert_not(is_there(folder));
	cr_assert_eq(rename(away, folder), 0);
	bench_write(bench, "x", "back again");
	free(away);
}

Test(file_driver, an_empty_folder_in_place_of_the_base_gets_no_byte)
{
	cr_assert_eq(rename(at(".holdpoint"), at("hidden")), 0);
	struct operation write = {.kind = OPERATION_WRITE, .path = "pkg/x", .data = view_text("x")};
	struct operation point = {
	        .kind = OPERATION_POINT, .path = "pkg/current.json", .data = view_text("x")};
	struct operation remove = {.kind = OPERATION_REMOVE, .path = "hidden"};

	expect_error(&write, STATUS_RETRY, "dp_not_initialised");
	expect_error(&point, STATUS_RETRY, "dp_not_initialised");
	expect_error(&remove, STATUS_RETRY, "dp_not_initialised");
	expect_put(".holdpoint/tmp/a@1/x", STATUS_RETRY, "dp_not_initialised", bench_bytes(3));
	cr_assert_not(is_there(at("pkg")) || is_there(at(".holdpoint")));
	bench_write(bench, ".holdpoint/dp.json", "{}");
	expect_file(at(".holdpoint/dp.json"), "{}");
}

Test(file_driver, a_mount_over_the_base_is_noticed_and_the_base_never_held)
{
	struct operation write = {.kind = OPERATION_WRITE, .path = "pkg/x", .data = view_text("x")};

	need_mounts();
	bench_write(bench, "pkg/x", "below");
	cr_assert_eq(mount("none", at("."), "tmpfs", 0, "size=1m"), 0);
	expect_error(&write, STATUS_RETRY, "dp_not_initialised");
	bench_write(bench, ".holdpoint/dp.json", "{}");
	bench_write(bench, "pkg/x", "above");
	cr_assert_eq(umount(at(".")), 0, "the driver still holds it: %s", strerror(errno));
	expect_file(at("pkg/x"), "below");
}

/* In one go what is wanted next is done up to where it is not, and no further. */
Test(file_driver, goes_on_with_what_is_wanted_next)
{
	struct operation plan[4] = {{.kind = OPERATION_WRITE, .path = "pkg/a", .data = view_text("a")},
	        {.kind = OPERATION_READ, .path = "pkg/a", .size_max = 10, .data = view_text("a")},
	        {.kind = OPERATION_READ, .path = "pkg/a", .size_max = 10, .data = view_text("b")},
	        {.kind = OPERATION_WRITE, .path = "pkg/b", .data = view_text("b")}};

	for (int i = 0; i < 3; i++)
		plan[i].next = &plan[i + 1];
	plan[1].goes_on = plan[2].goes_on = reads_as_its_data;
	bench_run(bench, plan);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(plan[i].result.status, STATUS_OK, "%s", plan[i].result.err.message);
	cr_assert(plan[1].result.reached && plan[2].result.reached && plan[2].result.found);
	cr_assert_not(plan[3].result.reached);
	cr_assert_not(is_there(at("pkg/b")));
	free(plan[1].result.data);
	free(plan[2].result.data);
}

Test(file_driver, does_not_go_on_behind_what_failed)
{
	struct operation plan[2] = {
	        {.kind = OPERATION_READ, .path = "pkg/a", .size_max = 1, .next = &plan[1]},
	        {.kind = OPERATION_WRITE, .path = "pkg/b", .data = view_text("b")}};

	bench_write(bench, "pkg/a", "aa");
	expect_error(plan, STATUS_REJECT, "dp_error");
	cr_assert_not(plan[1].result.reached);
	cr_assert_not(is_there(at("pkg/b")));
}

/* A thread in the middle of a plan, stopped until it is canceled. */
struct stop {
	atomic_bool there, go_on;
};

static bool stops_there(const struct operation *read)
{
	struct stop *stop;

	memcpy(&stop, read->data.data, sizeof(stop));
	atomic_store(&stop->there, true);
	while (!atomic_load(&stop->go_on))
		usleep(100);
	return true;
}

/* A worker that has lost its shard cancels what is under way: nothing more is changed there. */
Test(file_driver, does_not_go_on_once_canceled, .timeout = 60)
{
	struct stop stop = {0}, *told = &stop;
	bool done = false;
	struct operation plan[2] = {{.kind = OPERATION_READ,
	                                    .path = "pkg/a",
	                                    .size_max = 10,
	                                    .data = {(const char *)&told, sizeof(told)},
	                                    .goes_on = stops_there,
	                                    .next = &plan[1],
	                                    .done = mark_done,
	                                    .context = &done},
	        {.kind = OPERATION_WRITE, .path = "pkg/b", .data = view_text("b")}};

	bench->driver->ops->submit(bench->driver, plan);
	while (!atomic_load(&stop.there))
		usleep(100);
	bench->driver->ops->cancel(bench->driver, plan);
	atomic_store(&stop.go_on, true);
	while (!done)
		bench->step(bench, 100);
	cr_assert_eq(plan[0].result.status, STATUS_OK, "%s", plan[0].result.err.message);
	cr_assert_not(plan[1].result.reached);
	cr_assert_not(is_there(at("pkg/b")));
}

Test(file_driver, a_mount_below_the_base_is_refused)
{
	struct operation remove = {.kind = OPERATION_REMOVE, .path = "pkg"};

	need_mounts();
	cr_assert_eq(mkdir(at("pkg"), 0755), 0);
	cr_assert_eq(mount("none", at("pkg"), "tmpfs", 0, "size=1m"), 0);
	scratch_write(at("pkg/precious"), "precious");
	expect_put("pkg/x", STATUS_RETRY, "dp_refused", bench_bytes(3));
	expect_error(&remove, STATUS_RETRY, "dp_refused");
	expect_file(at("pkg/precious"), "precious");
	cr_assert_eq(umount(at("pkg")), 0);
}

Test(file_driver, a_full_file_system_says_so_and_keeps_no_torso)
{
	need_mounts();
	cr_assert_eq(mount("none", at("."), "tmpfs", 0, "size=1m"), 0);
	bench_write(bench, ".holdpoint/dp.json", "{}");
	expect_put("pkg/large", STATUS_RETRY, "dp_full", bench_bytes(2 << 20));
	bool torso = is_there(at("pkg/large"));
	bench_put(bench, "pkg/fits", bench_bytes(1000));
	cr_assert_eq(umount(at(".")), 0);
	cr_assert_not(torso);
}

Test(file_driver, a_read_only_file_system_refuses)
{
	struct operation write = {.kind = OPERATION_WRITE, .path = "pkg/x", .data = view_text("x")};

	need_mounts();
	cr_assert_eq(mount("none", at("."), "tmpfs", 0, "size=1m"), 0);
	bench_write(bench, ".holdpoint/dp.json", "{}");
	cr_assert_eq(mount("none", at("."), "tmpfs", MS_REMOUNT | MS_RDONLY, "size=1m"), 0);
	expect_error(&write, STATUS_RETRY, "dp_refused");
	cr_assert_eq(umount(at(".")), 0);
}

Test(file_driver, write_leaves_nothing_in_tmp)
{
	bench_write(bench, "pkg/x", "x");
	cr_assert_eq(rmdir(at(".holdpoint/tmp")) == 0 || unlink(at(".holdpoint/tmp/@clock")) == 0, true);
	cr_assert(rmdir(at(".holdpoint/tmp")) == 0 || errno == ENOENT, "%s", strerror(errno));
}

Test(file_driver, move_of_a_folder_over_a_folder_replaces_all_of_it_when_asked)
{
	struct operation move = {.kind = OPERATION_MOVE, .from = "new", .path = "old", .replace = true};

	scratch_write(at("new/a"), "new");
	scratch_write(at("old/a"), "old");
	scratch_write(at("old/b"), "old");
	bench_run(bench, &move);
	cr_assert_eq(move.result.status, STATUS_OK, "%s", move.result.err.message);
	expect_file(at("old/a"), "new");
	cr_assert_not(is_there(at("old/b")) || is_there(at("new")));
}

static void make_upload(const char *path, int days_old)
{
	struct timespec times[2] = {{.tv_sec = time(NULL) - days_old * 24 * 3600}};
	char *file = memory_format("%s/attempt/file", path);

	times[1] = times[0];
	scratch_write(file, "x");
	cr_assert_eq(utimensat(AT_FDCWD, path, times, 0), 0);
	free(file);
}

Test(file_driver, old_uploads_expire_and_fresh_ones_stay)
{
	int64_t deadline = clock_monotonic_ms() + 30000;

	make_upload(at(".holdpoint/tmp/old@1.0"), FILE_TMP_DAYS + 1);
	make_upload(at(".holdpoint/tmp/fresh@1.0"), FILE_TMP_DAYS - 1);
	free(bench_read(bench, ".holdpoint/dp.json"));
	while (is_there(at(".holdpoint/tmp/old@1.0/attempt")) ||
	        pool_is_busy(((struct file_bench *)bench)->pool)) {
		cr_assert_lt(clock_monotonic_ms(), deadline, "waited 30 s for an old upload to expire");
		bench->step(bench, 10);
	}
	cr_assert_not(is_there(at(".holdpoint/tmp/old@1.0")));
	cr_assert(is_there(at(".holdpoint/tmp/fresh@1.0/attempt/file")));
}

Test(file_driver, an_upload_that_goes_on_does_not_expire)
{
	struct stat stat;

	make_upload(at(".holdpoint/tmp/old@1.0"), FILE_TMP_DAYS - 1);
	bench_put(bench, ".holdpoint/tmp/old@1.0/attempt/deep/below", bench_bytes(3));
	cr_assert_eq(lstat(at(".holdpoint/tmp/old@1.0"), &stat), 0);
	cr_assert_gt(stat.st_mtime, time(NULL) - 3600);
}

/* A pointer whose whole content is its fence: what is newer stays. */
static enum point_verdict newer_stays(struct view current, void *context)
{
	return current.data && atoi(current.data) >= *(int *)context ? POINT_KEEP : POINT_REPLACE;
}

static struct operation point_to(int fence)
{
	static char text[2][16], target[2][32];
	static int turn;

	turn = !turn;
	snprintf(text[turn], sizeof(text[turn]), "%d", fence);
	snprintf(target[turn], sizeof(target[turn]), "content/%d", fence);
	struct operation point = {.kind = OPERATION_POINT,
	        .path = "pkg/current.json",
	        .data = view_text(text[turn]),
	        .link = "pkg/current",
	        .link_target = target[turn],
	        .check = newer_stays,
	        .check_context = &fence};
	bench_run(bench, &point);
	free(point.result.data);
	return point;
}

static void expect_pointer(const char *text, const char *target)
{
	expect_file(at("pkg/current.json"), text);
	expect_link("pkg/current", target);
}

Test(file_driver_point, an_older_fence_changes_nothing)
{
	cr_assert_eq(point_to(7).result.status, STATUS_OK);
	expect_pointer("7", "content/7");
	struct operation older = point_to(6);
	cr_assert_eq(older.result.status, STATUS_OK);
	cr_assert(older.result.kept);
	expect_pointer("7", "content/7");
	cr_assert_not(point_to(8).result.kept);
	expect_pointer("8", "content/8");
}

Test(file_driver_point, a_crash_between_data_and_link_is_mended)
{
	scratch_write(at("pkg/current.json"), "7");
	cr_assert_eq(symlink("content/5", at("pkg/current")), 0);
	struct operation again = point_to(7);
	cr_assert_eq(again.result.status, STATUS_OK, "%s", again.result.err.message);
	cr_assert(again.result.kept);
	expect_pointer("7", "content/7");
}

Test(file_driver_point, an_older_fence_does_not_mend_a_link)
{
	scratch_write(at("pkg/current.json"), "7");
	cr_assert_eq(symlink("content/5", at("pkg/current")), 0);
	cr_assert(point_to(6).result.kept);
	expect_pointer("7", "content/5");
}

Test(file_driver_point, a_missing_link_is_made)
{
	scratch_write(at("pkg/current.json"), "7");
	cr_assert(point_to(7).result.kept);
	expect_pointer("7", "content/7");
}

Test(file_driver_point, a_folder_in_the_links_place_is_an_error_and_not_lost)
{
	scratch_write(at("pkg/current/precious"), "precious");
	struct operation point = point_to(7);
	cr_assert_eq(point.result.status, STATUS_RETRY);
	cr_assert_str_eq(point.result.err.code, "dp_refused");
	expect_file(at("pkg/current/precious"), "precious");
}

/* A twin that was stopped while it holds the lock; killed by the test, or with it. */
static pid_t stopped_twin(const char *lock_path)
{
	int ready[2];
	char byte;

	cr_assert_eq(pipe(ready), 0);
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
		int fd = open(lock_path, O_RDWR | O_CREAT, 0644);
		static const char name[] = "pid 4242@elsewhere since 2026-01-01T00:00:00.000Z";
		bool held = fcntl(fd, F_OFD_SETLK, &whole) == 0 && write(fd, name, sizeof(name) - 1) > 0;
		if (write(ready[1], held ? "y" : "n", 1) == 1)
			raise(SIGSTOP);
		_exit(0);
	}
	cr_assert_eq(read(ready[0], &byte, 1), 1);
	cr_assert_eq(byte, 'y');
	close(ready[0]);
	close(ready[1]);
	return pid;
}

Test(file_driver_point, a_lock_held_by_a_stopped_twin_is_not_waited_for)
{
	scratch_write(at(".holdpoint/locks/pkg/current.json"), "");
	scratch_write(at("pkg/current.json"), "5");
	pid_t twin = stopped_twin(at(".holdpoint/locks/pkg/current.json"));
	int64_t before = clock_monotonic_ms();
	struct operation point = point_to(7);

	cr_assert_lt(clock_monotonic_ms() - before, 5000);
	kill(twin, SIGKILL);
	waitpid(twin, NULL, 0);
	cr_assert_eq(point.result.status, STATUS_RETRY);
	cr_assert_str_eq(point.result.err.code, "locked");
	cr_assert(strstr(point.result.err.message, "pid 4242@elsewhere"), "%s", point.result.err.message);
	expect_file(at("pkg/current.json"), "5");
	cr_assert_eq(point_to(7).result.status, STATUS_OK, "its death unlocks");
	expect_pointer("7", "content/7");
}

struct slow_check {
	int entered, go_on; /* eventfds */
};

static enum point_verdict check_slowly(struct view current, void *context)
{
	struct slow_check *slow = context;
	struct pollfd wait = {.fd = slow->go_on, .events = POLLIN};
	uint64_t one = 1;

	(void)current;
	if (write(slow->entered, &one, sizeof(one)) < 0)
		return POINT_KEEP;
	return poll(&wait, 1, 20000) == 1 ? POINT_REPLACE : POINT_KEEP;
}

Test(file_driver_point, a_holder_names_itself)
{
	struct slow_check slow = {.entered = eventfd(0, EFD_CLOEXEC), .go_on = eventfd(0, EFD_CLOEXEC)};
	bool done = false;
	struct operation first = {.kind = OPERATION_POINT,
	        .path = "pkg/current.json",
	        .data = view_text("1"),
	        .check = check_slowly,
	        .check_context = &slow,
	        .done = mark_done,
	        .context = &done};
	struct pollfd entered = {.fd = slow.entered, .events = POLLIN};
	char wanted[32];
	uint64_t one = 1;

	bench->driver->ops->submit(bench->driver, &first);
	cr_assert_eq(poll(&entered, 1, 20000), 1, "waited 20 s for the first to hold the lock");
	struct operation second = point_to(2);
	cr_assert_eq(write(slow.go_on, &one, sizeof(one)), (ssize_t)sizeof(one));
	int64_t deadline = clock_monotonic_ms() + 20000;
	while (!done) {
		cr_assert_lt(clock_monotonic_ms(), deadline, "waited 20 s for the first to be done");
		bench->step(bench, 100);
	}
	cr_assert_str_eq(second.result.err.code, "locked");
	snprintf(wanted, sizeof(wanted), "pid %d@", (int)getpid());
	cr_assert(strstr(second.result.err.message, wanted), "%s", second.result.err.message);
	expect_file(at("pkg/current.json"), "1");
	close(slow.entered);
	close(slow.go_on);
}

Test(file_driver_point, a_local_file_systems_lock_lasts)
{
	cr_assert_not(bench->driver->can.point);
	driver_suite_probe(bench);
	cr_assert(bench->driver->can.point && bench->driver->can.point_lasts);
}

struct hang {
	struct operation write[5], canceled, read; /* as many writes as there are threads, and one more */
	struct operation plan[3];                  /* read, write, read: in one go */
	bool write_done[5], canceled_done, read_done, plan_done, thawed;
};

static void submit(struct driver_bench *frozen, struct operation *operation, const char *path, bool *done)
{
	operation->path = path;
	operation->data = view_text("x");
	operation->size_max = 100;
	operation->done = mark_done;
	operation->context = done;
	frozen->driver->ops->submit(frozen->driver, operation);
}

static void step_for(struct driver_bench *frozen, const bool *done)
{
	for (int64_t deadline = clock_monotonic_ms() + 15000; clock_monotonic_ms() < deadline;) {
		if (*done)
			return;
		frozen->step(frozen, 50);
	}
}

/* No assertion in here: it would leave the file system frozen, and this process with it. */
static void live_through_a_freeze(struct driver_bench *frozen, struct hang *hang)
{
	static const char *const paths[] = {"pkg/a", "pkg/b", "pkg/c", "pkg/d", "pkg/e"};
	int fd = open(at("."), O_RDONLY | O_DIRECTORY);

	if (ioctl(fd, FIFREEZE, 0))
		return;
	hang->canceled.kind = OPERATION_WRITE;
	submit(frozen, &hang->canceled, "pkg/canceled", &hang->canceled_done);
	frozen->driver->ops->cancel(frozen->driver, &hang->canceled);
	step_for(frozen, &hang->canceled_done);
	submit(frozen, &hang->read, "pkg/x", &hang->read_done);
	step_for(frozen, &hang->read_done);
	hang->plan[0].next = &hang->plan[1];
	hang->plan[1].kind = OPERATION_WRITE;
	hang->plan[1].path = "pkg/y";
	hang->plan[1].next = &hang->plan[2];
	hang->plan[2].path = "pkg/x";
	submit(frozen, &hang->plan[0], "pkg/x", &hang->plan_done);
	step_for(frozen, &hang->plan_done);
	for (int i = 0; i < 5; i++) {
		hang->write[i].kind = OPERATION_WRITE;
		submit(frozen, &hang->write[i], paths[i], &hang->write_done[i]);
	}
	for (int i = 0; i < 5; i++)
		step_for(frozen, &hang->write_done[i]);
	hang->thawed = ioctl(fd, FITHAW, 0) == 0;
	close(fd);
}

Test(file_driver, a_hung_file_system_is_answered_for, .timeout = 120)
{
	static struct hang hang;
	static struct driver_bench *frozen;

	need_mounts();
	if (!mount_image(at(".")))
		cr_skip_test("mkfs.ext4 and loop devices are needed");
	scratch_write(at(".holdpoint/dp.json"), "{}");
	frozen = file_bench_open_at(((struct file_bench *)bench)->folder, 300);
	bench_write(frozen, "pkg/x", "x");
	live_through_a_freeze(frozen, &hang);
	cr_assert(hang.thawed);
	cr_assert(hang.canceled_done && hang.canceled.result.status == STATUS_RETRY);
	cr_assert_str_eq(hang.canceled.result.err.code, "canceled");
	cr_assert(hang.read_done && hang.read.result.found, "reading goes on: %s",
	        hang.read.result.err.message);
	free(hang.read.result.data);
	cr_assert(hang.plan_done && hang.plan[0].result.found, "what was done before is told");
	free(hang.plan[0].result.data);
	cr_assert(hang.plan[1].result.reached && hang.plan[1].result.ambiguous);
	cr_assert_str_eq(hang.plan[1].result.err.code, "dp_timeout");
	cr_assert_not(hang.plan[2].result.reached);
	for (int i = 0; i < 5; i++) {
		cr_assert(hang.write_done[i], "write %d", i);
		cr_assert_eq(hang.write[i].result.status, STATUS_RETRY);
		cr_assert_str_eq(hang.write[i].result.err.code, "dp_timeout");
	}
	cr_assert(hang.write[0].result.ambiguous);
	cr_assert_not(hang.write[4].result.ambiguous, "it never ran");
	int64_t deadline = clock_monotonic_ms() + 20000;
	struct operation again = {.kind = OPERATION_WRITE, .path = "pkg/x", .data = view_text("again")};
	do { /* until the threads are back */
		cr_assert_lt(clock_monotonic_ms(), deadline, "waited 20 s for writing to work again");
		bench_run(frozen, &again);
	} while (again.result.status);
	file_bench_close(frozen);
	while (umount(at("."))) { /* until the last thread has let go of it */
		cr_assert(errno == EBUSY && clock_monotonic_ms() < deadline, "%s", strerror(errno));
		usleep(10000);
	}
}
