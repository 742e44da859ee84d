#ifndef SIM_KAFKA_H
#define SIM_KAFKA_H

#include "engine/kafka.h"

/* kafka.h in memory, on logs.h, for one shard of one simulated process. Every call yields, so an owner can
 * stall, die or be fenced between any two of them. */
struct kafka *sim_kafka_new(
        int process, bool updater, int32_t partition, bool (*still_given)(void *context), void *context);
void sim_kafka_free(struct kafka *kafka); /* NULL is fine */

void sim_kafka_attach(struct kafka *kafka, int completions_fd, int control_fd);
void sim_kafka_end(struct kafka *kafka);   /* the shard was told to end: what waits long answers ENDED */
void sim_kafka_crash(struct kafka *kafka); /* the process died: nothing of it reaches the world any more */
void sim_kafka_poke(struct kafka *kafka);  /* a completion or control message may be there */

/* Whether this shard's producer is the live one: nobody has claimed since. */
bool sim_kafka_is_owner(const struct kafka *kafka);
/* When the last commit of this claim began that went well and that its owner heard of; INT64_MIN: none. */
int64_t sim_kafka_proven(const struct kafka *kafka);

/* A transaction with this in an output record is refused, every time. */
#define REFUSED_TEXT "no-broker-takes-this"

void sim_kafka_begin(void); /* a new world */

#endif
