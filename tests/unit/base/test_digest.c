#include "base/digest.h"

#include <criterion/criterion.h>

/* FIPS 180-4, example "abc" */
#define ABC "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

Test(digest, agrees_with_the_standard)
{
	char text[DIGEST_SIZE];

	digest_of(view_text("abc"), text);
	cr_assert_str_eq(text, ABC);
	struct digest_stream *stream = digest_start();
	digest_add(stream, "a", 1);
	digest_add(stream, "bc", 2);
	digest_finish(stream, text);
	cr_assert_str_eq(text, ABC);
}

Test(digest, a_name_is_its_first_half)
{
	char name[DIGEST_NAME_SIZE];

	digest_name(view_text("abc"), name);
	cr_assert_str_eq(name, "ba7816bf8f01cfea414140de5dae2223");
}

Test(digest, only_its_own_form_is_valid)
{
	cr_assert(digest_is_valid(ABC));
	cr_assert_not(digest_is_valid(""));
	cr_assert_not(
	        digest_is_valid("sha256:BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
	cr_assert_not(
	        digest_is_valid("sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a"));
	cr_assert_not(
	        digest_is_valid("md5:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015adxx"));
}

Test(random_name, is_another_one_each_time)
{
	char one[RANDOM_NAME_SIZE], two[RANDOM_NAME_SIZE];

	random_name(one);
	random_name(two);
	cr_assert_eq(strspn(one, "0123456789abcdef"), RANDOM_NAME_SIZE - 1);
	cr_assert_str_neq(one, two);
}

Test(random_uuid, is_of_version_4_and_another_one_each_time)
{
	char one[RANDOM_UUID_SIZE], two[RANDOM_UUID_SIZE];

	random_uuid(one);
	random_uuid(two);
	cr_assert_str_neq(one, two);
	cr_assert_eq(strlen(one), RANDOM_UUID_SIZE - 1);
	cr_assert(one[8] == '-' && one[13] == '-' && one[18] == '-' && one[23] == '-', "%s", one);
	cr_assert_eq(one[14], '4');
	cr_assert(strchr("89ab", one[19]), "%s", one);
}
