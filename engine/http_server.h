#ifndef ENGINE_HTTP_SERVER_H
#define ENGINE_HTTP_SERVER_H

#include "base/bytes.h"
#include "base/error.h"
#include "engine/broadcast.h"

#include <stdbool.h>
#include <stdint.h>

/* A small HTTP/1.1 server for reading only: GET and HEAD, no bodies, every size, count and time bounded. The
 * one file that includes microhttpd is http_server.c.
 *
 * Each connection has a thread of its own, so a handler may block for a while; handlers run in parallel and
 * share what they share with locks of theirs. */
struct http_server;
struct http_request;

enum { HTTP_HEADERS_MAX = 16 };
struct http_header {
	const char *name, *value; /* literals, or what outlives the server */
};

/* What a handler fills in; it begins as 200, text/plain and an empty body. Texts are literals, or outlive the
 * server. */
struct http_response {
	unsigned code;
	const char *content_type;
	const char *cache_control;   /* default "no-store" */
	const char *etag;            /* quoted; a request that has it already is answered with 304 */
	const char *allow;           /* of a 405 */
	struct buffer body;          /* append to it; overflowing http_spec.body_max makes a 500 of it */
	struct view fixed;           /* instead of body: bytes that outlive the server */
	struct broadcast *broadcast; /* body first, then what is sent there until one side ends it */
};

struct http_route {
	/* The whole path, or, with a '/' at its end, everything below. The longest that fits is taken. */
	const char *path;
	const char *const *arguments; /* names that its query may have, NULL-terminated; NULL: any */
	void (*handle)(void *context, const struct http_request *request, struct http_response *response);
};

struct http_spec {
	const struct http_route *routes; /* path NULL ends them */
	void *context;
	const struct http_header *headers; /* on every response of ours; name NULL ends them */
	/* Writes a refusal into an empty response whose code is set: "not_found", "method_not_allowed",
	 * "unknown_host", "invalid_request", "invalid_argument", "too_large", "busy". NULL: plain text. */
	void (*refuse)(void *context, const struct http_request *request, const char *code,
	        const char *message, struct http_response *response);
	/* Names that a Host header may have, NULL-terminated, beside localhost, literal loopback addresses
	 * and the listen address (of the wildcard: any literal address). A page elsewhere whose name was made
	 * to resolve to this server is so kept from reading it. NULL: any host will do. */
	const char *const *hosts;
	size_t body_max;          /* 0: 4 MiB */
	unsigned connections_max; /* 0: 32 */
	unsigned idle_seconds;    /* a connection on which nothing moves is closed; 0: 10 */
	unsigned request_seconds; /* a request, or its answer unless it is a broadcast, that takes longer is
	                             cut off; 0: 60 */
	size_t request_max;       /* bytes of a request's head; 0: 16 KiB */
};

/* listen: "HOST:PORT", of IPv6 "[HOST]:PORT"; port 0: any that is free. STATUS_REJECT "invalid_option" or
 * "listen_failed" where that is no address or it is taken. What spec points to is borrowed. */
must_check enum status http_open(
        const char *listen, const struct http_spec *spec, struct http_server **ret, struct error *err);
/* Ends all connections, answers under way included, and waits for handlers. Close broadcasts first. NULL is
 * fine. */
void http_close(struct http_server *server);
unsigned http_port(const struct http_server *server);

struct http_counts {
	uint64_t answered[6]; /* by the first digit of the code */
	unsigned connections; /* now */
};
void http_counts(struct http_server *server, struct http_counts *ret);

const char *http_path(const struct http_request *request); /* decoded */
const char *http_rest(const struct http_request *request); /* of a route that ends in '/': what is below it */
/* Decoded; NULL: absent. */
const char *http_argument(const struct http_request *request, const char *name);

/* Makes the response a refusal, in the words of http_spec.refuse. */
void http_refuse(const struct http_request *request, struct http_response *response, unsigned code,
        const char *error_code, const char *format, ...) printf_like(5, 6);

#endif
