/* HTTP requests on one curl_multi. An exchange is a request under way: its curl handle, what it has moved,
 * and since when it has not. */
#include "distribution/pump.h"

#include "base/clock.h"
#include "base/memory.h"

#include <assert.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	IDLE_HANDLES_MAX = 64,
	CONNECTIONS_MAX = 512,
	FDS_MAX = 8,
	SECRET_MAX = 4096,
	HEADERS_BYTES_MAX = 64 << 10,
	DISCARD_MAX = 1 << 20, /* of an answer that nobody wants to read */
	SMALL_BODY = 1 << 20,
	READ_BUFFER = 256 << 10,
	SWEEP_MS = 100, /* how often stalls are looked for */
	PACE_MS = 20,   /* how often paused requests are looked at */
};

struct exchange {
	struct request *request;
	struct pump *pump;
	CURL *easy;
	struct curl_slist *headers;
	struct exchange *next, **self; /* in pump->active or pump->ended */
	uint64_t sent, discarded;      /* sent: offset in the body of what curl asks for next */
	size_t header_bytes;
	struct buffer kept;
	int64_t moved_ms; /* when a byte last moved */
	uint64_t moved_bytes, window_bytes;
	int64_t window_ms;   /* when the low-speed window began, and with how many bytes */
	bool paced, waiting; /* paused for its pace; paused by receive() */
	bool enough;         /* the rest of the answer is not wanted */
	bool added;
	enum request_outcome broken_by; /* why a callback of ours ended it; ANSWERED: none did */
	char words[CURL_ERROR_SIZE];
};

struct pump {
	CURLM *multi;
	struct pump_options options;
	struct exchange *active, *ended;
	CURL *idle[IDLE_HANDLES_MAX];
	size_t idle_count;
	int64_t swept_ms;
	bool any_paced;
};

struct pump *pump_new(const struct pump_options *options)
{
	struct pump *pump = memory_alloc(sizeof(*pump));

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0 || !(pump->multi = curl_multi_init()))
		abort();
	pump->options = *options;
	curl_multi_setopt(pump->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_MAX);
	curl_multi_setopt(pump->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)CONNECTIONS_MAX);
	return pump;
}

void pump_free(struct pump *pump)
{
	if (!pump)
		return;
	assert(!pump->active && !pump->ended);
	for (size_t i = 0; i < pump->idle_count; i++)
		curl_easy_cleanup(pump->idle[i]);
	curl_multi_cleanup(pump->multi);
	curl_global_cleanup();
	free(pump);
}

static void link_exchange(struct exchange **list, struct exchange *exchange)
{
	exchange->next = *list;
	exchange->self = list;
	if (*list)
		(*list)->self = &exchange->next;
	*list = exchange;
}

static void unlink_exchange(struct exchange *exchange)
{
	*exchange->self = exchange->next;
	if (exchange->next)
		exchange->next->self = exchange->self;
}

/* ---- what curl calls */

static size_t on_read(char *data, size_t size, size_t count, void *context)
{
	struct exchange *exchange = context;
	struct request *request = exchange->request;
	uint64_t total = request->body.data ? request->body.len : request->body_size;
	uint64_t left = total - exchange->sent;
	size_t len = size * count < left ? size * count : (size_t)left;

	if (len && !(len = pace_piece(request->pace, clock_monotonic_ms(), len))) {
		exchange->paced = exchange->pump->any_paced = true;
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
		exchange->paced = exchange->pump->any_paced = true;
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
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)exchange->pump->options.connect_timeout_ms);
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

static bool prepare(struct exchange *exchange)
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

static void end_exchange(struct exchange *exchange, enum request_outcome outcome)
{
	exchange->request->answer.outcome = outcome;
	if (exchange->added)
		curl_multi_remove_handle(exchange->pump->multi, exchange->easy);
	exchange->added = false;
	unlink_exchange(exchange);
	link_exchange(&exchange->pump->ended, exchange);
}

void pump_submit(struct pump *pump, struct request *request)
{
	struct exchange *exchange = memory_alloc(sizeof(*exchange));

	memset(&request->answer, 0, sizeof(request->answer));
	request->answer.content_length = request->answer.range_start = -1;
	request->exchange = exchange;
	exchange->request = request;
	exchange->pump = pump;
	exchange->easy = pump->idle_count ? pump->idle[--pump->idle_count] : curl_easy_init();
	if (!exchange->easy)
		abort();
	exchange->moved_ms = exchange->window_ms = clock_monotonic_ms();
	buffer_init(&exchange->kept, request->answer_max);
	link_exchange(&pump->active, exchange);
	exchange->added = prepare(exchange) && curl_multi_add_handle(pump->multi, exchange->easy) == CURLM_OK;
	if (!exchange->added)
		end_exchange(exchange, REQUEST_NOT_SENT);
}

void pump_cancel(struct pump *pump, struct request *request)
{
	(void)pump;
	if (request->exchange->added)
		end_exchange(request->exchange, REQUEST_CANCELED);
}

void pump_resume(struct pump *pump, struct request *request)
{
	(void)pump;
	struct exchange *exchange = request->exchange;
	if (!exchange->added || !exchange->waiting)
		return;
	exchange->waiting = false;
	exchange->moved_ms = clock_monotonic_ms();
	if (!exchange->paced)
		curl_easy_pause(exchange->easy, CURLPAUSE_CONT);
}

/* ---- ending */

static bool was_sent(CURL *easy)
{
	curl_off_t connected_us = 0;

	curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &connected_us);
	return connected_us > 0;
}

