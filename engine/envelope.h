#ifndef ENGINE_ENVELOPE_H
#define ENGINE_ENVELOPE_H

#include "engine/outbox.h"

/* A record as a CloudEvent in binary mode (CloudEvents 1.0, Kafka binding): its value unchanged, its
 * attributes once more as headers. They cost half of the throughput, so a machine uses this only where it was
 * asked to, and outbox_record_traced() elsewhere. */
struct envelope {
	struct view id, type, source, subject;
	int64_t time_ms;
};

void envelope_record(struct outbox *outbox, int output, struct view value, struct view traceparent,
        const struct envelope *envelope);

#endif
