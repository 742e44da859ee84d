#include "engine/health.h"

#include "base/memory.h"
#include "engine/http_server.h"

#include <pthread.h>
#include <stdlib.h>

struct health {
	pthread_mutex_t one_at_a_time;
	struct http_server *server;
	struct health_source source;
};

void health_answer_live(struct http_response *response)
{
	buffer_add_text(&response->body, "alive\n");
}

void health_answer_ready(const struct health_source *source, struct http_response *response)
{
	bool ready = source->ready(source->context, &response->body);

	buffer_add_text(&response->body, "\n");
	response->code = ready ? 200 : 503;
}

void health_answer_metrics(const struct health_source *source, struct http_response *response)
{
	source->metrics(source->context, &response->body);
	response->content_type = "text/plain; version=0.0.4; charset=utf-8";
}

static void handle_live(void *context, const struct http_request *request, struct http_response *response)
{
	(void)context, (void)request;
	health_answer_live(response);
}

static void handle_ready(void *context, const struct http_request *request, struct http_response *response)
{
	struct health *health = context;

	(void)request;
	pthread_mutex_lock(&health->one_at_a_time);
	health_answer_ready(&health->source, response);
	pthread_mutex_unlock(&health->one_at_a_time);
}

static void handle_metrics(void *context, const struct http_request *request, struct http_response *response)
{
	struct health *health = context;

	(void)request;
	pthread_mutex_lock(&health->one_at_a_time);
	health_answer_metrics(&health->source, response);
	pthread_mutex_unlock(&health->one_at_a_time);
}

static void handle_other(void *context, const struct http_request *request, struct http_response *response)
{
	(void)context;
	http_refuse(request, response, 404, "not_found", "there are /livez, /readyz and /metrics");
}

enum status health_open(
        const char *listen, const struct health_source *source, struct health **ret, struct error *err)
{
	static const struct http_route routes[] = {
	        {.path = "/livez", .handle = handle_live},
	        {.path = "/readyz", .handle = handle_ready},
	        {.path = "/metrics", .handle = handle_metrics},
	        {.path = "/", .handle = handle_other},
	        {.path = NULL},
	};
	struct health *health = memory_alloc(sizeof(*health));
	const struct http_spec spec = {.routes = routes, .context = health};

	health->source = *source;
	pthread_mutex_init(&health->one_at_a_time, NULL);
	if (http_open(listen, &spec, &health->server, err) != STATUS_OK) {
		pthread_mutex_destroy(&health->one_at_a_time);
		free(health);
		return err->status;
	}
	*ret = health;
	return STATUS_OK;
}

void health_close(struct health *health)
{
	if (!health)
		return;
	http_close(health->server);
	pthread_mutex_destroy(&health->one_at_a_time);
	free(health);
}
