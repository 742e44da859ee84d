#include "engine/http_host.h"

#include "base/memory.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { HOST_MAX = 255 };

enum status listen_parse(const char *listen, char **ret_host, char **ret_port, struct error *err)
{
	const char *colon = strrchr(listen, ':');

	if (!colon || colon == listen || !colon[1])
		return error_set(err, STATUS_REJECT, "invalid_option",
		        "--listen %s: give HOST:PORT, such as 127.0.0.1:9464", listen);
	size_t bracketed = *listen == '[' && colon[-1] == ']';
	*ret_host = memory_copy(listen + bracketed, (size_t)(colon - listen) - 2 * bracketed);
	*ret_port = memory_text(colon + 1);
	return STATUS_OK;
}

/* The header without port and brackets; false where it has not the form of one. */
static bool host_part(const char *header, char host[HOST_MAX + 1])
{
	const char *end = *header == '[' ? strchr(header, ']') : strchr(header, ':');
	const char *start = header + (*header == '[');

	if (!end && *header == '[')
		return false;
	if (!end)
		end = header + strlen(header);
	size_t len = (size_t)(end - start);
	const char *port = end + (*end == ']');
	if (len == 0 || len > HOST_MAX ||
	        (*port && (*port != ':' || port[1 + strspn(port + 1, "0123456789")])))
		return false;
	memcpy(host, start, len);
	host[len] = '\0';
	return true;
}

static bool is_wildcard(const char *host)
{
	return strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

/* Addresses that a name server cannot make stand for somebody else: a page's origin is then the address. */
static bool is_literal(const char *host, bool loopback_only)
{
	struct in6_addr six;
	struct in_addr four;

	if (inet_pton(AF_INET, host, &four) == 1)
		return !loopback_only || ntohl(four.s_addr) >> 24 == 127;
	if (inet_pton(AF_INET6, host, &six) == 1)
		return !loopback_only || IN6_IS_ADDR_LOOPBACK(&six);
	return false;
}

bool host_is_allowed(const char *header, const char *listen_host, const char *const *names)
{
	char host[HOST_MAX + 1];

	if (!header || !host_part(header, host))
		return false;
	if (strcasecmp(host, "localhost") == 0 || strcasecmp(host, listen_host) == 0 ||
	        is_literal(host, !is_wildcard(listen_host)))
		return true;
	for (; *names; names++)
		if (strcasecmp(host, *names) == 0)
			return true;
	return false;
}
