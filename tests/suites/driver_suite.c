#include "tests/suites/driver_suite.h"

#include "base/clock.h"
#include "base/memory.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { DEADLINE_MS = 30000, READ_MAX = 1 << 20 };

static void count_answer(struct operation *operation)
{
	++*(int *)operation->context;
}

static void step_until(struct driver_bench *bench, const int *answers, int wanted, const char *what)
{
	int64_t deadline = clock_monotonic_ms() + DEADLINE_MS;

	while (*answers < wanted) {
		cr_assert(clock_monotonic_ms() < deadline, "waited %d s for %s: %d of %d answers",
		        DEADLINE_MS / 1000, what, *answers, wanted);
		bench->step(bench, 100);
	}
}

void bench_run(struct driver_bench *bench, struct operation *operation)
{
	int answers = 0;

	operation->done = count_answer;
	operation->context = &answers;
	if (operation->kind == OPERATION_READ && !operation->size_max)
		operation->size_max = READ_MAX;
	bench->driver->ops->submit(bench->driver, operation);
	step_until(bench, &answers, 1, operation->path);
	cr_assert_eq(answers, 1);
	cr_assert_eq(operation->result.err.status, operation->result.status);
}

static void run_well(struct driver_bench *bench, struct operation *operation)
{
	bench_run(bench, operation);
	cr_assert_eq(operation->result.status, STATUS_OK, "%s: %s: %s", operation->path,
	        operation->result.err.code, operation->result.err.message);
}

void bench_write(struct driver_bench *bench, const char *path, const char *text)
{
	run_well(bench, &(struct operation){.kind = OPERATION_WRITE, .path = path, .data = view_text(text)});
}

char *bench_read(struct driver_bench *bench, const char *path)
{
	struct operation read = {.kind = OPERATION_READ, .path = path};

	run_well(bench, &read);
	cr_assert_eq(read.result.found, read.result.data != NULL);
	return read.result.data;
}

static void expect_text(struct driver_bench *bench, const char *path, const char *wanted)
{
	struct operation read = {.kind = OPERATION_READ, .path = path};

	run_well(bench, &read);
	cr_assert_eq(read.result.found, wanted != NULL, "%s is %s", path, wanted ? "missing" : "there");
	if (wanted)
		cr_assert(view_is((struct view){read.result.data, read.result.len}, wanted),
		        "%s holds '%.*s', not '%s'", path, (int)read.result.len, read.result.data, wanted);
	free(read.result.data);
}

struct view bench_bytes(size_t len)
{
	static char *bytes; /* grows; a test process ends with its test */
	static size_t have;
	static uint32_t state = 2463534242;

	if (len > have)
		bytes = memory_resize(bytes, len);
	for (; have < len; have++) {
		state ^= state << 13, state ^= state >> 17, state ^= state << 5;
		bytes[have] = (char)state;
	}
	return (struct view){bytes, len};
}

int bench_source(struct view bytes)
{
	int fd = memfd_create("source", MFD_CLOEXEC);

	cr_assert(fd >= 0);
	for (size_t at = 0; at < bytes.len;) {
		ssize_t put = write(fd, bytes.data + at, bytes.len - at);
		cr_assert(put > 0);
		at += (size_t)put;
	}
	return fd;
}

void bench_put(struct driver_bench *bench, const char *path, struct view bytes)
{
	int fd = bench_source(bytes);

	run_well(
	        bench, &(struct operation){.kind = OPERATION_PUT, .path = path, .fd = fd, .size = bytes.len});
	close(fd);
}

static void expect_hash(struct driver_bench *bench, const char *path, struct view bytes)
{
	struct operation hash = {.kind = OPERATION_HASH, .path = path};
	char wanted[DIGEST_SIZE];

	run_well(bench, &hash);
	digest_of(bytes, wanted);
	cr_assert(hash.result.found, "%s is missing", path);
	cr_assert_eq(hash.result.size, bytes.len);
	cr_assert_str_eq(hash.result.digest, wanted);
}

static struct operation stat_of(struct driver_bench *bench, const char *path)
{
	struct operation stat = {.kind = OPERATION_STAT, .path = path};

	run_well(bench, &stat);
	return stat;
}

void driver_suite_probe(struct driver_bench *bench)
{
	char *identity = bench_read(bench, ".holdpoint/dp.json");

	cr_assert(identity, "the distribution point to test on has no dp.json");
	free(identity);
}

