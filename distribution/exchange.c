/* One request as curl sees it. */
#include "distribution/exchange.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	SECRET_MAX = 4096,
	HEADERS_BYTES_MAX = 64 << 10,
	DISCARD_MAX = 1 << 20, /* of an answer that nobody wants to read */
	SMALL_BODY = 1 << 20,
	READ_BUFFER = 256 << 10,
};

/* ---- what curl calls */

static size_t on_read(char *data, size_t size, size_t count, void *context)
{
	struct exchange *exchange = context;
	struct request *request = exchange->request;
	uint64_t total = request->body.data ? request->body.len : request->body_size;
	uint64_t left = total - exchange->sent;
	size_t len = size * count < left ? size * count : (size_t)left;

	if (len && !(len = pace_piece(request->pace, clock_monotonic_ms(), len))) {
		exchange->paced = *exchange->any_paced = true;
		return CURL_READFUNC_PAUSE;
	}
	if (request->body.data) {
		memcpy(data, request->body.data + exchange->sent, len);
	} else {
		ssize_t got = pread(request->body_fd, data, len, (off_t)exchange->sent);
		if (got < 0 || (got == 0 && len > 0)) {
			snprintf(exchange->words, sizeof(exchange->words), "reading what to send: %s",
			        got < 0 ? strerror(errno) : "the file became shorter");
			exchange->broken_by = REQUEST_NO_BODY;
			return CURL_READFUNC_ABORT;
		}
		len = (size_t)got;
	}
	exchange->sent += len;
	pace_spend(request->pace, len);
	return len;
}

/* curl starts over where a kept connection turned out to be dead. */
static int on_seek(void *context, curl_off_t offset, int origin)
{
	struct exchange *exchange = context;

	if (origin != SEEK_SET || offset < 0)
		return CURL_SEEKFUNC_FAIL;
	exchange->sent = (uint64_t)offset;
	return CURL_SEEKFUNC_OK;
}

static bool is_success(struct exchange *exchange)
{
	long code = 0;

	curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &code);
	exchange->request->answer.code = (int)code; /* for receive() */
	return code >= 200 && code < 300;
}

/* Reads what is not wanted too, within reason: so that the connection can be used again. */
static size_t discard(struct exchange *exchange, size_t len)
{
	exchange->discarded += len;
	exchange->enough = exchange->discarded > DISCARD_MAX;
	return exchange->enough ? 0 : len;
}

static size_t keep(struct exchange *exchange, const char *data, size_t len)
{
	buffer_add(&exchange->kept, data, len);
	if (exchange->kept.full)
		exchange->broken_by = REQUEST_TOO_LARGE;
	return exchange->kept.full ? 0 : len;
}

static size_t on_write(char *data, size_t size, size_t count, void *context)
{
	struct exchange *exchange = context;
	struct request *request = exchange->request;
	size_t len = size * count;

	if (!is_success(exchange) || (!request->receive && !request->answer_max))
		return discard(exchange, len);
	if (!request->receive)
		return keep(exchange, data, len);
	if (!pace_piece(request->pace, clock_monotonic_ms(), len)) {
		exchange->paced = *exchange->any_paced = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	switch (request->receive(request, data, len)) {
	case RECEIVED_TAKEN:
		pace_spend(request->pace, len);
		return len;
	case RECEIVED_LATER:
		exchange->waiting = true;
		return CURL_WRITEFUNC_PAUSE;
	default:
		exchange->broken_by = REQUEST_STOPPED;
		return 0;
	}
}

static size_t on_header(char *data, size_t size, size_t count, void *context)
{
	struct exchange *exchange = context;
	long long start;
	char line[64];

	exchange->header_bytes += size * count;
	if (exchange->header_bytes > HEADERS_BYTES_MAX) {
		exchange->broken_by = REQUEST_TOO_LARGE;
		return 0;
	}
	snprintf(line, sizeof(line), "%.*s", (int)(size * count), data);
	if (strncasecmp(line, "content-range:", 14) == 0 && sscanf(line + 14, " bytes %lld-", &start) == 1)
		exchange->request->answer.range_start = start;
	return size * count;
}

static int on_progress(
        void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
	struct exchange *exchange = context;
	uint64_t bytes = (uint64_t)down + (uint64_t)up;

	(void)down_total, (void)up_total;
	if (bytes == exchange->moved_bytes)
		return 0;
	exchange->moved_bytes = bytes;
	exchange->moved_ms = clock_monotonic_ms();
	if (exchange->request->moved)
		exchange->request->moved(
		        exchange->request, exchange->request->has_body ? (uint64_t)up : (uint64_t)down);
	return 0;
}

/* ---- starting */

static void add_header(struct exchange *exchange, const char *line)
{
	struct curl_slist *headers = curl_slist_append(exchange->headers, line);

	if (!headers)
		abort();
	exchange->headers = headers;
}

/* One line: user:password, or "Bearer TOKEN". */
static bool set_credentials(struct exchange *exchange, const char *path)
{
	char secret[SECRET_MAX + 1], header[SECRET_MAX + 32];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, secret, SECRET_MAX);
	int why = errno;

	if (fd >= 0)
		close(fd);
	if (len >= 0) {
		secret[len] = '\0';
		secret[strcspn(secret, "\r\n")] = '\0';
	}
	bool is_bearer = len > 0 && strncmp(secret, "Bearer ", 7) == 0;
	if (len < 0 || (!is_bearer && !strchr(secret, ':'))) {
		snprintf(exchange->words, sizeof(exchange->words), "credentials_file %.120s: %s", path,
		        len < 0 ? strerror(why) : "has no line user:password or \"Bearer TOKEN\"");
		return false;
	}
	if (is_bearer) {
		snprintf(header, sizeof(header), "Authorization: %s", secret);
		add_header(exchange, header);
	} else {
		curl_easy_setopt(exchange->easy, CURLOPT_USERPWD, secret);
		curl_easy_setopt(exchange->easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
	}
	explicit_bzero(secret, sizeof(secret));
	explicit_bzero(header, sizeof(header));
	return true;
}

static void set_body(struct exchange *exchange)
{
	const struct request *request = exchange->request;
	uint64_t size = request->body.data ? request->body.len : request->body_size;

	curl_easy_setopt(exchange->easy, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(exchange->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)size);
	curl_easy_setopt(exchange->easy, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(exchange->easy, CURLOPT_READDATA, exchange);
	curl_easy_setopt(exchange->easy, CURLOPT_SEEKFUNCTION, on_seek);
	curl_easy_setopt(exchange->easy, CURLOPT_SEEKDATA, exchange);
	curl_easy_setopt(exchange->easy, CURLOPT_UPLOAD_BUFFERSIZE, size > SMALL_BODY ? 1L << 20 : 64L << 10);
	if (size <= SMALL_BODY)
		add_header(exchange, "Expect:");
}

static void set_method(struct exchange *exchange)
{
	const char *method = exchange->request->method;

	if (strcmp(method, "HEAD") == 0)
		curl_easy_setopt(exchange->easy, CURLOPT_NOBODY, 1L);
	else if (strcmp(method, "GET") != 0)
		curl_easy_setopt(exchange->easy, CURLOPT_CUSTOMREQUEST, method);
	if (exchange->request->has_body)
		set_body(exchange);
}

static void set_limits(struct exchange *exchange)
{
	CURL *easy = exchange->easy;

	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)exchange->options->connect_timeout_ms);
	curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(
	        easy, CURLOPT_BUFFERSIZE, exchange->request->receive ? (long)READ_BUFFER : 16L << 10);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "holdpoint/" HOLDPOINT_VERSION);
}

