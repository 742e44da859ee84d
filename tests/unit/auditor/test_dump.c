#include "auditor/log/dump.h"
#include "auditor/log/scan.h"

#include <criterion/criterion.h>

Test(dump_line, is_read_as_kcat_writes_it)
{
	struct dump_line line;
	struct view array, name, value, none;
	const char *problem = dump_line_parse(view_text("{\"topic\":\"holdpoint.jobs\",\"partition\":3,"
	                                                "\"offset\":1041,\"tstype\":\"logappend\","
	                                                "\"ts\":1790000000000,\"broker\":1,\"headers\":["
	                                                "\"a\",\"1\",\"b\",null],\"key\":\"PKG\","
	                                                "\"payload\":\"{\\\"type\\\":1}\"}"),
	        &line);

	cr_assert_null(problem, "%s", problem);
	cr_expect(view_is(line.topic, "holdpoint.jobs"));
	cr_expect_eq(line.partition, 3);
	cr_expect_eq(line.offset, 1041);
	cr_expect_eq(line.time_ms, 1790000000000);
	cr_expect(view_is(line.key, "\"PKG\""));
	array = line.headers;
	cr_assert(dump_next(&array, &name) && dump_next(&array, &value));
	cr_expect(view_is(name, "\"a\"") && view_is(value, "\"1\""));
	cr_assert(dump_next(&array, &name) && dump_next(&array, &none));
	cr_expect(!none.data);
	cr_expect(!dump_next(&array, &none));
}

Test(dump_line, tells_null_from_empty)
{
	struct dump_line line;

	cr_assert_null(dump_line_parse(
	        view_text("{\"topic\":\"t\",\"partition\":0,\"offset\":0,\"key\":null,\"payload\":\"\"}"),
	        &line));
	cr_expect(!line.key.data);
	cr_expect(line.payload.data && line.payload.len == 2);
}

Test(dump_line, says_what_is_wrong)
{
	static const char *const bad[] = {"", "[]", "{\"topic\":\"t\"", "{\"topic\":\"t\",\"partition\":0}",
	        "{\"topic\":\"t\",\"partition\":-1,\"offset\":0}",
	        "{\"topic\":1,\"partition\":0,\"offset\":0}",
	        "{\"topic\":\"t\",\"partition\":0,\"offset\":99999999999999999999}",
	        "{\"topic\":\"t\",\"partition\":0,\"offset\":0,\"payload\":\"torn", "{\"topic\":\"t\\"};
	struct dump_line line;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		cr_expect(dump_line_parse(view_text(bad[i]), &line) != NULL, "%s", bad[i]);
}

static void expect_text(const char *json, const char *bytes, size_t len)
{
	struct buffer out;

	buffer_init(&out, 100);
	cr_assert(scan_text(view_text(json), &out), "%s", json);
	cr_expect(view_equal(buffer_view(&out), (struct view){bytes, len}), "%s", json);
	buffer_release(&out);
}

Test(scan_text, takes_escapes_and_any_other_byte_as_it_is)
{
	struct buffer out;

	expect_text("\"a\\\"b\\\\c\\/d\\n\"", "a\"b\\c/d\n", 8);
	expect_text("\"\\u0041\\u00f6\\u20ac\\ud83d\\ude00\"", "A\xc3\xb6\xe2\x82\xac\xf0\x9f\x98\x80", 10);
	expect_text("\"\\u0000x\"", "\0x", 2);
	expect_text("\"\xff\xfe\"", "\xff\xfe", 2); /* no UTF-8 */
	buffer_init(&out, 100);
	cr_expect(!scan_text(view_text("\"\\x\""), &out));
	cr_expect(!scan_text(view_text("\"\\u12g4\""), &out));
	cr_expect(!scan_text(view_text("7"), &out));
	buffer_release(&out);
}
