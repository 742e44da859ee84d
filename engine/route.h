#ifndef ENGINE_ROUTE_H
#define ENGINE_ROUTE_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

/* Which partition a key belongs to, as the Java client's default partitioner says (librdkafka's
 * murmur2_random): one key, one partition, whoever submits. */
#define ROUTE_SEED 0x9747b28cU                       /* Kafka's */
uint32_t route_hash(struct view key, uint32_t seed); /* murmur2, 32 bits */
int32_t route_partition(struct view key, int32_t partitions);

/* Whether a state can be kept under this key: 1–200 bytes, no '/' (it ends the key in the changelog), no
 * leading '@' (the engine's own rows). */
enum { ROUTE_KEY_MAX = 200 };
bool route_key_has_state(struct view key);

#endif