static enum request_outcome judge(const struct exchange *exchange, CURLcode result)
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
		return was_sent(exchange->easy) ? REQUEST_TIMED_OUT : REQUEST_UNREACHABLE;
	default:
		return was_sent(exchange->easy) ? REQUEST_BROKEN : REQUEST_UNREACHABLE;
	}
}

static void read_answer(struct exchange *exchange)
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

static void take_messages(struct pump *pump)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(pump->multi, &left))) {
		struct exchange *exchange;
		CURLcode result = message->data.result;
		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&exchange);
		if (!exchange->words[0] && result != CURLE_OK)
			snprintf(exchange->words, sizeof(exchange->words), "%s", curl_easy_strerror(result));
		read_answer(exchange);
		end_exchange(exchange, judge(exchange, result));
	}
}

static void recycle(struct exchange *exchange)
{
	struct pump *pump = exchange->pump;

	curl_slist_free_all(exchange->headers);
	curl_easy_reset(exchange->easy);
	if (pump->idle_count < IDLE_HANDLES_MAX)
		pump->idle[pump->idle_count++] = exchange->easy;
	else
		curl_easy_cleanup(exchange->easy);
	buffer_release(&exchange->kept);
	free(exchange);
}

static void answer_ended(struct pump *pump)
{
	while (pump->ended) {
		struct exchange *exchange = pump->ended;
		struct request *request = exchange->request;
		unlink_exchange(exchange);
		snprintf(request->answer.words, sizeof(request->answer.words), "%s", exchange->words);
		if (request->answer_max && request->answer.outcome == REQUEST_ANSWERED) {
			request->answer.len = exchange->kept.len;
			request->answer.body = memory_copy(exchange->kept.data, exchange->kept.len);
		}
		recycle(exchange);
		request->exchange = NULL;
		request->done(request);
	}
}

/* ---- time */

/* Slower than wanted over a whole window; silence is the stall time-out's business. */
static bool is_too_slow(struct exchange *exchange, int64_t now)
{
	const struct pump_options *options = &exchange->pump->options;
	int64_t passed = now - exchange->window_ms;
	bool silent = now - exchange->moved_ms >= options->low_speed_ms;

	if (!options->low_speed_bytes || !options->low_speed_ms || passed < options->low_speed_ms)
		return false;
	uint64_t moved = exchange->moved_bytes - exchange->window_bytes;
	exchange->window_ms = now;
	exchange->window_bytes = exchange->moved_bytes;
	return !silent && (double)moved * 1000 < (double)options->low_speed_bytes * (double)passed;
}

/* Time that passes while we ourselves hold a request back is not the server's. */
static void excuse(struct exchange *exchange, int64_t now)
{
	const struct pace *pace = exchange->request->pace;
	bool held = exchange->waiting || exchange->paced;

	if (held)
		exchange->moved_ms = now;
	if (held || (pace && pace->bytes_per_second)) {
		exchange->window_ms = now;
		exchange->window_bytes = exchange->moved_bytes;
	}
}

static void sweep_one(struct exchange *exchange, int64_t now)
{
	int64_t patience = exchange->pump->options.stall_timeout_ms + exchange->request->patience_ms;

	excuse(exchange, now);
	if (now - exchange->moved_ms > patience)
		snprintf(exchange->words, sizeof(exchange->words), "no byte moved for %lld ms",
		        (long long)(now - exchange->moved_ms));
	else if (is_too_slow(exchange, now))
		snprintf(exchange->words, sizeof(exchange->words), "slower than %lld bytes a second",
		        (long long)exchange->pump->options.low_speed_bytes);
	else
		return;
	end_exchange(exchange, was_sent(exchange->easy) ? REQUEST_TIMED_OUT : REQUEST_UNREACHABLE);
}

static void resume_paced(struct pump *pump, int64_t now)
{
	struct exchange *next;

	pump->any_paced = false;
	for (struct exchange *exchange = pump->active; exchange; exchange = next) {
		next = exchange->next;
		if (!exchange->paced)
			continue;
		if (!pace_piece(exchange->request->pace, now, 1)) {
			pump->any_paced = true;
			continue;
		}
		exchange->paced = false;
		if (!exchange->waiting)
			curl_easy_pause(exchange->easy, CURLPAUSE_CONT);
	}
}

static void look_at_clock(struct pump *pump)
{
	int64_t now = clock_monotonic_ms();
	struct exchange *next;

	if (pump->any_paced)
		resume_paced(pump, now);
	if (now - pump->swept_ms < SWEEP_MS)
		return;
	pump->swept_ms = now;
	for (struct exchange *exchange = pump->active; exchange; exchange = next) {
		next = exchange->next;
		sweep_one(exchange, now);
	}
}

void pump_turn(struct pump *pump, const int *fds, size_t fd_count, int64_t timeout_ms)
{
	struct curl_waitfd extra[FDS_MAX];
	int running;

	assert(fd_count <= FDS_MAX);
	for (size_t i = 0; i < fd_count; i++)
		extra[i] = (struct curl_waitfd){.fd = fds[i], .events = CURL_WAIT_POLLIN};
	if (pump->active && timeout_ms > SWEEP_MS)
		timeout_ms = SWEEP_MS;
	if (pump->any_paced && timeout_ms > PACE_MS)
		timeout_ms = PACE_MS;
	curl_multi_perform(pump->multi, &running);
	take_messages(pump);
	if (!pump->ended)
		curl_multi_poll(pump->multi, extra, (unsigned)fd_count, (int)timeout_ms, NULL);
	curl_multi_perform(pump->multi, &running);
	take_messages(pump);
	look_at_clock(pump);
	answer_ended(pump);
}