void driver_suite_reads_back_what_was_written(struct driver_bench *bench)
{
	bench_write(bench, "pkg/manifests/1.0.json", "{\"files\":[]}");
	expect_text(bench, "pkg/manifests/1.0.json", "{\"files\":[]}");
}

void driver_suite_says_that_nothing_is_there(struct driver_bench *bench)
{
	const enum operation_kind kinds[] = {OPERATION_READ, OPERATION_HASH, OPERATION_STAT};

	bench_write(bench, "pkg/there", "x");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct operation beside = {.kind = kinds[i], .path = "pkg/missing"};
		struct operation below = {.kind = kinds[i], .path = "nowhere/at/all"};
		run_well(bench, &beside);
		run_well(bench, &below);
		cr_assert_not(beside.result.found || below.result.found);
	}
}

void driver_suite_write_replaces(struct driver_bench *bench)
{
	bench_write(bench, "pkg/current.json", "something rather long");
	bench_write(bench, "pkg/current.json", "short");
	expect_text(bench, "pkg/current.json", "short");
}

void driver_suite_write_takes_an_empty_file(struct driver_bench *bench)
{
	bench_write(bench, "pkg/empty", "");
	expect_text(bench, "pkg/empty", "");
}

void driver_suite_read_refuses_a_file_beyond_its_limit(struct driver_bench *bench)
{
	struct operation fits = {.kind = OPERATION_READ, .path = "pkg/file", .size_max = 10};
	struct operation beyond = {.kind = OPERATION_READ, .path = "pkg/file", .size_max = 9};

	bench_write(bench, "pkg/file", "0123456789");
	run_well(bench, &fits);
	cr_assert_eq(fits.result.len, 10);
	free(fits.result.data);
	bench_run(bench, &beyond);
	cr_assert_neq(beyond.result.status, STATUS_OK);
	cr_assert_null(beyond.result.data);
}

void driver_suite_put_makes_parents(struct driver_bench *bench)
{
	struct view bytes = bench_bytes(1000);

	bench_put(bench, "pkg/content/1.0/a/b/c/d/file", bytes);
	expect_hash(bench, "pkg/content/1.0/a/b/c/d/file", bytes);
}

void driver_suite_put_takes_an_empty_file(struct driver_bench *bench)
{
	bench_put(bench, "pkg/content/1.0/empty", bench_bytes(0));
	expect_hash(bench, "pkg/content/1.0/empty", bench_bytes(0));
}

void driver_suite_put_replaces_a_longer_file(struct driver_bench *bench)
{
	bench_put(bench, "pkg/file", bench_bytes(5000));
	bench_put(bench, "pkg/file", bench_bytes(70));
	expect_hash(bench, "pkg/file", bench_bytes(70));
}

void driver_suite_put_shares_its_descriptor(struct driver_bench *bench)
{
	struct view bytes = bench_bytes(300000);
	int answers = 0, fd = bench_source(bytes);
	struct operation puts[4] = {
	        {.path = "a/file"}, {.path = "b/file"}, {.path = "c/file"}, {.path = "d/file"}};

	cr_assert_eq(lseek(fd, 1234, SEEK_SET), 1234);
	for (int i = 0; i < 4; i++) {
		puts[i].kind = OPERATION_PUT, puts[i].fd = fd, puts[i].size = bytes.len;
		puts[i].done = count_answer, puts[i].context = &answers;
		bench->driver->ops->submit(bench->driver, &puts[i]);
	}
	step_until(bench, &answers, 4, "puts from one descriptor");
	cr_assert_eq(lseek(fd, 0, SEEK_CUR), 1234);
	for (int i = 0; i < 4; i++)
		expect_hash(bench, puts[i].path, bytes);
	close(fd);
}

void driver_suite_put_catches_a_source_that_is_too_short(struct driver_bench *bench)
{
	int fd = bench_source(bench_bytes(1000));
	struct operation put = {.kind = OPERATION_PUT, .path = "pkg/lie", .fd = fd, .size = 1001};

	bench_run(bench, &put);
	cr_assert_neq(put.result.status, STATUS_OK);
	cr_assert(put.result.err.code[0] && put.result.err.message[0]);
	close(fd);
}

