/* The part of engine/kafka.h where nothing ever happens: an empty changelog, a log that is as it was, no
 * other owner, no waiting for a turn. For those that play the rest of it and count or time what the engine
 * does. */
#include "engine/kafka.h"
#include "engine/route.h"

enum outcome kafka_restore(struct kafka *kafka, struct claim *claim, int64_t claim_offset,
        enum status (*row)(struct view key, struct view value, void *context, struct error *err),
        void *context, struct error *err)
{
	(void)kafka, (void)claim, (void)claim_offset, (void)row, (void)context, (void)err;
	return OUTCOME_OK;
}

enum outcome kafka_open_input(
        struct kafka *kafka, int64_t offset, int64_t last_offset, struct view last, struct error *err)
{
	(void)kafka, (void)offset, (void)last_offset, (void)last, (void)err;
	return OUTCOME_OK;
}

void kafka_await_turn(struct kafka *kafka)
{
	(void)kafka;
}

void kafka_pass_turn(struct kafka *kafka)
{
	(void)kafka;
}

enum outcome kafka_still_ours(struct kafka *kafka, int64_t position, struct error *err)
{
	(void)kafka, (void)position, (void)err;
	return OUTCOME_ENDED;
}

void kafka_note_position(struct kafka *kafka, int64_t position)
{
	(void)kafka, (void)position;
}

int32_t kafka_partition_of(const struct kafka *kafka, struct view key)
{
	(void)kafka;
	return route_partition(key, 1);
}
