#include "auditor/log/place.h"
#include "auditor/reading/cut.h"
#include "auditor/reading/reading.h"

#include <criterion/criterion.h>
#include <string.h>

static bool parses(const char *text, enum log_topic topic, int32_t partition, int64_t offset)
{
	struct place place = {.topic = LOG_DLQ};
	struct error err;

	return place_parse(text, "holdpoint.", &place, &err) == STATUS_OK && place.topic == topic &&
	       place.position.partition == partition && place.position.offset == offset;
}

Test(place_parse, takes_what_is_printed)
{
	cr_assert(parses(place_text(LOG_STATUS, ((struct position){3, 1041})), LOG_STATUS, 3, 1041));
}

Test(place_parse, takes_slashes_whole_topics_and_none)
{
	cr_assert(parses("3/17", LOG_DLQ, 3, 17));
	cr_assert(parses("3@17", LOG_DLQ, 3, 17));
	cr_assert(parses("jobs/3/17", LOG_JOBS, 3, 17));
	cr_assert(parses("holdpoint.updated/3/17", LOG_UPDATED, 3, 17));
	cr_assert(parses("holdpoint.updated/3@17", LOG_UPDATED, 3, 17));
	cr_assert(parses("staged/2147483647@9223372036854775807", LOG_STAGED, INT32_MAX, INT64_MAX));
}

Test(place_parse, refuses_the_rest_and_leaves_the_output_alone)
{
	static const char *const bad[] = {"", "3", "/", "@", "3/", "/17", "3/-1", "-3/17", "3/17/", "3/17x",
	        "x/17", "nothing/3/17", "progress/3@17", "jobs/3@17@1", "jobs//17", "2147483648/1",
	        "1/9223372036854775808", "1/99999999999999999999999999", "jobs/ 3/17"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct place place = {LOG_DLQ, {7, 8}};
		struct error err;

		cr_assert_eq(place_parse(bad[i], "holdpoint.", &place, &err), STATUS_REJECT, "%s", bad[i]);
		cr_assert_str_eq(err.code, "bad_place");
		cr_assert(place.topic == LOG_DLQ && place.position.partition == 7 &&
		          place.position.offset == 8);
	}
}

Test(place_parse_whole, needs_a_topic)
{
	struct place place;
	struct error err;

	cr_assert_eq(place_parse_whole("3/17", "holdpoint.", &place, &err), STATUS_REJECT);
	cr_assert(strstr(err.message, "TOPIC/PARTITION/OFFSET"));
	cr_assert_eq(place_parse_whole("status/3/17", "holdpoint.", &place, &err), STATUS_OK);
	cr_assert_eq(place.topic, LOG_STATUS);
}

Test(place_put, writes_an_object_and_nothing_for_no_place)
{
	struct buffer out;

	buffer_init(&out, 1000);
	json_begin(&out, '{');
	place_put(&out, "place", LOG_DLQ, (struct position){3, 17});
	place_put(&out, "none", LOG_DLQ, (struct position){3, -1});
	json_end(&out, '}');
	cr_assert_str_eq(out.data, "{\"place\":{\"topic\":\"dlq\",\"partition\":3,\"offset\":17}}");
	buffer_release(&out);
}

static bool keeps(
        const struct cut *cut, enum log_topic topic, int32_t partition, int64_t offset, int64_t time_ms)
{
	return cut_keeps(cut,
	        &(struct replay_record){.topic = topic, .position = {partition, offset}, .time_ms = time_ms});
}

Test(cut_keeps, of_its_own_partition_what_is_not_behind_the_record_whatever_its_stamp)
{
	struct cut cut = {.by_place = true, .place = {LOG_STATUS, {3, 17}}, .until_ms = 5000};

	cr_assert(keeps(&cut, LOG_STATUS, 3, 17, 5000));
	cr_assert(keeps(&cut, LOG_STATUS, 3, 16, 9000));
	cr_assert_not(keeps(&cut, LOG_STATUS, 3, 18, 5000));
	cr_assert_not(keeps(&cut, LOG_STATUS, 3, 18, 1000));
}

Test(cut_keeps, of_all_others_what_is_not_stamped_later)
{
	struct cut cut = {.by_place = true, .place = {LOG_STATUS, {3, 17}}, .until_ms = 5000};

	cr_assert(keeps(&cut, LOG_STAGED, 3, 99, 5000));
	cr_assert(keeps(&cut, LOG_STATUS, 2, 99, 5000));
	cr_assert_not(keeps(&cut, LOG_STAGED, 3, 1, 5001));
	cr_assert_not(keeps(&cut, LOG_STATUS, 2, 1, 5001));
}

Test(cut_keeps, everything_without_a_cut)
{
	struct cut cut = {.until_ms = INT64_MAX};

	cr_assert(keeps(&cut, LOG_JOBS, 0, INT64_MAX, INT64_MAX));
}