void driver_suite_hash_agrees_on_many_chunks(struct driver_bench *bench)
{
	struct view bytes = bench_bytes((17 << 20) + 13);

	bench_put(bench, "pkg/large", bytes);
	expect_hash(bench, "pkg/large", bytes);
}

void driver_suite_hash_stops_beyond_its_limit(struct driver_bench *bench)
{
	struct operation hash = {.kind = OPERATION_HASH, .path = "pkg/large", .size_max = 4710};

	bench_put(bench, "pkg/large", bench_bytes(4711));
	run_well(bench, &hash);
	cr_assert(hash.result.found);
	cr_assert_gt(hash.result.size, 4710);
	cr_assert_str_eq(hash.result.digest, "");
	hash = (struct operation){.kind = OPERATION_HASH, .path = "pkg/large", .size_max = 4711};
	run_well(bench, &hash);
	cr_assert_eq(hash.result.size, 4711);
	cr_assert_str_neq(hash.result.digest, "");
}

static void follow(struct operation *operation, uint64_t bytes)
{
	uint64_t *seen = (uint64_t *)operation->check_context;

	cr_assert(bytes >= *seen && bytes <= operation->size, "%llu after %llu of %llu",
	        (unsigned long long)bytes, (unsigned long long)*seen, (unsigned long long)operation->size);
	*seen = bytes;
}

void driver_suite_progress_only_grows(struct driver_bench *bench)
{
	struct view bytes = bench_bytes(17 << 20);
	int fd = bench_source(bytes);
	uint64_t put_seen = 0, hash_seen = 0;
	struct operation put = {.kind = OPERATION_PUT,
	        .path = "pkg/large",
	        .fd = fd,
	        .size = bytes.len,
	        .moved = follow,
	        .check_context = &put_seen};
	struct operation hash = {.kind = OPERATION_HASH,
	        .path = "pkg/large",
	        .size = bytes.len,
	        .moved = follow,
	        .check_context = &hash_seen};

	run_well(bench, &put);
	run_well(bench, &hash);
	cr_assert_eq(hash.result.size, bytes.len);
	close(fd);
}

void driver_suite_stat_knows_files_and_folders(struct driver_bench *bench)
{
	bench_put(bench, "pkg/content/1.0/file", bench_bytes(4711));
	struct operation file = stat_of(bench, "pkg/content/1.0/file");
	cr_assert(file.result.found);
	cr_assert_eq(file.result.size, 4711);
	cr_assert(stat_of(bench, "pkg/content/1.0").result.found);
	cr_assert_not(stat_of(bench, "pkg/content/1.1").result.found);
}

static void need(struct driver_bench *bench, bool can, const char *what)
{
	if (can)
		return;
	bench->close(bench);
	cr_skip_test("this distribution point says that it cannot %s", what);
}

static bool lists(const struct operation *list, const char *name)
{
	const char *at = list->result.data, *end = at + list->result.len;

	while (at < end && strcmp(at, name) != 0)
		at += strlen(at) + 1;
	return at < end;
}

void driver_suite_list_names_what_is_there(struct driver_bench *bench)
{
	struct operation list = {.kind = OPERATION_LIST, .path = "pkg", .size_max = 1000};

	need(bench, bench->driver->can.list, "list folders");
	run_well(bench, &list);
	cr_assert_not(list.result.found);
	bench_write(bench, "pkg/one", "1");
	bench_write(bench, "pkg/two/three", "3");
	list = (struct operation){.kind = OPERATION_LIST, .path = "pkg", .size_max = 1000};
	run_well(bench, &list);
	cr_assert(list.result.found);
	cr_assert_eq(list.result.len, 8);
	cr_assert(lists(&list, "one") && lists(&list, "two"));
	free(list.result.data);
	list = (struct operation){.kind = OPERATION_LIST, .path = "", .size_max = 1000};
	run_well(bench, &list);
	cr_assert(lists(&list, "pkg") && lists(&list, ".holdpoint"));
	free(list.result.data);
}

void driver_suite_list_refuses_what_is_beyond_its_limit(struct driver_bench *bench)
{
	struct operation list = {.kind = OPERATION_LIST, .path = "pkg", .size_max = 7};

	need(bench, bench->driver->can.list, "list folders");
	bench_write(bench, "pkg/one", "1");
	bench_write(bench, "pkg/two", "2");
	bench_run(bench, &list);
	cr_assert_eq(list.result.status, STATUS_REJECT);
	cr_assert_null(list.result.data);
}

