#ifndef ENGINE_KAFKA_CLIENT_PARTS_H
#define ENGINE_KAFKA_CLIENT_PARTS_H

#include "engine/client.h"
#include "engine/kafka/internal.h"

/* What a client's readers need of it, and of each other. */
const struct options *client_options(const struct client *client);
struct chatter *client_chatter(const struct client *client);
struct client_record client_record_of(const rd_kafka_message_t *message, size_t source, const char *topic);

#endif
