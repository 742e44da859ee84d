#ifndef ENGINE_HTTP_HOST_H
#define ENGINE_HTTP_HOST_H

#include "base/error.h"

#include <stdbool.h>

/* HOST:PORT, of IPv6 [HOST]:PORT, in its two parts, without brackets; both are the caller's to free(). */
must_check enum status listen_parse(const char *listen, char **ret_host, char **ret_port, struct error *err);

/* Whether a Host header (NULL: there is none) names this server; see http_spec.hosts. Any port will do. */
bool host_is_allowed(const char *header, const char *listen_host, const char *const *names);

#endif
