/* The log read again: lanes merged by time, partition number by partition number. */
#include "auditor/log/replay.h"

#include "auditor/log/lanes.h"
#include "base/clock.h"
#include "base/memory.h"
#include "schemas/topics.h"

#include <assert.h>
#include <stdlib.h>

const char *log_topic_name(enum log_topic topic)
{
	static const char *const names[] = {TOPIC_JOBS, TOPIC_STAGED, TOPIC_UPDATED, TOPIC_STATUS, TOPIC_DLQ};

	return names[topic];
}

struct head { /* of a lane: its next record, once it is here */
	enum log_topic topic;
	bool here;
	struct client_record record;
	int64_t next; /* the offset behind what was given out, or is left out */
};

struct replay {
	struct lanes lanes;
	enum log_topic topics[LOG_TOPICS];
	size_t topic_count;
	struct head *heads;
	int64_t until_time_ms;
	bool follow, told_end; /* told_end: a call has returned because the end was passed */
	int32_t partition;     /* of those read: where to look first */
	size_t given;          /* the lane whose record was given out last */
};

static size_t lane_of(const struct replay *replay, size_t topic, int32_t partition)
{
	return topic * (size_t)replay->lanes.count + (size_t)partition;
}

static size_t lane_count(const struct replay *replay)
{
	return replay->topic_count * (size_t)replay->lanes.count;
}

static void prepare(struct replay *replay, const struct replay_spec *spec)
{
	replay->until_time_ms = spec->until_time_ms;
	replay->follow = spec->follow;
	for (size_t i = 0; i < LOG_TOPICS; i++)
		if (spec->topics & LOG_BIT(lanes_topics[i]))
			replay->topics[replay->topic_count++] = lanes_topics[i];
	replay->heads = memory_alloc(lane_count(replay) * sizeof(*replay->heads));
	for (size_t lane = 0; lane < lane_count(replay); lane++) {
		replay->heads[lane].topic = replay->topics[lane / (size_t)replay->lanes.count];
		replay->heads[lane].next = replay->lanes.kind->place(replay->lanes.self, lane).start;
	}
	replay->given = SIZE_MAX;
}

enum status replay_open(
        const struct options *options, const struct replay_spec *spec, struct replay **ret, struct error *err)
{
	struct replay *replay = memory_alloc(sizeof(*replay));
	const char *dump = options_text(options, "dump");
	enum status status = dump ? lanes_open_dump(dump, options_prefix(options), spec, &replay->lanes, err)
	                          : lanes_open_kafka(options, spec, &replay->lanes, err);

	assert(spec->topics);
	if (status != STATUS_OK) {
		free(replay);
		return status;
	}
	prepare(replay, spec);
	*ret = replay;
	return STATUS_OK;
}

void replay_close(struct replay *replay)
{
	if (!replay)
		return;
	replay->lanes.kind->close(replay->lanes.self);
	free(replay->heads);
	free(replay);
}

int32_t replay_partitions(const struct replay *replay)
{
	return replay->lanes.partitions;
}

static struct client_lane_place place(const struct replay *replay, size_t lane)
{
	return replay->lanes.kind->place(replay->lanes.self, lane);
}

static bool lane_is_past_end(const struct replay *replay, size_t lane)
{
	struct client_lane_place at = place(replay, lane);

	return !replay->heads[lane].here && at.next >= at.end;
}

/* Fetches the lane's next record where there is none; one that is to be left out is passed by. */
static enum status fill(struct replay *replay, size_t lane, struct error *err)
{
	struct head *head = &replay->heads[lane];
	struct client_lane_place at = place(replay, lane);

	while (!head->here && (replay->follow || at.next < at.end)) {
		enum status status =
		        replay->lanes.kind->take(replay->lanes.self, lane, &head->record, &head->here, err);
		if (status != STATUS_OK)
			return status;
		at = place(replay, lane);
		if (!head->here) {
			head->next = at.next;
			break;
		}
		if (!replay->follow && head->record.position.offset >= at.end)
			head->here = false; /* written after the opening */
		else if (head->record.time_ms > replay->until_time_ms) {
			head->here = false;
			head->next = at.next;
		}
	}
	return STATUS_OK;
}

/* The lane of the partition whose record is next; *ret_ready false: one that may come first is not here yet.
 */
static enum status choose(struct replay *replay, int32_t partition, size_t *ret_lane, bool *ret_found,
        bool *ret_ready, struct error *err)
{
	*ret_found = false;
	*ret_ready = true;
	for (size_t t = 0; t < replay->topic_count; t++) {
		size_t lane = lane_of(replay, t, partition);
		enum status status = fill(replay, lane, err);
		const struct head *head = &replay->heads[lane];

		if (status != STATUS_OK)
			return status;
		if (!head->here) {
			*ret_ready = *ret_ready && lane_is_past_end(replay, lane);
			continue;
		}
		if (!*ret_found || head->record.time_ms < replay->heads[*ret_lane].record.time_ms)
			*ret_lane = lane;
		*ret_found = true;
	}
	return STATUS_OK;
}

