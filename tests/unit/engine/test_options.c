#include "engine/options.h"

#include <criterion/criterion.h>

static const struct option_spec specs[] = {
        {.name = "bytes", .argument = "N", .default_value = "64M", .help = "how many"}, {.name = NULL}};
static const struct command_spec command = {.name = "test", .options = specs};

static struct options *given(char *bytes)
{
	char *argv[] = {"test", "--bytes", bytes, NULL};
	struct options *options = NULL;
	struct error err;
	bool printed;

	cr_assert_eq(options_parse(&command, bytes ? 3 : 1, argv, &options, &printed, &err), STATUS_OK);
	return options;
}

static enum status number_of(char *bytes, int64_t *ret)
{
	struct options *options = given(bytes);
	struct error err;
	enum status status = options_number(options, "bytes", 1 << 20, INT64_C(1) << 40, ret, &err);

	options_free(options);
	return status;
}

Test(options_number, compares_what_the_suffix_makes_of_it)
{
	int64_t number = 0;

	cr_assert_eq(number_of(NULL, &number), STATUS_OK);
	cr_assert_eq(number, 64 << 20);
	cr_assert_eq(number_of("1024K", &number), STATUS_OK);
	cr_assert_eq(number, 1 << 20);
	cr_assert_eq(number_of("1024G", &number), STATUS_OK);
	cr_assert_eq(number, INT64_C(1) << 40);
}

Test(options_number, refuses_what_is_too_small_or_too_large_with_its_suffix)
{
	int64_t number = 7;

	cr_assert_eq(number_of("1023K", &number), STATUS_REJECT);
	cr_assert_eq(number_of("1025G", &number), STATUS_REJECT);
	cr_assert_eq(number_of("9223372036854775807G", &number), STATUS_REJECT);
	cr_assert_eq(number_of("-9223372036854775807G", &number), STATUS_REJECT);
	cr_assert_eq(number, 7);
}

Test(options_number, refuses_what_is_no_number)
{
	int64_t number = 7;

	cr_assert_eq(number_of("", &number), STATUS_REJECT);
	cr_assert_eq(number_of("M", &number), STATUS_REJECT);
	cr_assert_eq(number_of("2MB", &number), STATUS_REJECT);
	cr_assert_eq(number, 7);
}
