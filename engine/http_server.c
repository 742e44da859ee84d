#include "engine/http_server.h"

#include "base/memory.h"
#include "engine/http_host.h"
#include "engine/http_watch.h"

#include <assert.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	CONNECTION_MEMORY = 16 << 10,
	BROADCAST_BLOCK = 4096,
	BROADCAST_QUIET_MS = 15000, /* a comment keeps proxies from closing it, and shows who is gone */
	BROADCAST_STUCK_SECONDS = 45,
	MESSAGE_MAX = 512,
};

struct http_server {
	struct MHD_Daemon *daemon;
	struct http_spec spec;
	struct http_watch *watch;
	char *host; /* what it listens on */
	_Atomic uint64_t answered[6];
};

struct http_request {
	const struct http_server *server;
	struct MHD_Connection *connection;
	const struct http_route *route;
	const char *path, *rest;
};

const char *http_path(const struct http_request *request)
{
	return request->path;
}

const char *http_rest(const struct http_request *request)
{
	return request->rest;
}

const char *http_argument(const struct http_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

static const char *request_header(const struct http_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

void http_refuse(const struct http_request *request, struct http_response *response, unsigned code,
        const char *error_code, const char *format, ...)
{
	const struct http_spec *spec = &request->server->spec;
	char message[MESSAGE_MAX];
	va_list list;

	va_start(list, format);
	vsnprintf(message, sizeof(message), format, list);
	va_end(list);
	buffer_clear(&response->body);
	*response = (struct http_response){
	        .code = code, .content_type = "text/plain; charset=utf-8", .body = response->body};
	if (spec->refuse) {
		spec->refuse(spec->context, request, error_code, message, response);
		return;
	}
	buffer_add_text(&response->body, message);
	buffer_add_text(&response->body, "\n");
}

static void find_route(struct http_request *request)
{
	const struct http_route *route = request->server->spec.routes;
	size_t best = 0;

	for (; route->path; route++) {
		size_t len = strlen(route->path);
		bool folder = route->path[len - 1] == '/';
		if (len <= best || strncmp(route->path, request->path, folder ? len : len + 1) != 0)
			continue;
		best = len;
		request->route = route;
		request->rest = request->path + (folder ? len : 0);
	}
}

/* Of the query: whether all is known and is text. */
struct arguments {
	const struct http_request *request;
	const char *unknown;
	bool binary;
};

static enum MHD_Result check_argument(void *context, enum MHD_ValueKind kind, const char *name,
        size_t name_size, const char *value, size_t value_size)
{
	struct arguments *arguments = context;
	const char *const *known = arguments->request->route->arguments;

	(void)kind;
	if (strlen(name) != name_size || (value && strlen(value) != value_size))
		arguments->binary = true;
	while (known && *known && strcmp(*known, name) != 0)
		known++;
	if (known && !*known)
		arguments->unknown = name;
	return MHD_YES;
}

static bool refuse_arguments(const struct http_request *request, struct http_response *response)
{
	struct arguments arguments = {.request = request};

	MHD_get_connection_values_n(request->connection, MHD_GET_ARGUMENT_KIND, check_argument, &arguments);
	if (arguments.binary)
		http_refuse(request, response, MHD_HTTP_BAD_REQUEST, "invalid_argument",
		        "the query has a NUL in it");
	else if (arguments.unknown)
		http_refuse(request, response, MHD_HTTP_BAD_REQUEST, "invalid_argument",
		        "there is no argument '%.60s' here", arguments.unknown);
	return arguments.binary || arguments.unknown;
}

static bool has_body(const struct http_request *request)
{
	const char *length = request_header(request, MHD_HTTP_HEADER_CONTENT_LENGTH);

	return request_header(request, MHD_HTTP_HEADER_TRANSFER_ENCODING) ||
	       (length && strcmp(length, "0") != 0);
}

static void respond(struct http_request *request, const char *method, struct http_response *response)
{
	const struct http_server *server = request->server;
	const char *host = request_header(request, MHD_HTTP_HEADER_HOST);

	if (server->spec.hosts && !host_is_allowed(host, server->host, server->spec.hosts)) {
		http_refuse(request, response, 421, "unknown_host",
		        "this server is not called '%.100s': where that name is right, start it with --host",
		        host ? host : "");
	} else if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
		http_refuse(request, response, MHD_HTTP_METHOD_NOT_ALLOWED, "method_not_allowed",
		        "this server is for reading: GET and HEAD only");
		response->allow = "GET, HEAD";
	} else if (has_body(request)) {
		http_refuse(request, response, MHD_HTTP_BAD_REQUEST, "invalid_request",
		        "a request for reading has no body");
	} else if (find_route(request), !request->route) {
		http_refuse(
		        request, response, MHD_HTTP_NOT_FOUND, "not_found", "there is nothing at this path");
	} else if (!refuse_arguments(request, response)) {
		request->route->handle(server->spec.context, request, response);
		if (response->body.full)
			http_refuse(request, response, MHD_HTTP_INTERNAL_SERVER_ERROR, "too_large",
			        "the answer would be larger than %zu bytes: ask for less",
			        response->body.max);
	}
}

static ssize_t read_listener(void *listener, uint64_t position, char *data, size_t max)
{
	int64_t len = listener_read(listener, BROADCAST_QUIET_MS, data, max);

	(void)position;
	if (len < 0)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (len > 0)
		return (ssize_t)len;
	memcpy(data, ":\n\n", 3);
	return 3;
}

static void end_listener(void *listener)
{
	listener_leave(listener);
}

/* NULL: there are too many listeners. */
static struct MHD_Response *make_broadcast(
        const struct http_request *request, const struct http_response *response)
{
	const union MHD_ConnectionInfo *info =
	        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct listener *listener =
	        listener_join(response->broadcast, info->connect_fd, buffer_view(&response->body));

	if (!listener)
		return NULL;
	MHD_set_connection_option(
	        request->connection, MHD_CONNECTION_OPTION_TIMEOUT, BROADCAST_STUCK_SECONDS);
	info = MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	http_watch_set(info->socket_context, WATCH_FOR_EVER);
	return MHD_create_response_from_callback(
	        MHD_SIZE_UNKNOWN, BROADCAST_BLOCK, read_listener, listener, end_listener);
}

static struct MHD_Response *make_response(
        const struct http_request *request, bool head, struct http_response *response)
{
	const char *seen = request_header(request, MHD_HTTP_HEADER_IF_NONE_MATCH);

	if (response->code == MHD_HTTP_OK && response->etag && seen && strstr(seen, response->etag)) {
		response->code = MHD_HTTP_NOT_MODIFIED;
		return MHD_create_response_from_buffer(0, "", MHD_RESPMEM_PERSISTENT);
	}
	if (response->broadcast && !head) {
		struct MHD_Response *made = make_broadcast(request, response);
		if (made)
			return made;
		http_refuse(request, response, MHD_HTTP_SERVICE_UNAVAILABLE, "busy",
		        "too many are listening already: try again later");
	}
	if (response->fixed.data)
		return MHD_create_response_from_buffer(
		        response->fixed.len, (void *)response->fixed.data, MHD_RESPMEM_PERSISTENT);
	struct view body = buffer_view(&response->body);
	return MHD_create_response_from_buffer(body.len, (void *)body.data, MHD_RESPMEM_MUST_COPY);
}

static void add_headers(
        const struct http_spec *spec, const struct http_response *response, struct MHD_Response *made)
{
	MHD_add_response_header(made, MHD_HTTP_HEADER_CONTENT_TYPE, response->content_type);
	MHD_add_response_header(made, MHD_HTTP_HEADER_CACHE_CONTROL,
	        response->cache_control ? response->cache_control : "no-store");
	if (response->etag)
		MHD_add_response_header(made, MHD_HTTP_HEADER_ETAG, response->etag);
	if (response->allow)
		MHD_add_response_header(made, MHD_HTTP_HEADER_ALLOW, response->allow);
	/* who is refused for want of room does not keep any: connections are few, too */
	if (response->broadcast || response->code == MHD_HTTP_SERVICE_UNAVAILABLE)
		MHD_add_response_header(made, MHD_HTTP_HEADER_CONNECTION, "close");
	for (const struct http_header *header = spec->headers; header && header->name; header++)
		MHD_add_response_header(made, header->name, header->value);
}

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *path,
        const char *method, const char *version, const char *upload, size_t *upload_size, void **per_request)
{
	struct http_server *server = context;
	struct http_request request = {.server = server, .connection = connection, .path = path, .rest = ""};
	struct http_response response = {.code = MHD_HTTP_OK, .content_type = "text/plain; charset=utf-8"};
	bool head = strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;

	(void)version, (void)upload, (void)upload_size;
	if (!*per_request && !has_body(&request)) { /* its head: a body is not waited for */
		*per_request = server;
		return MHD_YES;
	}
	const union MHD_ConnectionInfo *info =
	        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	http_watch_set(info->socket_context, server->spec.request_seconds * INT64_C(1000));
	buffer_init(&response.body, server->spec.body_max);
	respond(&request, method, &response);
	struct MHD_Response *made = make_response(&request, head, &response);
	enum MHD_Result result = MHD_NO;
	if (made) {
		add_headers(&server->spec, &response, made);
		result = MHD_queue_response(connection, response.code, made);
		MHD_destroy_response(made);
		atomic_fetch_add(&server->answered[response.code / 100], 1);
	}
	buffer_release(&response.body);
	return result;
}