static void set_callbacks(struct exchange *exchange)
{
	CURL *easy = exchange->easy;

	curl_easy_setopt(easy, CURLOPT_PRIVATE, exchange);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->words);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
	curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(easy, CURLOPT_XFERINFODATA, exchange);
	curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
}

bool exchange_prepare(struct exchange *exchange)
{
	struct request *request = exchange->request;

	set_limits(exchange);
	set_callbacks(exchange);
	set_method(exchange);
	curl_easy_setopt(exchange->easy, CURLOPT_URL, request->url);
	if (request->tls_ca_file)
		curl_easy_setopt(exchange->easy, CURLOPT_CAINFO, request->tls_ca_file);
	for (size_t i = 0; i < REQUEST_HEADERS_MAX && request->headers[i]; i++)
		add_header(exchange, request->headers[i]);
	if (request->credentials_file && !set_credentials(exchange, request->credentials_file))
		return false;
	curl_easy_setopt(exchange->easy, CURLOPT_HTTPHEADER, exchange->headers);
	return true;
}

/* ---- the answer */

bool exchange_was_sent(const struct exchange *exchange)
{
	curl_off_t connected_us = 0;

	curl_easy_getinfo(exchange->easy, CURLINFO_PRETRANSFER_TIME_T, &connected_us);
	return connected_us > 0;
}

enum request_outcome exchange_judge(const struct exchange *exchange, CURLcode result)
{
	if (exchange->broken_by != REQUEST_ANSWERED)
		return exchange->broken_by;
	if (result == CURLE_OK || exchange->enough)
		return REQUEST_ANSWERED;
	switch (result) {
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return REQUEST_NOT_SENT;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
		return REQUEST_UNREACHABLE;
	case CURLE_OPERATION_TIMEDOUT:
		return exchange_was_sent(exchange) ? REQUEST_TIMED_OUT : REQUEST_UNREACHABLE;
	default:
		return exchange_was_sent(exchange) ? REQUEST_BROKEN : REQUEST_UNREACHABLE;
	}
}

void exchange_read_answer(struct exchange *exchange)
{
	struct request *request = exchange->request;
	struct curl_header *etag = NULL;
	curl_off_t length = -1, retry_after = 0;
	char *location = NULL;
	long code = 0;

	curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &code);
	curl_easy_getinfo(exchange->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	curl_easy_getinfo(exchange->easy, CURLINFO_RETRY_AFTER, &retry_after);
	curl_easy_getinfo(exchange->easy, CURLINFO_REDIRECT_URL, &location);
	request->answer.code = (int)code;
	request->answer.content_length = length;
	request->answer.retry_after_ms = retry_after > 86400 ? 86400000 : retry_after * 1000;
	snprintf(request->answer.location, sizeof(request->answer.location), "%s", location ? location : "");
	if (curl_easy_header(exchange->easy, "ETag", 0, CURLH_HEADER, -1, &etag) == CURLHE_OK &&
	        strlen(etag->value) < sizeof(request->answer.etag))
		snprintf(request->answer.etag, sizeof(request->answer.etag), "%s", etag->value);
}
