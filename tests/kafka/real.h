#ifndef TESTS_KAFKA_REAL_H
#define TESTS_KAFKA_REAL_H

#include "engine/client.h"
#include "engine/kafka/admin.h"

/* What tests against real Kafka share. The broker is the one that with_kafka runs; each call of
 * real_options() takes a prefix of its own, so that tests share nothing. Failures end the test. */
enum { REAL_TIMEOUT_MS = 30000 };

struct options *real_options(void);
struct options *real_options_like(const struct options *other); /* the same prefix */
void real_topic(const struct options *options, const char *name, char text[256]);

/* Writes a record to a partition as any client may: no transaction; key absent: null. */
void real_produce(const struct options *options, const char *topic, int32_t partition, const char *key,
        const char *value);

#endif