static void note_connection(void *context, struct MHD_Connection *connection, void **watched,
        enum MHD_ConnectionNotificationCode code)
{
	struct http_server *server = context;

	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		*watched = http_watch_add(server->watch,
		        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd,
		        server->spec.request_seconds * INT64_C(1000));
	else
		http_watch_remove(*watched);
}

/* The next request, or none, has its time from here. */
static void note_completed(void *context, struct MHD_Connection *connection, void **per_request,
        enum MHD_RequestTerminationCode code)
{
	struct http_server *server = context;

	(void)per_request, (void)code;
	http_watch_set(
	        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context,
	        server->spec.request_seconds * INT64_C(1000));
}

static enum status resolve(const char *listen, char **ret_host, struct addrinfo **ret, struct error *err)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
	char *host, *port;

	if (listen_parse(listen, &host, &port, err) != STATUS_OK)
		return err->status;
	int code = getaddrinfo(host, port, &hints, ret);
	free(port);
	if (!code) {
		*ret_host = host;
		return STATUS_OK;
	}
	free(host);
	return error_set(err, STATUS_REJECT, "invalid_option", "--listen %s: %s", listen, gai_strerror(code));
}

static void default_limits(struct http_spec *spec)
{
	spec->body_max = spec->body_max ? spec->body_max : 4 << 20;
	spec->connections_max = spec->connections_max ? spec->connections_max : 32;
	spec->idle_seconds = spec->idle_seconds ? spec->idle_seconds : 10;
	spec->request_seconds = spec->request_seconds ? spec->request_seconds : 60;
	spec->request_max = spec->request_max ? spec->request_max : CONNECTION_MEMORY;
}

