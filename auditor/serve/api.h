#ifndef AUDITOR_API_H
#define AUDITOR_API_H

#include "auditor/log/raw.h"
#include "auditor/serve/page.h"
#include "auditor/serve/readers.h"
#include "auditor/serve/standing.h"
#include "engine/http_server.h"

/* What is answered over HTTP: docs/api.md says it for those who ask. */
struct api {
	const char *prefix;
	struct readers *readers;
	struct standing *standing;
	struct broadcast *broadcast;
	struct page *page;
	struct raw *raw;            /* NULL: there is no Kafka to ask */
	struct http_server *server; /* for its counts; NULL: not yet */
	int64_t started_ms;         /* in Unix time */
};

/* For http_spec; the context is a struct api. */
extern const struct http_route api_routes[];
extern const struct http_header api_headers[];
void api_refuse(void *api, const struct http_request *request, const char *code, const char *message,
        struct http_response *response);
enum { API_BODY_MAX = 8 << 20 };

#endif