static struct operation transfer(struct driver_bench *bench, enum operation_kind kind, const char *from,
        const char *path, bool replace)
{
	struct operation operation = {.kind = kind, .from = from, .path = path, .replace = replace};

	run_well(bench, &operation);
	return operation;
}

void driver_suite_copy_keeps_bytes(struct driver_bench *bench)
{
	struct view bytes = bench_bytes(3 << 20);

	need(bench, bench->driver->can.copy, "copy");
	bench_put(bench, "pkg/content/1.0/bin/tool", bytes);
	cr_assert(
	        transfer(bench, OPERATION_COPY, "pkg/content/1.0/bin/tool", "pkg/content/1.1/new/tool", false)
	                .result.found);
	expect_hash(bench, "pkg/content/1.1/new/tool", bytes);
	expect_hash(bench, "pkg/content/1.0/bin/tool", bytes);
}

void driver_suite_copy_of_nothing_is_not_found(struct driver_bench *bench)
{
	need(bench, bench->driver->can.copy, "copy");
	cr_assert_not(transfer(bench, OPERATION_COPY, "pkg/missing", "pkg/copy", false).result.found);
	expect_text(bench, "pkg/copy", NULL);
}

void driver_suite_move_takes_a_file_to_missing_parents(struct driver_bench *bench)
{
	need(bench, bench->driver->can.move, "move");
	bench_write(bench, ".holdpoint/tmp/x/file", "moved");
	struct operation move =
	        transfer(bench, OPERATION_MOVE, ".holdpoint/tmp/x/file", "pkg/a/b/c/file", false);
	cr_assert(move.result.found && !move.result.exists);
	expect_text(bench, "pkg/a/b/c/file", "moved");
	expect_text(bench, ".holdpoint/tmp/x/file", NULL);
}

void driver_suite_move_takes_a_folder(struct driver_bench *bench)
{
	need(bench, bench->driver->can.move, "move");
	bench_write(bench, ".holdpoint/tmp/pkg@1.0/a1/bin/tool", "tool");
	bench_write(bench, ".holdpoint/tmp/pkg@1.0/a1/readme", "words");
	struct operation move =
	        transfer(bench, OPERATION_MOVE, ".holdpoint/tmp/pkg@1.0/a1", "pkg/content/1.0", false);
	cr_assert(move.result.found && !move.result.exists);
	expect_text(bench, "pkg/content/1.0/bin/tool", "tool");
	expect_text(bench, "pkg/content/1.0/readme", "words");
	cr_assert_not(stat_of(bench, ".holdpoint/tmp/pkg@1.0/a1").result.found);
}

void driver_suite_move_refuses_to_overwrite_a_file(struct driver_bench *bench)
{
	need(bench, bench->driver->can.move, "move");
	bench_write(bench, "pkg/new", "new");
	bench_write(bench, "pkg/old", "old");
	cr_assert(transfer(bench, OPERATION_MOVE, "pkg/new", "pkg/old", false).result.exists);
	expect_text(bench, "pkg/old", "old");
	expect_text(bench, "pkg/new", "new");
}

void driver_suite_move_refuses_to_overwrite_a_folder(struct driver_bench *bench)
{
	need(bench, bench->driver->can.move, "move");
	bench_write(bench, ".holdpoint/tmp/new/file", "new");
	bench_write(bench, "pkg/content/1.0/file", "old");
	cr_assert(transfer(bench, OPERATION_MOVE, ".holdpoint/tmp/new", "pkg/content/1.0", false)
	                  .result.exists);
	expect_text(bench, "pkg/content/1.0/file", "old");
	expect_text(bench, ".holdpoint/tmp/new/file", "new");
}

void driver_suite_move_replaces_a_file_when_asked(struct driver_bench *bench)
{
	need(bench, bench->driver->can.move, "move");
	bench_write(bench, "pkg/new", "new");
	bench_write(bench, "pkg/old", "old");
	transfer(bench, OPERATION_MOVE, "pkg/new", "pkg/old", true);
	expect_text(bench, "pkg/old", "new");
	expect_text(bench, "pkg/new", NULL);
}

