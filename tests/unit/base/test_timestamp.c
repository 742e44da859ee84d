#include "base/timestamp.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

Test(timestamp, formats_utc_with_milliseconds)
{
	char text[TIMESTAMP_SIZE];

	timestamp_format(INT64_C(1796083200123), text);
	cr_assert_str_eq(text, "2026-12-01T00:00:00.123Z");
	timestamp_format(-5, text);
	cr_assert_str_eq(text, "1970-01-01T00:00:00.000Z");
	timestamp_format(INT64_MAX, text);
	cr_assert_str_eq(text, "9999-12-31T23:59:59.999Z");
}

Test(timestamp, formats_each_day_as_the_c_library_does)
{
	const int64_t day_ms = 86400000;

	for (int64_t ms = 0; ms < INT64_C(253402300800000); ms += day_ms + 12345) {
		char text[TIMESTAMP_SIZE], expected[TIMESTAMP_SIZE];
		time_t seconds = (time_t)(ms / 1000);
		struct tm moment;

		timestamp_format(ms, text);
		gmtime_r(&seconds, &moment);
		strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S", &moment);
		cr_assert(memcmp(text, expected, 19) == 0 && atoi(text + 20) == ms % 1000, "%jd: %s, not %s",
		        (intmax_t)ms, text, expected);
	}
}

Test(timestamp, parses_what_rfc_3339_allows)
{
	static const struct {
		const char *text;
		int64_t ms;
	} cases[] = {
	        {"2026-12-01T00:00:00Z", INT64_C(1796083200000)},
	        {"2026-12-01T00:00:00.1234567Z", INT64_C(1796083200123)},
	        {"2026-12-01T01:30:00+01:30", INT64_C(1796083200000)},
	        {"2026-11-30T19:00:00.5-05:00", INT64_C(1796083200500)},
	        {"2024-02-29T12:00:00Z", INT64_C(1709208000000)},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int64_t ms = -1;
		cr_assert(timestamp_parse(view_text(cases[i].text), &ms), "%s", cases[i].text);
		cr_assert_eq(ms, cases[i].ms, "%s gave %ld", cases[i].text, (long)ms);
	}
}

Test(timestamp, refuses_everything_else)
{
	static const char *const cases[] = {"", "2026-12-01", "2026-12-01T00:00:00", "2026-12-01 00:00:00Z",
	        "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-00-10T00:00:00Z",
	        "2026-12-01T24:00:00Z", "2026-12-01T00:60:00Z", "2026-12-01T00:00:00.Z",
	        "2026-12-01T00:00:00.1234567890Z", "2026-12-01T00:00:00Zx", "1969-12-31T23:59:59Z",
	        "2026-12-01T00:00:00+24:00", "2026-12-01T00:00:00+0100", "+026-12-01T00:00:00Z"};
	int64_t ms = 77;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		cr_assert_not(timestamp_parse(view_text(cases[i]), &ms), "%s", cases[i]);
	cr_assert_eq(ms, 77, "a refused time leaves the output untouched");
}

Test(duration, parses_weeks_to_seconds)
{
	static const struct {
		const char *text;
		int64_t ms;
	} cases[] = {{"PT24H", 86400000}, {"P7D", 604800000}, {"P1W", 604800000}, {"P1DT12H", 129600000},
	        {"PT1M30S", 90000}, {"PT1S", 1000}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int64_t ms = -1;
		cr_assert(duration_parse(view_text(cases[i].text), &ms), "%s", cases[i].text);
		cr_assert_eq(ms, cases[i].ms, "%s gave %ld", cases[i].text, (long)ms);
	}
}

Test(duration, refuses_everything_else)
{
	static const char *const cases[] = {"", "P", "PT", "P1DT", "24H", "PT24", "P1Y", "P1M", "PT1H1H",
	        "PT1M1H", "P1H", "PT0S", "PT-1H", "P99999D", "PT9999999999H", "PT1.5H", "P1DTT1H"};
	int64_t ms = 77;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		cr_assert_not(duration_parse(view_text(cases[i]), &ms), "%s", cases[i]);
	cr_assert_eq(ms, 77);
}
