#ifndef ENGINE_BROADCAST_H
#define ENGINE_BROADCAST_H

#include "base/bytes.h"

#include <stdint.h>

/* One writer's texts to many readers, each at its own pace: what is sent waits in each reader's buffer, which
 * is bounded. A reader that lets it overflow is dropped and its socket shut down, so a slow one costs nobody
 * anything. */
struct broadcast;
struct listener;

struct broadcast *broadcast_new(size_t listeners_max, size_t waiting_max);
void broadcast_close(struct broadcast *broadcast); /* every listener ends; nobody can join any more */
void broadcast_free(struct broadcast *broadcast);  /* after its listeners; NULL is fine */

/* From any thread; never blocks. */
void broadcast_send(struct broadcast *broadcast, struct view text);
size_t broadcast_count(struct broadcast *broadcast);

/* first: what the listener reads before anything that is sent. socket: whom it reads for, -1: nobody. NULL
 * where there are too many, or it was closed. */
struct listener *listener_join(struct broadcast *broadcast, int socket, struct view first);
void listener_leave(struct listener *listener); /* before its socket is closed; NULL is fine */

/* Waits until there is something to read, the socket's other end is gone, or timeout_ms passed. The bytes
 * copied to data; 0: nothing came in time; -1: it is over. For one thread. */
int64_t listener_read(struct listener *listener, int64_t timeout_ms, char *data, size_t max);

#endif
