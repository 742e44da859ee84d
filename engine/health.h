#ifndef ENGINE_HEALTH_H
#define ENGINE_HEALTH_H

#include "base/bytes.h"
#include "base/error.h"

#include <stdbool.h>

/* What a process tells those who watch it, over HTTP: /livez (it answers at all), /readyz (200 or 503 and
 * why) and /metrics (Prometheus text, exposition format 0.0.4). The callbacks are called from the server's
 * threads, never two at once. */
struct health;
struct http_response;

struct health_source {
	bool (*ready)(void *context, struct buffer *why); /* why: words for a reader, also when ready */
	void (*metrics)(void *context, struct buffer *out);
	void *context;
};

/* listen: "HOST:PORT". STATUS_REJECT where that is no address or it is taken. */
must_check enum status health_open(
        const char *listen, const struct health_source *source, struct health **ret, struct error *err);
void health_close(struct health *health); /* NULL is fine */

/* The same three answers, for a server that has more to say. */
void health_answer_live(struct http_response *response);
void health_answer_ready(const struct health_source *source, struct http_response *response);
void health_answer_metrics(const struct health_source *source, struct http_response *response);

#endif
