/* Who reads small files of a source, and who only borrows what was read. */
#include "base/memory.h"
#include "distribution/source_parcel.h"
#include "file_bench.h"
#include "room_bench.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *folder;
static struct pool *pool;
static struct agenda *agenda;
static struct source_parcels *parcels;

static void write_source(const char *name, const char *text)
{
	char *path = room_path(folder, "%s", name);

	scratch_write(path, text);
	free(path);
}

static void setup(void)
{
	folder = scratch_folder();
	write_source("a", "text a");
	write_source("b", "text b");
	pool = pool_new(2);
	agenda = agenda_new();
	parcels = source_parcels_new(pool, agenda);
}

static void teardown(void)
{
	pool_close(pool, 10000);
	source_parcels_free(parcels);
	agenda_free(agenda);
	scratch_remove(folder);
	free(folder);
}

TestSuite(source_parcel, .init = setup, .fini = teardown);

/* Of a and b, as they should be. */
static struct parcel *wanted(void)
{
	struct parcel *parcel = parcel_new();

	parcel->source_folder = memory_text(folder);
	for (const char *name = "a"; name; name = *name == 'a' ? "b" : NULL) {
		char *text = memory_format("text %s", name);
		struct parcel_file *file = parcel_add(parcel, memory_text(name), strlen(text));
		file->source = memory_text(name);
		digest_of(view_text(text), file->digest);
		free(text);
	}
	return parcel;
}

struct answer {
	int times;
	bool ok;
};

static void done(void *context, bool ok)
{
	struct answer *answer = context;

	answer->times++;
	answer->ok = ok;
}

static void run_until(const struct answer *answer)
{
	struct pollfd wait = {.fd = pool_fd(pool), .events = POLLIN};

	for (int turn = 0; turn < 1000 && !answer->times; turn++) {
		poll(&wait, 1, 20);
		pool_step(pool);
		agenda_run(agenda, 0);
	}
	cr_assert_eq(answer->times, 1);
}

static void read_parcel(struct parcel *parcel, uint64_t since)
{
	struct answer answer = {0};

	source_parcel_read(parcels, NULL, parcel, since, done, &answer);
	cr_assert_eq(answer.times, 0, "answered from within");
	run_until(&answer);
	cr_assert(answer.ok);
}

static bool has(const struct parcel *parcel, size_t number, const char *text)
{
	const char *data = parcel->files[number].data;

	return data && memcmp(data, text, strlen(text)) == 0;
}

Test(source_parcel, is_read_once_for_two_at_a_time)
{
	struct parcel *one = wanted(), *other = wanted();
	struct answer first = {0}, second = {0};

	source_parcel_read(parcels, NULL, one, 0, done, &first);
	source_parcel_read(parcels, NULL, other, 0, done, &second);
	run_until(&first);
	run_until(&second);
	cr_assert(first.ok && second.ok && has(one, 0, "text a") && has(other, 1, "text b"));
	cr_assert_eq(one->files[0].data, other->files[0].data);
	cr_assert_eq(source_parcels_now(parcels), 1);
	parcel_unref(one); /* the lender's data stays while somebody has it */
	cr_assert(has(other, 0, "text a"));
	parcel_unref(other);
}

Test(source_parcel, that_was_read_since_then_is_lent_and_an_earlier_one_is_not)
{
	struct parcel *one = wanted(), *during = wanted(), *later = wanted();
	uint64_t began = source_parcels_now(parcels);

	read_parcel(one, began);
	write_source("a", "text A");
	read_parcel(during, began);
	cr_assert(has(during, 0, "text a"));
	read_parcel(later, source_parcels_now(parcels));
	cr_assert_null(later->files[0].data);
	cr_assert(has(later, 1, "text b"));
	parcel_unref(one);
	parcel_unref(during);
	parcel_unref(later);
}

Test(source_parcel, with_a_file_that_was_missing_is_read_again)
{
	struct parcel *one = wanted(), *other = wanted();
	char *path = room_path(folder, "a");

	unlink(path);
	read_parcel(one, 0);
	cr_assert_null(one->files[0].data);
	scratch_write(path, "text a");
	read_parcel(other, 0);
	cr_assert(has(other, 0, "text a"));
	parcel_unref(one);
	parcel_unref(other);
	free(path);
}

Test(source_parcel, of_other_content_is_not_lent)
{
	struct parcel *one = wanted(), *other = wanted();

	digest_of(view_text("text c"), other->files[1].digest);
	read_parcel(one, 0);
	read_parcel(other, 0);
	cr_assert(has(other, 0, "text a"));
	cr_assert_null(other->files[1].data);
	parcel_unref(one);
	parcel_unref(other);
}

Test(source_parcel, goes_on_for_others_when_one_cancels)
{
	struct parcel *one = wanted(), *other = wanted();
	struct answer first = {0}, second = {0};
	struct source_parcel *ask = source_parcel_read(parcels, NULL, one, 0, done, &first);

	source_parcel_read(parcels, NULL, other, 0, done, &second);
	source_parcel_cancel(ask);
	cr_assert_eq(first.times, 0, "answered from within");
	run_until(&first);
	run_until(&second);
	cr_assert(!first.ok && second.ok && has(other, 0, "text a"));
	parcel_unref(one);
	parcel_unref(other);
}

Test(source_parcel, that_all_gave_up_is_joined_by_nobody)
{
	struct parcel *one = wanted(), *other = wanted();
	struct answer first = {0};

	source_parcel_cancel(source_parcel_read(parcels, NULL, one, 0, done, &first));
	read_parcel(other, 0);
	run_until(&first);
	cr_assert(!first.ok && has(other, 0, "text a"));
	parcel_unref(one);
	parcel_unref(other);
}
