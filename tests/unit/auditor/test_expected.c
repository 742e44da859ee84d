#include "auditor/points/expected.h"
#include "records.h"

#include <criterion/criterion.h>

static const char first_id[] = "0b2f7c1e-0000-4000-8000-000000000001",
                  second_id[] = "0b2f7c1e-0000-4000-8000-000000000002";

static struct expected *expected;
static struct fact_reader *reader;

static void setup(void)
{
	expected = expected_new((struct view){0});
	reader = fact_reader_new();
}

static void teardown(void)
{
	expected_free(expected);
	fact_reader_free(reader);
}

TestSuite(expected, .init = setup, .fini = teardown);

static struct fact staged_at(int64_t offset, const char *version, const char *dp_id)
{
	struct fact fact = fact_of(FACT_STAGED, LOG_STAGED, offset, 0);

	fact.version = view_text(version);
	fact.dp_id = view_text(dp_id);
	fact.digest = view_text("sha256:00");
	return fact;
}

static struct fact updated_at(int64_t offset, const char *version, const char *release)
{
	struct fact fact = fact_of(FACT_UPDATED, LOG_UPDATED, offset, 0);

	fact.version = view_text(version);
	fact.dp_id = view_text(first_id);
	fact.digest = view_text("sha256:00");
	fact.release_id = view_text(release);
	return fact;
}

static void take(struct fact fact)
{
	expected_fact(expected, reader, &fact);
}

Test(expected, the_newest_staged_event_of_a_copy_counts)
{
	size_t count;

	take(staged_at(3, "1.0", first_id));
	take(staged_at(9, "1.0", second_id));
	expected_copies(expected, &count);
	cr_assert_eq(count, 1);
	const struct expected_copy *copy = expected_copy_find(expected, "PKG", "1.0", "paris");
	cr_assert(copy->staged);
	cr_assert_str_eq(copy->dp_id, second_id);
	cr_assert_eq(copy->place.offset, 9);
	cr_assert_null(expected_copy_find(expected, "PKG", "2.0", "paris"));
	cr_assert_null(expected_copy_find(expected, "PKG", "1.0", "tokyo"));
}

Test(expected, a_pointer_is_known_where_something_is_staged_and_shows_the_newest_updated)
{
	take(staged_at(3, "1.0", first_id));
	const struct expected_pointer *pointer = expected_pointer_find(expected, "PKG", "paris");
	cr_assert_null(pointer->version);
	take(updated_at(1, "1.0", "r-1"));
	take(updated_at(2, "2.0", "r-2"));
	cr_assert_str_eq(pointer->version, "2.0");
	cr_assert_str_eq(pointer->release_id, "r-2");
	cr_assert_eq(pointer->place.offset, 2);
}

Test(expected, a_release_is_kept_apart_from_what_is_current)
{
	struct fact release = fact_of(FACT_RELEASE, LOG_STAGED, 7, 0);

	release.id = view_text("r-3");
	release.version = view_text("3.0");
	take(updated_at(2, "2.0", "r-2"));
	take(release);
	const struct expected_pointer *pointer = expected_pointer_find(expected, "PKG", "paris");
	cr_assert_str_eq(pointer->version, "2.0");
	cr_assert_str_eq(pointer->newest_release, "r-3");
	cr_assert_str_eq(pointer->newest_version, "3.0");
	cr_assert_eq(pointer->newest_place.offset, 7);
}

Test(expected, what_a_job_wants_is_known_before_it_is_staged)
{
	struct fact accepted = fact_of(FACT_JOB_STATUS, LOG_STATUS, 1, 0);

	accepted.state = view_text("accepted");
	accepted.points = view_text("[\"tokyo\",\"osaka\"]");
	take(accepted);
	const struct expected_copy *copy = expected_copy_find(expected, "PKG", "1.0", "osaka");
	cr_assert(copy && !copy->staged);
	cr_assert_null(expected_pointer_find(expected, "PKG", "osaka"));
}

Test(expected, names_that_are_none_do_not_become_paths)
{
	struct fact fact = staged_at(3, "../../etc", first_id);
	size_t count;

	take(fact);
	fact = staged_at(4, "1.0", first_id);
	fact.package = view_text("../..");
	take(fact);
	expected_copies(expected, &count);
	cr_assert_eq(count, 0);
}

Test(expected, of_one_package_alone_where_that_is_asked)
{
	size_t count;

	expected_free(expected);
	expected = expected_new(view_text("OTHER"));
	take(staged_at(3, "1.0", first_id));
	expected_copies(expected, &count);
	cr_assert_eq(count, 0);
}
