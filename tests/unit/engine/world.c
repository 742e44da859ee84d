#include "world.h"

#include "base/log.h"

#include <criterion/criterion.h>

struct world world;

static void new_shard(void)
{
	world.shard = shard_new(world.spec ? world.spec : &toy_spec, &world.toy, world.kafka->partition,
	        world.kafka, &world.limits);
	world.kafka->shard = world.shard;
}

void world_open(void (*const *steps)(struct kafka *kafka))
{
	log_set_level(LOG_ERROR);
	world.kafka = fake_kafka_new(3, steps);
	world.toy.kafka = world.kafka;
	new_shard();
}

/* Effects that a test left under way are delivered, so that the shard may be freed. */
static void free_shard(void)
{
	for (size_t i = 0; i < world.toy.started_count; i++)
		if (world.toy.started[i].token)
			toy_deliver(&world.toy, i, "late");
	cr_assert_eq(shard_outstanding(world.shard), 0);
	shard_free(world.shard);
	toy_release(&world.toy);
	world.toy.kafka = world.kafka;
}

void world_close(void)
{
	free_shard();
	fake_kafka_free(world.kafka);
}

enum outcome world_run(void)
{
	return shard_run(world.shard, &world.err);
}

enum outcome world_run_again(void (*const *steps)(struct kafka *kafka))
{
	free_shard();
	buffer_clear(&world.kafka->journal);
	world.kafka->steps = steps;
	new_shard();
	return world_run();
}

void world_expect(const char *journal)
{
	cr_assert_str_eq(fake_journal(world.kafka), journal, "it was: %s", fake_journal(world.kafka));
}

size_t world_outputs(const char *value)
{
	return fake_count(world.kafka, OUTBOX_RECORD, value);
}
