#ifndef TESTS_WORLD_H
#define TESTS_WORLD_H

#include "fake_kafka.h"
#include "toy.h"

/* One shard of toys over a fake Kafka. Each Criterion test is a process of its own, so there is one world. */
extern struct world {
	struct kafka *kafka;
	struct shard *shard;
	struct toy toy;
	const struct worker_spec *spec; /* NULL: toy_spec */
	struct shard_limits limits;
	struct error err;
} world;

void world_open(void (*const *steps)(struct kafka *kafka)); /* partition 3 */
void world_close(void);
enum outcome world_run(void);                                            /* one shard's life, until it ends */
enum outcome world_run_again(void (*const *steps)(struct kafka *kafka)); /* another one over the same log */
void world_expect(const char *journal);
size_t world_outputs(const char *value);

#endif
