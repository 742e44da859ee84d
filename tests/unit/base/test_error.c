#include "base/error.h"

#include <criterion/criterion.h>
#include <string.h>

Test(error, is_set_with_status_code_and_words)
{
	struct error err;

	cr_assert_eq(
	        error_set(&err, STATUS_REJECT, "unknown_field", "%s: no such field", "gates"), STATUS_REJECT);
	cr_assert_str_eq(err.code, "unknown_field");
	cr_assert_str_eq(err.message, "gates: no such field");
}

Test(error, may_be_unwanted)
{
	cr_assert_eq(error_set(NULL, STATUS_RETRY, "x", "y"), STATUS_RETRY);
}

Test(error, cuts_long_words_between_characters)
{
	struct error err;
	char text[ERROR_MESSAGE_MAX + 10] = "";

	for (size_t i = 0; i + 3 < sizeof(text); i += 2)
		memcpy(text + i, "ü", 3);
	error_set(&err, STATUS_RETRY, "long", "x%s", text);
	size_t len = strlen(err.message);
	cr_assert_eq(len % 2, 1, "one x and whole two-byte characters, not %zu bytes", len);
	error_prefix(&err, "%s", "12");
	len = strlen(err.message);
	cr_assert_eq(len % 2, 1);
	cr_assert_eq(strncmp(err.message, "12x", 3), 0);
}

Test(error, a_prefix_goes_before_the_words)
{
	struct error err;

	error_set(&err, STATUS_RETRY, "dp_error", "answered %d", 500);
	cr_assert_eq(error_prefix(&err, "paris: "), STATUS_RETRY);
	cr_assert_str_eq(err.message, "paris: answered 500");
}
