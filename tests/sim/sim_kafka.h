#ifndef SIM_KAFKA_H
#define SIM_KAFKA_H

#include "engine/kafka.h"

/* kafka.h in memory, on logs.h, for one shard of one simulated process. Every call yields, so an owner can
 * stall, die or be fenced between any two of them. */
struct kafka *sim_kafka_new(
        int process, bool updater, int32_t partition, bool (*still_given)(void *context), void *context);
void sim_kafka_free(struct kafka *kafka);

void sim_kafka_end(struct kafka *kafka);   /* the shard was told to end */
void sim_kafka_crash(struct kafka *kafka); /* the process died: nothing of it reaches the world any more */
void sim_kafka_poke(struct kafka *kafka);  /* a completion or control message may be there */

/* Called for each committed transaction's outbox and for each @run, before the commit's answer is known. */
uint64_t sim_commits(void);
uint64_t sim_losses(void);
uint64_t sim_claims(void);

#endif
