#ifndef ENGINE_HTTP_WATCH_H
#define ENGINE_HTTP_WATCH_H

#include <stdint.h>

/* Cuts off connections that are not done in time, however busily they trickle. */
struct http_watch;
struct watched;

struct http_watch *http_watch_new(void);
void http_watch_free(struct http_watch *watch); /* NULL is fine; nothing may be watched any more */

enum { WATCH_FOR_EVER = -1 };
/* Shuts the socket down timeout_ms from now, unless it was set anew or removed before. */
struct watched *http_watch_add(struct http_watch *watch, int socket, int64_t timeout_ms);
void http_watch_set(struct watched *watched, int64_t timeout_ms);
void http_watch_remove(struct watched *watched); /* before the socket is closed */

#endif
