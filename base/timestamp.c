#include "base/timestamp.h"

#include <string.h>
#include <time.h>

static void put_digits(char *at, unsigned number, unsigned digits)
{
	while (digits--) {
		at[digits] = (char)('0' + number % 10);
		number /= 10;
	}
}

/* The date of a day counted from 1970-01-01, in the Gregorian calendar. Years are counted from March, so that
 * the leap day is the last of its year. */
static void put_date(char *text, unsigned days)
{
	days += 719468; /* since 0000-03-01 */
	unsigned era = days / 146097, day = days % 146097;
	unsigned year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	day -= 365 * year + year / 4 - year / 100;
	unsigned month = (5 * day + 2) / 153; /* 0: March */

	day -= (153 * month + 2) / 5;
	put_digits(text, era * 400 + year + (month >= 10), 4);
	put_digits(text + 5, month < 10 ? month + 3 : month - 9, 2);
	put_digits(text + 8, day + 1, 2);
}

/* Digit by digit: every record carries a time, and gmtime_r() with snprintf() is slow. */
void timestamp_format(int64_t ms, char text[TIMESTAMP_SIZE])
{
	const int64_t last = INT64_C(253402300799999), day_ms = 86400000;

	ms = ms < 0 ? 0 : ms > last ? last : ms;
	unsigned rest = (unsigned)(ms % day_ms);
	memcpy(text, "0000-00-00T00:00:00.000Z", TIMESTAMP_SIZE);
	put_date(text, (unsigned)(ms / day_ms));
	put_digits(text + 11, rest / 3600000, 2);
	put_digits(text + 14, rest / 60000 % 60, 2);
	put_digits(text + 17, rest / 1000 % 60, 2);
	put_digits(text + 20, rest % 1000, 3);
}

/* Reads exactly `digits` decimal digits. */
static bool read_number(struct view *text, size_t digits, int *ret)
{
	int value = 0;

	if (text->len < digits)
		return false;
	for (size_t i = 0; i < digits; i++) {
		if (text->data[i] < '0' || text->data[i] > '9')
			return false;
		value = value * 10 + (text->data[i] - '0');
	}
	text->data += digits;
	text->len -= digits;
	*ret = value;
	return true;
}

static bool read_char(struct view *text, const char *allowed)
{
	if (!text->len || !text->data[0] || !strchr(allowed, text->data[0]))
		return false;
	text->data++;
	text->len--;
	return true;
}

static bool read_fraction(struct view *text, int *ret_ms)
{
	int ms = 0, digits = 0;

	for (; text->len && *text->data >= '0' && *text->data <= '9'; digits++, text->data++, text->len--)
		if (digits < 3)
			ms = ms * 10 + (*text->data - '0');
	for (int i = digits; i < 3; i++)
		ms *= 10;
	*ret_ms = ms;
	return digits >= 1 && digits <= 9;
}

static bool read_offset(struct view *text, int *ret_minutes)
{
	int hours, minutes, sign;

	*ret_minutes = 0;
	if (read_char(text, "Zz"))
		return true;
	sign = text->len && *text->data == '-' ? -1 : 1;
	if (!read_char(text, "+-") || !read_number(text, 2, &hours) || !read_char(text, ":") ||
	        !read_number(text, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*ret_minutes = sign * (hours * 60 + minutes);
	return true;
}

static int days_in_month(int month, int year)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

bool timestamp_parse(struct view text, int64_t *ret_ms)
{
	int year, month, day, hour, minute, second, ms = 0, offset;

	if (!read_number(&text, 4, &year) || !read_char(&text, "-") || !read_number(&text, 2, &month) ||
	        !read_char(&text, "-") || !read_number(&text, 2, &day) || !read_char(&text, "Tt") ||
	        !read_number(&text, 2, &hour) || !read_char(&text, ":") || !read_number(&text, 2, &minute) ||
	        !read_char(&text, ":") || !read_number(&text, 2, &second))
		return false;
	if (read_char(&text, ".") && !read_fraction(&text, &ms))
		return false;
	if (!read_offset(&text, &offset) || text.len)
		return false;
	if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days_in_month(month, year) ||
	        hour > 23 || minute > 59 || second > 60)
		return false;
	struct tm moment = {.tm_year = year - 1900,
	        .tm_mon = month - 1,
	        .tm_mday = day,
	        .tm_hour = hour,
	        .tm_min = minute,
	        .tm_sec = second};
	*ret_ms = ((int64_t)timegm(&moment) - (int64_t)offset * 60) * 1000 + ms;
	return true;
}

bool duration_parse(struct view text, int64_t *ret_ms)
{
	static const struct {
		char unit;
		bool time;
		int64_t ms;
	} units[] = {{'W', false, 604800000}, {'D', false, 86400000}, {'H', true, 3600000},
	        {'M', true, 60000}, {'S', true, 1000}};
	const int64_t most = INT64_C(3660) * 86400000;
	bool in_time = false, any = false;
	size_t next = 0;
	int64_t total = 0;

	if (!read_char(&text, "P"))
		return false;
	while (text.len) {
		int64_t number = 0;
		size_t digits = 0;

		if (!in_time && read_char(&text, "T")) {
			in_time = true;
			any = false;
			continue;
		}
		for (; text.len && *text.data >= '0' && *text.data <= '9' && digits < 10;
		        digits++, text.data++, text.len--)
			number = number * 10 + (*text.data - '0');
		if (!digits || !text.len)
			return false;
		while (next < 5 && !(units[next].unit == *text.data && units[next].time == in_time))
			next++;
		if (next == 5 || number > most / units[next].ms)
			return false;
		total += number * units[next++].ms;
		any = true;
		text.data++;
		text.len--;
	}
	if (!any || total <= 0 || total > most)
		return false;
	*ret_ms = total;
	return true;
}
