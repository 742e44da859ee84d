#include "engine/health.h"

#include "base/memory.h"

#include <microhttpd.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 4 << 20, CONNECTIONS_MAX = 32, CONNECTION_SECONDS = 10 };

struct health {
	struct MHD_Daemon *daemon;
	struct health_source source;
};

static unsigned answer_path(const struct health *health, const char *path, struct buffer *out)
{
	if (strcmp(path, "/livez") == 0) {
		buffer_add_text(out, "alive\n");
		return MHD_HTTP_OK;
	}
	if (strcmp(path, "/readyz") == 0) {
		bool ready = health->source.ready(health->source.context, out);
		buffer_add_text(out, "\n");
		return ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
	}
	if (strcmp(path, "/metrics") == 0) {
		health->source.metrics(health->source.context, out);
		return MHD_HTTP_OK;
	}
	buffer_add_text(out, "there are /livez, /readyz and /metrics\n");
	return MHD_HTTP_NOT_FOUND;
}

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *path,
        const char *method, const char *version, const char *upload, size_t *upload_size, void **per_request)
{
	struct buffer text;

	(void)version, (void)upload, (void)upload_size, (void)per_request;
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return MHD_NO;
	buffer_init(&text, TEXT_MAX);
	unsigned code = answer_path(context, path, &text);
	struct MHD_Response *response = MHD_create_response_from_buffer(
	        text.len, (void *)buffer_view(&text).data, MHD_RESPMEM_MUST_COPY);
	buffer_release(&text);
	if (!response)
		return MHD_NO;
	MHD_add_response_header(
	        response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
	enum MHD_Result result = MHD_queue_response(connection, code, response);
	MHD_destroy_response(response);
	return result;
}

static enum status resolve(const char *listen, struct addrinfo **ret, struct error *err)
{
	const char *colon = strrchr(listen, ':');
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};

	if (!colon || colon == listen || !colon[1])
		return error_set(err, STATUS_REJECT, "invalid_option",
		        "--listen %s: give HOST:PORT, such as 127.0.0.1:9464", listen);
	bool bracketed = *listen == '[' && colon[-1] == ']';
	char *host = memory_copy(listen + bracketed, (size_t)(colon - listen) - 2 * (size_t)bracketed);
	int code = getaddrinfo(host, colon + 1, &hints, ret);
	free(host);
	return code ? error_set(err, STATUS_REJECT, "invalid_option", "--listen %s: %s", listen,
	                      gai_strerror(code))
	            : STATUS_OK;
}

enum status health_open(
        const char *listen, const struct health_source *source, struct health **ret, struct error *err)
{
	struct addrinfo *address;
	enum status status = resolve(listen, &address, err);

	if (status != STATUS_OK)
		return status;
	struct health *health = memory_alloc(sizeof(*health));
	health->source = *source;
	/* AUTO: not select(), which a process with more than 1,024 open files cannot use */
	unsigned flags = MHD_USE_AUTO_INTERNAL_THREAD | (address->ai_family == AF_INET6 ? MHD_USE_IPv6 : 0);
	health->daemon = MHD_start_daemon(flags, 0, NULL, NULL, answer, health, MHD_OPTION_SOCK_ADDR,
	        address->ai_addr, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
	        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)CONNECTION_SECONDS, MHD_OPTION_END);
	freeaddrinfo(address);
	if (!health->daemon) {
		free(health);
		return error_set(err, STATUS_REJECT, "listen_failed",
		        "--listen %s: cannot listen there; is it taken?", listen);
	}
	*ret = health;
	return STATUS_OK;
}

void health_close(struct health *health)
{
	if (!health)
		return;
	MHD_stop_daemon(health->daemon);
	free(health);
}
