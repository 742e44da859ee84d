#include "base/bytes.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

Test(buffer, keeps_what_fits_and_says_when_something_did_not)
{
	struct buffer buffer;

	buffer_init(&buffer, 5);
	buffer_add_text(&buffer, "abc");
	buffer_add_text(&buffer, "def");
	cr_assert(buffer.full);
	cr_assert_str_eq(buffer.data, "abc");
	buffer_add_text(&buffer, "d");
	cr_assert_eq(buffer.len, 3, "nothing may be added once something was left out");
	buffer_clear(&buffer);
	buffer_add_text(&buffer, "fghij");
	cr_assert_not(buffer.full);
	cr_assert_str_eq(buffer.data, "fghij");
	buffer_release(&buffer);
}

Test(buffer, has_what_was_written_in_place_up_to_its_end_and_no_more)
{
	struct buffer buffer;

	buffer_init(&buffer, 70);
	char *at = buffer_room(&buffer, 70);
	cr_assert_not_null(at);
	memset(at, 'x', 70);
	buffer_wrote(&buffer, at + 3);
	cr_assert_str_eq(buffer.data, "xxx");
	cr_assert_eq(buffer.len, 3);
	cr_assert_null(buffer_room(&buffer, 68), "67 are left");
	cr_assert(buffer.full);
	cr_assert_null(buffer_room(&buffer, 1), "it stays full");
	buffer_release(&buffer);
}

Test(buffer, an_empty_buffer_is_a_present_empty_view)
{
	struct buffer buffer;

	buffer_init(&buffer, 5);
	cr_assert_not_null(buffer_view(&buffer).data);
	cr_assert_eq(buffer_view(&buffer).len, 0);
}

Test(text, is_equal_by_its_characters_and_absent_only_to_absent)
{
	char text[] = "abc";

	cr_assert(text_equal(text, "abc"));
	cr_assert_not(text_equal(text, "ab"));
	cr_assert_not(text_equal(text, NULL));
	cr_assert_not(text_equal(NULL, ""));
	cr_assert(text_equal(NULL, NULL));
}

Test(buffer, formats_longer_than_its_first_memory)
{
	struct buffer buffer;

	buffer_init(&buffer, 1000);
	buffer_add_format(&buffer, "%0*d", 500, 7);
	cr_assert_eq(buffer.len, 500);
	cr_assert_eq(buffer.data[499], '7');
	buffer_release(&buffer);
}

Test(pack, gives_back_what_was_packed)
{
	const int64_t numbers[] = {0, 1, -1, 63, -64, 127, 128, INT64_MAX, INT64_MIN};
	struct buffer buffer;

	buffer_init(&buffer, 1000);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		pack_int(&buffer, numbers[i]);
	pack_uint(&buffer, UINT64_MAX);
	pack_text(&buffer, "Zürich");
	pack_text(&buffer, NULL);
	struct unpacker in = unpack_start(buffer_view(&buffer));
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		cr_assert_eq(unpack_int(&in), numbers[i]);
	cr_assert_eq(unpack_uint(&in), UINT64_MAX);
	char *text = unpack_text(&in), *empty = unpack_text(&in);
	cr_assert_str_eq(text, "Zürich");
	cr_assert_str_eq(empty, "");
	cr_assert(unpack_ended(&in));
	free(text);
	free(empty);
	buffer_release(&buffer);
}

Test(pack, every_truncation_fails_and_none_reads_past_the_end)
{
	struct buffer buffer;

	buffer_init(&buffer, 1000);
	pack_uint(&buffer, 300);
	pack_text(&buffer, "a text");
	for (size_t len = 0; len < buffer.len; len++) {
		struct unpacker in = unpack_start((struct view){buffer.data, len});
		unpack_uint(&in);
		free(unpack_text(&in));
		cr_assert(in.failed, "cut at %zu", len);
	}
	buffer_release(&buffer);
}

Test(pack, a_length_beyond_the_end_fails)
{
	const unsigned char bytes[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 'x'};
	struct unpacker in = unpack_start((struct view){(const char *)bytes, sizeof(bytes)});

	cr_assert_null(unpack_view(&in).data);
	cr_assert(in.failed);
}

Test(pack, a_number_of_more_than_64_bits_fails)
{
	const unsigned char bytes[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02};
	struct unpacker in = unpack_start((struct view){(const char *)bytes, sizeof(bytes)});

	unpack_uint(&in);
	cr_assert(in.failed);
}

Test(pack, a_text_with_a_nul_fails)
{
	struct buffer buffer;

	buffer_init(&buffer, 100);
	pack_view(&buffer, (struct view){"a\0b", 3});
	struct unpacker in = unpack_start(buffer_view(&buffer));
	free(unpack_text(&in));
	cr_assert(in.failed);
	buffer_release(&buffer);
}

Test(decimal, ends_before_what_is_behind_it_at_either_end_of_its_range)
{
	char text[DECIMAL_MAX + 1] = "", *end = text + DECIMAL_MAX;

	cr_assert_str_eq(decimal_before(end, 0), "0");
	cr_assert_str_eq(decimal_before(end, -90), "-90");
	cr_assert_eq(decimal_before(end, INT64_MIN), text, "the longest fills it");
	cr_assert_str_eq(text, "-9223372036854775808");
	cr_assert_eq(decimal_unsigned_before(end, UINT64_MAX), text);
	cr_assert_str_eq(text, "18446744073709551615");
}