enum status http_open(
        const char *listen, const struct http_spec *spec, struct http_server **ret, struct error *err)
{
	struct addrinfo *address = NULL;
	char *host = NULL;

	if (resolve(listen, &host, &address, err) != STATUS_OK)
		return err->status;
	struct http_server *server = memory_alloc(sizeof(*server));
	server->spec = *spec;
	server->host = host;
	server->watch = http_watch_new();
	default_limits(&server->spec);
	/* AUTO: not select(), which a process with more than 1,024 open files cannot use */
	unsigned flags = MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION |
	                 (address->ai_family == AF_INET6 ? MHD_USE_IPv6 : 0);
	server->daemon = MHD_start_daemon(flags, 0, NULL, NULL, answer, server, MHD_OPTION_SOCK_ADDR,
	        address->ai_addr, MHD_OPTION_CONNECTION_LIMIT, server->spec.connections_max,
	        MHD_OPTION_CONNECTION_TIMEOUT, server->spec.idle_seconds, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
	        server->spec.request_max, MHD_OPTION_NOTIFY_CONNECTION, note_connection, server,
	        MHD_OPTION_NOTIFY_COMPLETED, note_completed, server, MHD_OPTION_END);
	freeaddrinfo(address);
	if (!server->daemon) {
		http_close(server);
		return error_set(err, STATUS_REJECT, "listen_failed",
		        "--listen %s: cannot listen there; is it taken?", listen);
	}
	*ret = server;
	return STATUS_OK;
}

void http_close(struct http_server *server)
{
	if (!server)
		return;
	if (server->daemon)
		MHD_stop_daemon(server->daemon);
	http_watch_free(server->watch);
	free(server->host);
	free(server);
}

unsigned http_port(const struct http_server *server)
{
	return MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}

void http_counts(struct http_server *server, struct http_counts *ret)
{
	for (size_t i = 0; i < 6; i++)
		ret->answered[i] = atomic_load(&server->answered[i]);
	ret->connections =
	        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections;
}