void driver_suite_move_of_nothing_is_not_found(struct driver_bench *bench)
{
	need(bench, bench->driver->can.move, "move");
	cr_assert_not(transfer(bench, OPERATION_MOVE, "no/where", "pkg/there", false).result.found);
	expect_text(bench, "pkg/there", NULL);
}

static void remove_path(struct driver_bench *bench, const char *path)
{
	run_well(bench, &(struct operation){.kind = OPERATION_REMOVE, .path = path});
}

void driver_suite_remove_of_nothing_is_fine(struct driver_bench *bench)
{
	remove_path(bench, "pkg/missing");
	remove_path(bench, "nowhere/at/all");
	cr_assert_not(stat_of(bench, "nowhere").result.found);
}

void driver_suite_remove_takes_a_file_and_leaves_its_neighbours(struct driver_bench *bench)
{
	bench_write(bench, "pkg/a", "a");
	bench_write(bench, "pkg/ab", "ab");
	remove_path(bench, "pkg/a");
	expect_text(bench, "pkg/a", NULL);
	expect_text(bench, "pkg/ab", "ab");
}

void driver_suite_remove_takes_a_whole_tree(struct driver_bench *bench)
{
	bench_write(bench, "pkg/content/1.0/a/b/c/d/e/f/file", "deep");
	bench_write(bench, "pkg/content/1.0/a/b/other", "other");
	bench_write(bench, "pkg/content/1.0/.hidden", "hidden");
	bench_write(bench, "pkg/content/1.0.1/file", "neighbour");
	remove_path(bench, "pkg/content/1.0");
	cr_assert_not(stat_of(bench, "pkg/content/1.0").result.found);
	expect_text(bench, "pkg/content/1.0.1/file", "neighbour");
}

void driver_suite_settle_answers(struct driver_bench *bench)
{
	struct operation settle = {.kind = OPERATION_SETTLE, .path = "pkg"};

	bench_write(bench, "pkg/file", "x");
	run_well(bench, &settle);
	expect_text(bench, "pkg/file", "x");
}

/* ---- parcels */

static struct parcel_file *pack(struct parcel *parcel, const char *path, const char *text)
{
	struct parcel_file *file = parcel_add(parcel, memory_text(path), strlen(text));

	file->data = memory_text(text);
	digest_of(view_text(text), file->digest);
	return file;
}

static parcel_set run_parcel(
        struct driver_bench *bench, enum operation_kind kind, struct parcel *parcel, bool full)
{
	struct operation operation = {.kind = kind, .path = "pkg", .parcel = parcel, .full = full};

	run_well(bench, &operation);
	return operation.result.right;
}

void driver_suite_parcel_is_put_and_checks(struct driver_bench *bench)
{
	need(bench, bench->driver->can.parcels, "take parcels");
	struct parcel *parcel = parcel_new();
	char name[32];

	for (size_t i = 0; i < PARCEL_FILES_MAX; i++) {
		snprintf(name, sizeof(name), "pkg/content/d%zu/f%zu", i / 10, i);
		pack(parcel, name, i == 3 ? "" : name);
	}
	cr_assert_eq(run_parcel(bench, OPERATION_CHECK_PARCEL, parcel, true), 0);
	cr_assert_eq(run_parcel(bench, OPERATION_PUT_PARCEL, parcel, false), UINT64_MAX);
	run_well(bench, &(struct operation){.kind = OPERATION_SETTLE, .path = "pkg"});
	cr_assert_eq(run_parcel(bench, OPERATION_CHECK_PARCEL, parcel, true), UINT64_MAX);
	cr_assert_eq(run_parcel(bench, OPERATION_CHECK_PARCEL, parcel, false), UINT64_MAX);
	expect_text(bench, "pkg/content/d6/f63", "pkg/content/d6/f63");
	expect_text(bench, "pkg/content/d0/f3", "");
	parcel_unref(parcel);
}