static void give(struct replay *replay, size_t lane, struct replay_record *ret_record)
{
	struct head *head = &replay->heads[lane];

	*ret_record = (struct replay_record){.topic = head->topic,
	        .position = head->record.position,
	        .time_ms = head->record.time_ms,
	        .key = head->record.key,
	        .value = head->record.value};
	head->here = false;
	head->next = head->record.position.offset + 1;
	replay->given = lane;
}

/* From the partition that gave the last one as long as it has some: its state is in the caches. */
static enum status look(
        struct replay *replay, struct replay_record *ret_record, bool *ret_found, struct error *err)
{
	for (int32_t i = 0; i < replay->lanes.count; i++) {
		int32_t partition = (replay->partition + i) % replay->lanes.count;
		size_t lane = 0;
		bool found, ready;
		enum status status = choose(replay, partition, &lane, &found, &ready, err);

		if (status != STATUS_OK)
			return status;
		if (found && ready) {
			replay->partition = partition;
			give(replay, lane, ret_record);
			*ret_found = true;
			return STATUS_OK;
		}
	}
	return STATUS_OK;
}

enum status replay_next(struct replay *replay, int64_t timeout_ms, struct replay_record *ret_record,
        bool *ret_found, struct error *err)
{
	int64_t deadline = 0;

	*ret_found = false;
	for (;;) {
		enum status status = look(replay, ret_record, ret_found, err);
		if (status != STATUS_OK || *ret_found)
			return status;
		int64_t now = clock_monotonic_ms();
		if (!deadline)
			deadline = now + timeout_ms;
		bool ended = replay_is_past_end(replay) && !(replay->follow && replay->told_end);
		if (now >= deadline || ended) {
			replay->told_end = ended || replay->told_end;
			return STATUS_OK;
		}
		replay->lanes.kind->wait(replay->lanes.self, deadline - now);
	}
}

bool replay_is_past_end(const struct replay *replay)
{
	for (size_t lane = 0; lane < lane_count(replay); lane++)
		if (!lane_is_past_end(replay, lane))
			return false;
	return true;
}

/* The lane's number; SIZE_MAX: it is not read. */
static size_t lane_named(const struct replay *replay, enum log_topic topic, int32_t partition)
{
	int32_t nth = partition - replay->lanes.first_partition;

	for (size_t t = 0; t < replay->topic_count; t++)
		if (replay->topics[t] == topic && nth >= 0 && nth < replay->lanes.count)
			return lane_of(replay, t, nth);
	return SIZE_MAX;
}

int64_t replay_next_offset(const struct replay *replay, enum log_topic topic, int32_t partition)
{
	size_t lane = lane_named(replay, topic, partition);

	return lane == SIZE_MAX ? -1 : replay->heads[lane].next;
}

void replay_lane(const struct replay *replay, enum log_topic topic, int32_t partition, int64_t *ret_begin,
        int64_t *ret_end)
{
	size_t lane = lane_named(replay, topic, partition);

	*ret_begin = lane == SIZE_MAX ? 0 : place(replay, lane).begin;
	*ret_end = lane == SIZE_MAX ? 0 : place(replay, lane).end;
}

bool replay_lane_is_open(const struct replay *replay, enum log_topic topic, int32_t partition)
{
	size_t lane = lane_named(replay, topic, partition);

	return lane != SIZE_MAX && replay->lanes.kind->is_open(replay->lanes.self, lane);
}

void replay_progress(const struct replay *replay, uint64_t *ret_done, uint64_t *ret_total)
{
	*ret_done = *ret_total = 0;
	for (size_t lane = 0; lane < lane_count(replay); lane++) {
		struct client_lane_place at = place(replay, lane);
		int64_t next = replay->heads[lane].next;

		if (at.end <= at.start)
			continue;
		*ret_total += (uint64_t)(at.end - at.start);
		*ret_done += (uint64_t)((next < at.end ? next : at.end) - at.start);
	}
}

struct view replay_header(const struct replay *replay, const char *name)
{
	struct view found = {0}, header, value;

	for (size_t i = 0; replay_header_at(replay, i, &header, &value); i++)
		if (view_is(header, name))
			found = value;
	return found;
}

bool replay_header_at(
        const struct replay *replay, size_t index, struct view *ret_name, struct view *ret_value)
{
	return replay && replay->given != SIZE_MAX &&
	       replay->lanes.kind->header_at(replay->lanes.self, replay->given, index, ret_name, ret_value);
}
