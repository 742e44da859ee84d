#ifndef ENGINE_KAFKA_TOPICS_H
#define ENGINE_KAFKA_TOPICS_H

#include "engine/kafka/admin.h"
#include "engine/kafka/internal.h"

/* One run of topics_ensure() or topics_check(): what its steps share. */
struct topics {
	const struct options *options;
	const struct topic_spec *specs;
	size_t count;
	char **names;        /* whole */
	int32_t *partitions; /* 0: missing */
	topics_say *say;
	void *context;
	int64_t deadline_ms;
	struct chatter *chatter;
	rd_kafka_t *handle;
};

enum { MESSAGE_BYTES_DEFAULT = 1 << 20, DELETE_RETENTION_MS = 24 * 3600 * 1000 };

int32_t topics_message_bytes(const struct topic_spec *spec);

/* Waits for the one answer to a request sent to queue. */
must_check enum status topics_await(struct topics *topics, rd_kafka_queue_t *queue, const char *what,
        rd_kafka_event_t **ret_event, struct error *err);

/* Compares each present topic's settings with its spec (settings.c). */
must_check enum status topics_check_settings(struct topics *topics, struct error *err);

/* Whether a changelog that has no rows had some once, as its witness shows (genesis.c). */
must_check enum status genesis_check_witness(struct topics *topics, size_t n, struct error *err);

/* Sees that each partition of changelog number n has its @genesis row (genesis.c). */
must_check enum status genesis_ensure(struct topics *topics, size_t n, struct error *err);

#endif