void driver_suite_parcel_leaves_out_what_is_wrong(struct driver_bench *bench)
{
	need(bench, bench->driver->can.parcels, "take parcels");
	struct parcel *parcel = parcel_new();
	static const char *const paths[] = {
	        "pkg/right", "pkg/other", "pkg/longer", "pkg/shorter", "pkg/missing"};
	static const char *const there[] = {"right", "rihgt", "right and more", "rig", NULL};

	for (size_t i = 0; i < 5; i++) {
		pack(parcel, paths[i], "right");
		if (there[i])
			bench_write(bench, paths[i], there[i]);
	}
	cr_assert_eq(run_parcel(bench, OPERATION_CHECK_PARCEL, parcel, true), 1);
	cr_assert_eq(run_parcel(bench, OPERATION_CHECK_PARCEL, parcel, false), 3, "their sizes are right");
	free(parcel->files[1].data); /* its source could not be read */
	parcel->files[1].data = NULL;
	cr_assert_eq(run_parcel(bench, OPERATION_PUT_PARCEL, parcel, false), 0x1d);
	cr_assert_eq(run_parcel(bench, OPERATION_CHECK_PARCEL, parcel, true), 0x1d);
	expect_text(bench, "pkg/other", "rihgt");
	parcel_unref(parcel);
}

void driver_suite_parcel_replaces_and_copies(struct driver_bench *bench)
{
	need(bench, bench->driver->can.parcels, "take parcels");
	struct parcel *parcel = parcel_new();

	bench_write(bench, "pkg/old", "in the older version");
	bench_write(bench, "pkg/b", "something longer than what replaces it");
	pack(parcel, "pkg/a", "in the older version")->from = memory_text("pkg/old");
	pack(parcel, "pkg/b", "in the older version")->from = memory_text("pkg/old");
	pack(parcel, "pkg/c", "of another size")->from = memory_text("pkg/old");
	pack(parcel, "pkg/d", "of nothing")->from = memory_text("pkg/nothing");
	cr_assert_eq(run_parcel(bench, OPERATION_PUT_PARCEL, parcel, true), 3);
	expect_text(bench, "pkg/a", "in the older version");
	expect_text(bench, "pkg/b", "in the older version");
	cr_assert_not(stat_of(bench, "pkg/c").result.found, "a torso is left behind");
	cr_assert_not(stat_of(bench, "pkg/d").result.found, "a torso is left behind");
	parcel_unref(parcel);
}

void driver_suite_names_may_be_odd(struct driver_bench *bench)
{
	static const char *const names[] = {"two words", " leading and trailing ", "100%", "%41%2e%2F",
	        "a+b&c=d;e", "#1", "what?", "what?a=b#c", ".hidden", "...", "..dots", "ümläut-日本",
	        "\xf0\x9f\x93\xa6", "[brackets]{}", "'single' \"double\"", "star*", "~tilde", "-dash", "@at",
	        "pipe|<>", "a:b"};
	char text[16];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *path = memory_format("pkg/content/1.0/%s/%s", names[i], names[i]);
		snprintf(text, sizeof(text), "%zu", i);
		bench_write(bench, path, text);
		free(path);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *path = memory_format("pkg/content/1.0/%s/%s", names[i], names[i]);
		snprintf(text, sizeof(text), "%zu", i);
		expect_text(bench, path, text);
		expect_hash(bench, path, view_text(text));
		remove_path(bench, path);
		expect_text(bench, path, NULL);
		free(path);
	}
}

void driver_suite_submit_never_answers_from_within(struct driver_bench *bench)
{
	int answers = 0;
	struct operation read = {.kind = OPERATION_READ,
	        .path = "nowhere/at/all",
	        .size_max = 10,
	        .done = count_answer,
	        .context = &answers};

	bench->driver->ops->submit(bench->driver, &read);
	cr_assert_eq(answers, 0);
	step_until(bench, &answers, 1, "a read of nothing");
	cr_assert_eq(answers, 1);
}

void driver_suite_cancel_answers_once(struct driver_bench *bench)
{
	struct view bytes = bench_bytes(48 << 20);
	int answers = 0, fd = bench_source(bytes);
	struct operation put = {.kind = OPERATION_PUT,
	        .path = "pkg/canceled",
	        .fd = fd,
	        .size = bytes.len,
	        .done = count_answer,
	        .context = &answers};

	bench->driver->ops->submit(bench->driver, &put);
	bench->step(bench, 1);
	if (!answers)
		bench->driver->ops->cancel(bench->driver, &put);
	step_until(bench, &answers, 1, "the answer of what was canceled");
	if (put.result.status != STATUS_OK)
		cr_assert_str_eq(put.result.err.code, "canceled");
	bench_write(bench, "pkg/other", "the driver goes on");
	expect_text(bench, "pkg/other", "the driver goes on");
	cr_assert_eq(answers, 1);
	close(fd);
}

