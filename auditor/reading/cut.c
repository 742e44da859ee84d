/* Up to where the log is read, and for which package. */
#include "auditor/reading/cut.h"

#include "auditor/reading/reading.h"
#include "command/moment.h"
#include "engine/route.h"

#include <inttypes.h>

static int64_t first_offset(void *context, enum log_topic topic, int32_t partition)
{
	const struct place *place = context;

	return topic == place->topic && partition == place->position.partition ? place->position.offset : -1;
}

/* The record may be missing in its place: positions of aborted records and of transactions' ends have none.
 */
static enum status find_moment(const struct options *options, struct cut *cut, struct error *err)
{
	struct replay_spec spec = {.topics = LOG_BIT(cut->place.topic),
	        .until_time_ms = INT64_MAX,
	        .first_offset = first_offset,
	        .context = &cut->place};
	struct reading reading;
	bool found = false, met = false;
	enum status status = reading_twice(options, err);

	if (status == STATUS_OK)
		status = reading_open(options, &spec, &reading, err);
	if (status != STATUS_OK)
		return status;
	while (!met && (status = reading_next(&reading, &found, err)) == STATUS_OK && found)
		met = position_equal(reading.record.position, cut->place.position);
	cut->until_ms = reading.record.time_ms;
	reading_close(&reading);
	if (status == STATUS_OK && !met)
		return error_set(err, STATUS_REJECT, "record_missing",
		        "there is no record at %s: take a place that a timeline or an event gives",
		        place_text(cut->place.topic, cut->place.position));
	return status;
}

enum status cut_find(const struct options *options, int64_t now_ms, struct cut *ret, struct error *err)
{
	const char *position = options_text(options, "at-position");
	struct cut cut = {.until_ms = INT64_MAX};

	if (position && options_text(options, "at-time"))
		return error_set(err, STATUS_REJECT, "usage",
		        "--at-time and --at-position exclude each other: give one of them");
	enum status status = option_moment(options, "at-time", now_ms, INT64_MAX, &cut.until_ms, err);

	if (status == STATUS_OK && position) {
		cut.by_place = true;
		status = place_parse_whole(position, options_prefix(options), &cut.place, err);
		if (status == STATUS_OK)
			status = find_moment(options, &cut, err);
	}
	if (status == STATUS_OK)
		*ret = cut;
	return status;
}

bool cut_keeps(const struct cut *cut, const struct replay_record *record)
{
	if (cut->by_place && record->topic == cut->place.topic &&
	        record->position.partition == cut->place.position.partition)
		return record->position.offset <= cut->place.position.offset;
	return record->time_ms <= cut->until_ms;
}

bool fact_is_of(const struct fact *fact, const char *package)
{
	return !package || view_is(fact->package.data ? fact->package : fact->key, package);
}

enum status package_unknown(
        const char *package, const struct replay *replay, const struct cut *cut, struct error *err)
{
	int32_t partition = route_partition(view_text(package), replay_partitions(replay));

	return error_set(err, STATUS_FATAL, "package_unknown",
	        "nothing %s known of package %s in partition %" PRId32 "%s: is its name right?",
	        cut->until_ms == INT64_MAX ? "is" : "was", package, partition,
	        cut->until_ms == INT64_MAX ? "" : " at that moment");
}
