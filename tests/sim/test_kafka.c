/* The contract of kafka.h, on the simulated Kafka, without faults: the same facts as on a real one. */
#include "base/memory.h"
#include "tests/sim/logs.h"
#include "tests/sim/marks.h"
#include "tests/sim/sim_kafka.h"
#include "tests/sim/sim_worker.h"
#include "tests/sim/world.h"
#include "tests/suites/kafka_suite.h"

#include <stdlib.h>

enum { OTHER_PRODUCER = 2 * PARTITIONS - 1 }; /* whoever else writes in transactions */

void worker_strike(int process)
{
	cr_assert_fail("process %d was struck in a world without faults", process);
}

static bool always(void *context)
{
	(void)context;
	return true;
}

static struct kafka *owner(struct kafka_world *world)
{
	(void)world;
	return sim_kafka_new(0, false, 0, always, NULL);
}

static void let_go(struct kafka_world *world, struct kafka *kafka)
{
	(void)world;
	sim_kafka_free(kafka);
}

static void stall(struct kafka_world *world, struct kafka *kafka, const char *key)
{
	(void)world, (void)kafka;
	log_append(LOG_STAGED, 0, log_producer(false, 0), view_text(key), view_text("v"));
}

static int64_t produce(struct kafka_world *world, const char *key, const char *value)
{
	(void)world;
	return log_append(LOG_JOBS, 0, -1, view_text(key), view_text(value));
}

static void produce_aborted(struct kafka_world *world, const char *key)
{
	(void)world;
	log_append(LOG_JOBS, 0, OTHER_PRODUCER, view_text(key), view_text("v"));
	log_end_transaction(OTHER_PRODUCER, false);
}

static size_t count_output(struct kafka_world *world, const char *key)
{
	const struct log_record *record;
	int64_t offset = 0, at;
	size_t count = 0;

	(void)world;
	while ((record = log_next_committed(LOG_STAGED, 0, &offset, &at)))
		count += view_is(record->key, key);
	return count;
}

static void add_poison(struct kafka_world *world, struct outbox *outbox)
{
	(void)world;
	outbox_about(outbox, view_text("poison"), (struct view){0});
	outbox_record(outbox, 0, view_text(REFUSED_TEXT));
}

static void truncate_input(struct kafka_world *world, int64_t first_left)
{
	(void)world;
	log_truncate(LOG_JOBS, 0, first_left);
}

static void recreate_input(struct kafka_world *world)
{
	(void)world;
	log_recreate(LOG_JOBS, 0);
}

static void lose_changelog(struct kafka_world *world)
{
	(void)world;
	log_recreate(LOG_STAGER_STATE, 0);
}

static struct kafka_world sim = {owner, let_go, stall, produce, produce_aborted, count_output, add_poison,
        truncate_input, recreate_input, lose_changelog, NULL};

static struct fiber *fact_fiber;

static bool is_over(void)
{
	return fiber_ended(fact_fiber);
}

static void run_in_fiber(void (*body)(void *context))
{
	static uint64_t marks[MARK_COUNT];
	const char *words;

	marks_use(marks);
	world_begin(1, false);
	*world_chance() = (struct chance){0};
	logs_begin();
	sim_kafka_begin();
	log_append(LOG_STAGER_STATE, 0, -1, view_text("@genesis"), view_text("the-log"));
	fact_fiber = fiber_start(0, body, NULL);
	cr_assert(world_run(is_over, INT64_MAX), "it never ended");
	cr_assert_eq(world_verdict(&words), VERDICT_GOOD, "%s", words);
	fiber_free(fact_fiber);
	logs_end();
	world_end();
}

#define FACT(fact)                                                                                           \
	static void body_of_##fact(void *context)                                                            \
	{                                                                                                    \
		(void)context;                                                                               \
		kafka_suite_##fact(&sim);                                                                    \
	}                                                                                                    \
	Test(kafka_sim, fact)                                                                                \
	{                                                                                                    \
		run_in_fiber(body_of_##fact);                                                                \
	}
KAFKA_FACTS(FACT)