void driver_suite_cancel_of_much_at_once_answers_each_once(struct driver_bench *bench)
{
	enum { MANY = 64 };
	struct view bytes = bench_bytes(1 << 20);
	int fd = bench_source(bytes), answers[MANY] = {0};
	struct operation puts[MANY];
	char paths[MANY][32];

	for (int i = 0; i < MANY; i++) {
		snprintf(paths[i], sizeof(paths[i]), "pkg/canceled-%d", i);
		puts[i] = (struct operation){.kind = OPERATION_PUT,
		        .path = paths[i],
		        .fd = fd,
		        .size = bytes.len,
		        .done = count_answer,
		        .context = &answers[i]};
		bench->driver->ops->submit(bench->driver, &puts[i]);
	}
	for (int i = 0; i < MANY; i++)
		bench->driver->ops->cancel(bench->driver, &puts[i]);
	for (int i = 0; i < MANY; i++)
		step_until(bench, &answers[i], 1, paths[i]);
	bench_write(bench, "pkg/other", "the driver goes on");
	for (int i = 0; i < MANY; i++)
		cr_assert_eq(answers[i], 1);
	close(fd);
}

void driver_suite_concurrent_operations_all_answer_once(struct driver_bench *bench)
{
	enum { MANY = 96 };
	struct view bytes = bench_bytes(20000);
	int fd = bench_source(bytes), answers = 0;
	struct operation puts[MANY];
	char paths[MANY][40];

	for (int i = 0; i < MANY; i++) {
		snprintf(paths[i], sizeof(paths[i]), "pkg/content/%d/%d/file", i % 5, i);
		puts[i] = (struct operation){.kind = OPERATION_PUT,
		        .path = paths[i],
		        .fd = fd,
		        .size = bytes.len - (uint64_t)i,
		        .done = count_answer,
		        .context = &answers};
		bench->driver->ops->submit(bench->driver, &puts[i]);
	}
	step_until(bench, &answers, MANY, "many puts at once");
	cr_assert_eq(answers, MANY);
	for (int i = 0; i < MANY; i++) {
		cr_assert_eq(
		        puts[i].result.status, STATUS_OK, "%s: %s", paths[i], puts[i].result.err.message);
		expect_hash(bench, paths[i], (struct view){bytes.data, bytes.len - (size_t)i});
	}
	close(fd);
}

struct judge {
	enum point_verdict verdict;
	int asked;
	bool was_absent;
	char seen[64];
};

static enum point_verdict judge(struct view current, void *context)
{
	struct judge *judge = context;

	judge->asked++;
	judge->was_absent = current.data == NULL;
	snprintf(
	        judge->seen, sizeof(judge->seen), "%.*s", (int)current.len, current.data ? current.data : "");
	return judge->verdict;
}

static void point(struct driver_bench *bench, const char *text, struct judge *with)
{
	struct operation point = {.kind = OPERATION_POINT,
	        .path = "pkg/current.json",
	        .data = view_text(text),
	        .check = judge,
	        .check_context = with};

	run_well(bench, &point);
	cr_assert_eq(with->asked, 1);
	cr_assert_eq(point.result.kept, with->verdict == POINT_KEEP);
	cr_assert_eq(point.result.data == NULL, with->was_absent);
	if (point.result.data)
		cr_assert_str_eq(point.result.data, with->seen);
	free(point.result.data);
}

void driver_suite_point_replaces_when_check_says_so(struct driver_bench *bench)
{
	struct judge first = {.verdict = POINT_REPLACE}, second = {.verdict = POINT_REPLACE};

	need(bench, bench->driver->can.point, "switch a pointer under a lock");
	point(bench, "one", &first);
	cr_assert(first.was_absent);
	expect_text(bench, "pkg/current.json", "one");
	point(bench, "two", &second);
	cr_assert_str_eq(second.seen, "one");
	expect_text(bench, "pkg/current.json", "two");
}

void driver_suite_point_keeps_when_check_says_so(struct driver_bench *bench)
{
	struct judge keep = {.verdict = POINT_KEEP};

	need(bench, bench->driver->can.point, "switch a pointer under a lock");
	bench_write(bench, "pkg/current.json", "newer");
	point(bench, "older", &keep);
	cr_assert_str_eq(keep.seen, "newer");
	expect_text(bench, "pkg/current.json", "newer");
}
