#include "base/timestamp.h"
#include "schemas/json.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct buffer out;

static void start(void)
{
	buffer_init(&out, 1 << 20);
}

static void stop(void)
{
	buffer_release(&out);
}

TestSuite(json_write, .init = start, .fini = stop);

Test(json_write, puts_commas_where_they_belong)
{
	json_begin(&out, '{');
	json_put_text(&out, "a", "{");
	json_put_text(&out, "left_out", NULL);
	json_key(&out, "b");
	json_begin(&out, '[');
	json_add_uint(&out, 1);
	json_add_text(&out, "[");
	json_begin(&out, '[');
	json_end(&out, ']');
	json_begin(&out, '{');
	json_end(&out, '}');
	json_add_bool(&out, false);
	json_end(&out, ']');
	json_key(&out, "c");
	json_add_raw(&out, "null");
	json_put_bool(&out, "d", true);
	json_end(&out, '}');
	cr_assert_str_eq(out.data, "{\"a\":\"{\",\"b\":[1,\"[\",[],{},false],\"c\":null,\"d\":true}");
}

Test(json_write, escapes_what_json_and_terminals_need)
{
	json_add_text(&out, "\"\\/\b\f\n\r\t\x01\x1f\x7f caf\xc3\xa9 \xc2\x9b\xc2\xa0 \xf0\x9f\x98\x80");
	cr_assert_str_eq(out.data,
	        "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f caf\xc3\xa9 \\u009b\xc2\xa0 "
	        "\xf0\x9f\x98\x80\"");
}

Test(json_write, writes_an_absent_view_as_the_empty_text)
{
	json_add_view(&out, (struct view){NULL, 0});
	cr_assert_str_eq(out.data, "\"\"");
}

Test(json_write, escapes_a_nul)
{
	json_add_view(&out, (struct view){"a\0b", 3});
	cr_assert_str_eq(out.data, "\"a\\u0000b\"");
}

Test(json_write, finds_what_needs_an_escape_at_every_place)
{
	for (size_t len = 1; len <= 40; len++)
		for (size_t place = 0; place < len; place++) {
			char text[41] = "", expected[48];

			memset(text, '~', len);
			text[place] = '"';
			snprintf(expected, sizeof(expected), "\"%.*s\\%s\"", (int)place, text, text + place);
			buffer_clear(&out);
			json_add_text(&out, text);
			cr_assert_str_eq(out.data, expected);
		}
}

Test(json_write, replaces_each_byte_that_is_no_utf_8)
{
	json_add_text(&out, "a\xff\xc3(\xe2\x82");
	cr_assert_str_eq(out.data, "\"a\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\"");
}

Test(json_write, writes_the_ends_of_the_integers)
{
	json_begin(&out, '[');
	json_add_int(&out, INT64_MIN);
	json_add_int(&out, -1);
	json_add_int(&out, 0);
	json_add_int(&out, INT64_MAX);
	json_add_uint(&out, UINT64_MAX);
	json_end(&out, ']');
	cr_assert_str_eq(out.data, "[-9223372036854775808,-1,0,9223372036854775807,18446744073709551615]");
}

Test(json_write, writes_times_as_texts)
{
	json_begin(&out, '[');
	json_add_time(&out, 0);
	json_add_time(&out, INT64_C(1796083200123));
	json_end(&out, ']');
	cr_assert_str_eq(out.data, "[\"1970-01-01T00:00:00.000Z\",\"2026-12-01T00:00:00.123Z\"]");
}

Test(json_write, a_full_buffer_stays_as_it_was)
{
	struct buffer small;

	buffer_init(&small, 8);
	json_begin(&small, '{');
	json_put_text(&small, "name", "a value too long");
	json_end(&small, '}');
	cr_assert(small.full);
	cr_assert_leq(small.len, 8);
	buffer_release(&small);
}
