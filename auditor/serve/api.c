/* Which path is answered by what, and how an answer that fails is told. */
#include "auditor/serve/api_parts.h"

#include "auditor/serve/pulse.h"
#include "engine/health.h"

#include <string.h>

const struct http_header api_headers[] = {
        {"Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src "
                                    "'self'; connect-src 'self'; "
                                    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {0},
};

static unsigned http_code(const char *code)
{
	if (strcmp(code, "not_found") == 0)
		return 404;
	return strcmp(code, "invalid_argument") == 0 ? 400 : 503;
}

void api_refuse(void *api, const struct http_request *request, const char *code, const char *message,
        struct http_response *response)
{
	struct buffer *out = &response->body;

	(void)api, (void)request;
	response->content_type = "application/json";
	json_begin(out, '{');
	json_key(out, "error");
	json_begin(out, '{');
	json_put_text(out, "code", code);
	json_put_text(out, "message", message);
	json_end(out, '}');
	json_end(out, '}');
}

static void refuse_error(
        const struct http_request *request, struct http_response *response, const struct error *err)
{
	http_refuse(request, response, http_code(err->code), err->code, "%s", err->message);
}

struct database *take_reader(const struct api *api, struct error *err)
{
	enum { WAIT_MS = 5000, ANSWER_MS = 5000 };
	struct database *database = readers_take(api->readers, WAIT_MS, err);

	if (database)
		database_set_time(database, ANSWER_MS);
	return database;
}

static enum status ask_database(struct asking *asking, api_answer *answer, struct error *err)
{
	asking->database = take_reader(asking->api, err);
	if (!asking->database)
		return err->status;
	enum status status = answer(asking, err);
	readers_give_back(asking->api->readers, asking->database);
	return status;
}

static void ask(const struct api *api, const struct http_request *request, struct http_response *response,
        api_answer *answer)
{
	struct asking asking = {.api = api, .request = request, .out = &response->body};
	struct error err;

	response->content_type = "application/json";
	if (ask_database(&asking, answer, &err) != STATUS_OK)
		refuse_error(request, response, &err);
}

#define HANDLER(name)                                                                                        \
	static void handle_##name(                                                                           \
	        void *context, const struct http_request *request, struct http_response *response)           \
	{                                                                                                    \
		ask(context, request, response, answer_##name);                                              \
	}
HANDLER(overview)
HANDLER(points)
HANDLER(packages)
HANDLER(package)
HANDLER(jobs)
HANDLER(job)
HANDLER(events)
HANDLER(dead_letters)

static void handle_record(void *context, const struct http_request *request, struct http_response *response)
{
	struct asking asking = {.api = context, .request = request, .out = &response->body};
	struct error err;

	if (!asking.api->raw) {
		ask(context, request, response, answer_kept_record);
		return;
	}
	response->content_type = "application/json";
	if (answer_record(&asking, &err) != STATUS_OK)
		refuse_error(request, response, &err);
}

static void handle_stream(void *context, const struct http_request *request, struct http_response *response)
{
	const struct api *api = context;
	struct standing_place place;

	(void)request;
	standing_get(api->standing, &place);
	pulse_hello(&response->body, place.read_until_ms, place.caught_up);
	response->content_type = "text/event-stream";
	response->broadcast = api->broadcast;
}

static void handle_unknown(void *context, const struct http_request *request, struct http_response *response)
{
	(void)context;
	http_refuse(request, response, 404, "not_found", "there is nothing at %.100s", http_path(request));
}

static void handle_page(void *context, const struct http_request *request, struct http_response *response)
{
	const struct api *api = context;

	page_answer(api->page, http_rest(request), request, response);
}

/* ---- for those who watch */

static bool is_ready(void *context, struct buffer *why)
{
	const struct api *api = context;
	struct standing_place place;

	standing_get(api->standing, &place);
	buffer_add_text(why, place.words);
	return place.ready;
}

static void add_metrics(void *context, struct buffer *out)
{
	answer_metrics(context, out);
}

static void handle_live(void *context, const struct http_request *request, struct http_response *response)
{
	(void)context, (void)request;
	health_answer_live(response);
}

static void handle_ready(void *context, const struct http_request *request, struct http_response *response)
{
	const struct health_source source = {.ready = is_ready, .context = context};

	(void)request;
	health_answer_ready(&source, response);
}

static void handle_metrics(void *context, const struct http_request *request, struct http_response *response)
{
	const struct health_source source = {.metrics = add_metrics, .context = context};

	(void)request;
	health_answer_metrics(&source, response);
}

static const char *const none[] = {NULL};
static const char *const of_list[] = {"offset", "limit", NULL};
static const char *const of_packages[] = {"search", "state", "offset", "limit", NULL};
static const char *const of_jobs[] = {"state", "package", "offset", "limit", NULL};
static const char *const of_events[] = {"package", "type", "offset", "limit", NULL};

const struct http_route api_routes[] = {
        {"/api/overview", none, handle_overview},
        {"/api/distribution-points", none, handle_points},
        {"/api/packages", of_packages, handle_packages},
        {"/api/packages/", none, handle_package},
        {"/api/jobs", of_jobs, handle_jobs},
        {"/api/jobs/", none, handle_job},
        {"/api/events", of_events, handle_events},
        {"/api/dead-letters", of_list, handle_dead_letters},
        {"/api/record/", none, handle_record},
        {"/api/stream", none, handle_stream},
        {"/api/", NULL, handle_unknown},
        {"/livez", NULL, handle_live},
        {"/readyz", NULL, handle_ready},
        {"/metrics", NULL, handle_metrics},
        {"/", NULL, handle_page},
        {0},
};
