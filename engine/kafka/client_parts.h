#ifndef ENGINE_KAFKA_CLIENT_PARTS_H
#define ENGINE_KAFKA_CLIENT_PARTS_H

#include "engine/client.h"

/* What a client's readers need of it. */
struct chatter;
const struct options *client_options(const struct client *client);
struct chatter *client_chatter(const struct client *client);

#endif
