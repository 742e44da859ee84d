/* Operations as HTTP requests. A job is an operation under way: one request after another until its answer
 * decides. */
#include "distribution/http_driver.h"

#include "distribution/layout.h"
#include "distribution/probe.h"
#include "distribution/url.h"

#include "base/memory.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SLOW_BYTES_PER_MS = 10000, /* what a server is expected to copy or store at least */
};

struct http_driver {
	struct driver driver;
	const struct catalogue_point *point;
	struct pump *pump;
	struct agenda *agenda;
	struct pace pace;
	struct probe *probe; /* under way */
	bool probed;
	struct job *held; /* READs of dp.json that wait for it */
};

struct job {
	struct http_driver *http;
	struct operation *operation;
	struct request request;
	char *url, *destination; /* the request's; destination: a whole header line */
	void (*answered)(struct job *job);
	struct digest_stream *digest;
	uint64_t received, moved;
	bool as_folder, parents_made, under_way, canceled;
	const char *parent; /* up to where in path the parents are made; NULL: none is being made */
	struct agenda_entry later;
	struct job *next;
};

static void start(struct job *job);

/* ---- ending */

static int code_of(const struct job *job)
{
	return job->request.answer.outcome == REQUEST_ANSWERED ? job->request.answer.code : 0;
}

static bool is_success(const struct job *job)
{
	return code_of(job) >= 200 && code_of(job) < 300 && code_of(job) != 207;
}

static bool is_missing(const struct job *job)
{
	return code_of(job) == 404 || code_of(job) == 410;
}

static void free_job(struct job *job)
{
	digest_discard(job->digest);
	free(job->request.answer.body);
	free(job->url);
	free(job->destination);
	free(job);
}

static void answer(struct job *job)
{
	struct operation *operation = job->operation;

	free_job(job);
	operation->driver_private = NULL;
	operation->done(operation);
}

static void answer_later(struct agenda_entry *entry)
{
	answer((struct job *)((char *)entry - offsetof(struct job, later)));
}

static bool is_change(const struct job *job)
{
	enum operation_kind kind = job->operation->kind;

	return kind != OPERATION_READ && kind != OPERATION_HASH && kind != OPERATION_STAT;
}

/* Words for a request that got no answer, or none that can be used. */
static enum status judge_silence(struct job *job, struct error *err)
{
	const struct request *request = &job->request;
	const char *words = request->answer.words;

	switch (request->answer.outcome) {
	case REQUEST_UNREACHABLE:
		return error_set(err, STATUS_RETRY, "dp_unreachable", "cannot connect for %s %s: %s",
		        request->method, request->url, words);
	case REQUEST_TIMED_OUT:
		return error_set(
		        err, STATUS_RETRY, "dp_timeout", "%s %s: %s", request->method, request->url, words);
	case REQUEST_NOT_SENT:
		return error_set(err, STATUS_RETRY, "dp_refused", "cannot send %s %s: %s", request->method,
		        request->url, words);
	case REQUEST_NO_BODY:
		return error_set(err, STATUS_REJECT, "source_size", "cannot send %s %s: %s", request->method,
		        request->url, words);
	case REQUEST_TOO_LARGE:
		return error_set(err, STATUS_REJECT, "dp_error",
		        "the answer to %s %s is larger than %zu bytes", request->method, request->url,
		        request->answer_max);
	case REQUEST_CANCELED:
		return error_set(
		        err, STATUS_RETRY, "canceled", "%s %s was canceled", request->method, request->url);
	default:
		return error_set(err, STATUS_RETRY, "dp_unreachable", "the connection broke during %s %s: %s",
		        request->method, request->url, words);
	}
}

static enum status judge_code(struct job *job, struct error *err)
{
	const struct request *request = &job->request;
	const char *method = request->method, *url = request->url;
	int code = request->answer.code;

	if (code >= 300 && code < 400)
		return error_set(err, STATUS_RETRY, "dp_redirects",
		        "%s %s was answered %d, to %s, which is not followed: correct the distribution "
		        "point's url",
		        method, url, code,
		        request->answer.location[0] ? request->answer.location : "nowhere");
	if (code == 401 || code == 403)
		return error_set(err, STATUS_RETRY, "dp_refused",
		        "%s %s was answered %d: check the distribution point's credentials_file%s, and what "
		        "its server allows",
		        method, url, code, job->http->point->credentials_file ? "" : " (none is given)");
	if (code == 405)
		return error_set(err, STATUS_RETRY, "dp_refused",
		        "%s %s was answered 405: its server does not allow %s there", method, url, method);
	if (code == 413)
		return error_set(err, STATUS_RETRY, "dp_refused",
		        "%s %s was answered 413: its server limits the size of what it takes (nginx: "
		        "client_max_body_size)",
		        method, url);
	if (code == 507)
		return error_set(err, STATUS_RETRY, "dp_full",
		        "%s %s was answered 507: no space is left there", method, url);
	return error_set(err, STATUS_RETRY, "dp_error", "%s %s was answered %d", method, url, code);
}

static void fail(struct job *job)
{
	struct operation *operation = job->operation;
	const struct request *request = &job->request;
	enum request_outcome outcome = request->answer.outcome;
	bool no_answer = outcome == REQUEST_BROKEN || outcome == REQUEST_TIMED_OUT ||
	                 outcome == REQUEST_CANCELED || outcome == REQUEST_TOO_LARGE ||
	                 (outcome == REQUEST_ANSWERED && request->answer.code >= 500);

	operation->result.status = outcome == REQUEST_ANSWERED ? judge_code(job, &operation->result.err)
	                                                       : judge_silence(job, &operation->result.err);
	if ((operation->kind == OPERATION_MOVE || operation->kind == OPERATION_COPY) &&
	        (code_of(job) == 405 || code_of(job) == 501))
		operation->result.status = operation->result.err.status = STATUS_REJECT; /* has none */
	operation->result.ambiguous = is_change(job) && no_answer;
	operation->result.retry_after_ms = request->answer.retry_after_ms;
	answer(job);
}

static void succeed(struct job *job)
{
	job->operation->result.status = STATUS_OK;
	answer(job);
}

static void found(struct job *job)
{
	job->operation->result.found = true;
	succeed(job);
}

/* ---- one request */

static void on_done(struct request *request)
{
	struct job *job = request->context;

	job->under_way = false;
	if (job->canceled && request->answer.outcome == REQUEST_ANSWERED && !is_success(job))
		request->answer.outcome = REQUEST_CANCELED;
	job->answered(job);
}

static void on_moved(struct request *request, uint64_t bytes)
{
	struct job *job = request->context;

	if (bytes <= job->moved)
		return; /* again from the start: a folder was missing */
	job->moved = bytes;
	job->operation->moved(job->operation, bytes);
}

static char *url_of(const struct job *job, const char *path, bool folder)
{
	char *plain = url_join(job->http->point->url, path), *url = plain;

	if (folder) {
		url = memory_format("%s/", plain);
		free(plain);
	}
	return url;
}

static void send_request(struct job *job, const char *method, char *url, void (*answered)(struct job *job))
{
	struct operation *operation = job->operation;

	free(job->request.answer.body);
	free(job->url);
	job->url = url;
	job->answered = answered;
	job->request.method = method;
	job->request.url = url;
	job->request.credentials_file = job->http->point->credentials_file;
	job->request.tls_ca_file = job->http->point->tls_ca_file;
	job->request.done = on_done;
	job->request.moved = operation->moved ? on_moved : NULL;
	job->request.context = job;
	job->under_way = true;
	pump_submit(job->http->pump, &job->request);
}

static struct request *fresh_request(struct job *job)
{
	free(job->request.answer.body);
	job->request = (struct request){.body_fd = -1};
	return &job->request;
}

/* ---- folders above */

static void made_parent(struct job *job);

static void make_next_parent(struct job *job)
{
	const char *path = job->operation->path, *end = strchr(job->parent, '/');

	if (!end) {
		job->parent = NULL;
		start(job);
		return;
	}
	char *folder = memory_copy(path, (size_t)(end - path));
	job->parent = end + 1;
	fresh_request(job);
	send_request(job, "MKCOL", url_of(job, folder, true), made_parent);
	free(folder);
}

/* Whatever the server said (405: there already; 403: not for us), the operation itself decides. */
static void made_parent(struct job *job)
{
	if (job->canceled || job->request.answer.outcome != REQUEST_ANSWERED)
		fail(job);
	else
		make_next_parent(job);
}

/* True where the answer may mean that a folder above is missing; then it makes them and starts again. */
static bool make_parents(struct job *job)
{
	int code = code_of(job);
	bool is_copy = job->operation->kind == OPERATION_COPY || job->operation->kind == OPERATION_MOVE;

	/* 500: nginx's answer to a COPY */
	if (job->parents_made || (!is_missing(job) && code != 409 && !(is_copy && code == 500)))
		return false;
	job->parents_made = true;
	job->parent = job->operation->path;
	make_next_parent(job);
	return true;
}

/* ---- reading */

static void answered_read(struct job *job)
{
	struct operation *operation = job->operation;

	if (is_missing(job)) {
		succeed(job);
	} else if (code_of(job) != 200) {
		fail(job);
	} else if (job->request.answer.len > operation->size_max) {
		job->request.answer.outcome = REQUEST_TOO_LARGE;
		fail(job);
	} else {
		operation->result.data = job->request.answer.body;
		operation->result.len = operation->result.size = job->request.answer.len;
		job->request.answer.body = NULL;
		found(job);
	}
}

static const char fresh_copy[] = "Cache-Control: no-cache"; /* not from a cache in between */

static void start_read(struct job *job)
{
	struct request *request = fresh_request(job);

	request->headers[0] = fresh_copy;
	request->answer_max = job->operation->size_max + 1;
	send_request(job, "GET", url_of(job, job->operation->path, false), answered_read);
}

static enum received on_hash(struct request *request, const void *data, size_t len)
{
	struct job *job = request->context;

	digest_add(job->digest, data, len);
	job->received += len;
	return RECEIVED_TAKEN;
}

static void answered_hash(struct job *job)
{
	struct operation *operation = job->operation;

	if (is_missing(job)) {
		succeed(job);
	} else if (code_of(job) != 200) {
		fail(job);
	} else {
		digest_finish(job->digest, operation->result.digest);
		job->digest = NULL;
		operation->result.size = job->received;
		found(job);
	}
}

static void start_hash(struct job *job)
{
	struct request *request = fresh_request(job);

	digest_discard(job->digest);
	job->digest = digest_start();
	job->received = 0;
	request->headers[0] = fresh_copy;
	request->receive = on_hash;
	request->pace = &job->http->pace;
	send_request(job, "GET", url_of(job, job->operation->path, false), answered_hash);
}

/* A folder is answered with a redirect to its name with a '/'. */
static bool is_folder_redirect(const struct job *job)
{
	const char *location = job->request.answer.location;
	size_t len = strlen(location);

	return code_of(job) >= 301 && code_of(job) <= 308 && len > 0 && location[len - 1] == '/' &&
	       len == strlen(job->url) + 1 && strncmp(location, job->url, len - 1) == 0;
}

static void answered_stat(struct job *job)
{
	if (is_missing(job)) {
		succeed(job);
	} else if (is_folder_redirect(job)) {
		found(job);
	} else if (code_of(job) == 405 || code_of(job) == 501 ||
	           (code_of(job) == 200 && job->request.answer.content_length < 0)) {
		start_hash(job); /* no HEAD, or one that tells no size: read it */
	} else if (code_of(job) != 200) {
		fail(job);
	} else {
		job->operation->result.size = (uint64_t)job->request.answer.content_length;
		found(job);
	}
}

static void start_stat(struct job *job)
{
	fresh_request(job)->headers[0] = fresh_copy;
	send_request(job, "HEAD", url_of(job, job->operation->path, false), answered_stat);
}

/* ---- writing */

static void answered_put(struct job *job)
{
	if (is_success(job))
		succeed(job);
	else if (!make_parents(job))
		fail(job);
}

static void start_put(struct job *job)
{
	const struct operation *operation = job->operation;
	struct request *request = fresh_request(job);

	request->has_body = true;
	request->body = operation->kind == OPERATION_WRITE ? operation->data : (struct view){NULL, 0};
	request->body_fd = operation->fd;
	request->body_size = operation->size;
	request->pace = operation->kind == OPERATION_PUT ? &job->http->pace : NULL;
	request->patience_ms = (int64_t)(operation->size / SLOW_BYTES_PER_MS);
	send_request(job, "PUT", url_of(job, operation->path, false), answered_put);
}

static void answered_copy(struct job *job)
{
	struct operation *operation = job->operation;

	if (is_success(job)) {
		found(job);
	} else if (operation->kind == OPERATION_MOVE && !operation->replace && code_of(job) == 412) {
		operation->result.exists = true;
		found(job);
	} else if (operation->kind == OPERATION_MOVE && !job->as_folder &&
	           (code_of(job) == 400 || code_of(job) == 409 || is_folder_redirect(job))) {
		job->as_folder = true; /* nginx wants the '/' */
		start(job);
	} else if (make_parents(job)) {
		return;
	} else if (is_missing(job)) {
		succeed(job);
	} else {
		fail(job);
	}
}

static void start_copy(struct job *job)
{
	const struct operation *operation = job->operation;
	bool is_move = operation->kind == OPERATION_MOVE;
	struct request *request = fresh_request(job);
	char *destination = url_of(job, operation->path, job->as_folder);

	free(job->destination);
	job->destination = memory_format("Destination: %s", destination);
	free(destination);
	request->headers[0] = job->destination;
	request->headers[1] = is_move && !operation->replace ? "Overwrite: F" : "Overwrite: T";
	request->patience_ms = (int64_t)(operation->size / SLOW_BYTES_PER_MS);
	send_request(
	        job, is_move ? "MOVE" : "COPY", url_of(job, operation->from, job->as_folder), answered_copy);
}

static void answered_remove(struct job *job)
{
	if (is_success(job) || is_missing(job)) {
		succeed(job);
	} else if (!job->as_folder &&
	           (code_of(job) == 409 || code_of(job) == 400 || is_folder_redirect(job))) {
		job->as_folder = true;
		start(job);
	} else {
		fail(job);
	}
}

static void start_remove(struct job *job)
{
	fresh_request(job);
	send_request(job, "DELETE", url_of(job, job->operation->path, job->as_folder), answered_remove);
}

static void cannot(struct job *job)
{
	job->operation->result.status = error_set(&job->operation->result.err, STATUS_REJECT, "dp_error",
	        "%s: no HTTP server refuses an older pointer by itself", job->http->point->url);
	agenda_add(job->http->agenda, &job->later, 0, answer_later);
}

static void start(struct job *job)
{
	switch (job->operation->kind) {
	case OPERATION_READ:
		start_read(job);
		break;
	case OPERATION_HASH:
		start_hash(job);
		break;
	case OPERATION_STAT:
		start_stat(job);
		break;
	case OPERATION_WRITE:
	case OPERATION_PUT:
		start_put(job);
		break;
	case OPERATION_COPY:
	case OPERATION_MOVE:
		start_copy(job);
		break;
	case OPERATION_REMOVE:
		start_remove(job);
		break;
	case OPERATION_SETTLE: /* a server tells nothing of its disks */
		agenda_add(job->http->agenda, &job->later, 0, answer_later);
		break;
	case OPERATION_POINT:
		cannot(job);
		break;
	}
}

/* ---- what the server can do */

static void release_held(struct http_driver *http, const struct error *err)
{
	struct job *job = http->held;

	http->held = NULL;
	while (job) {
		struct job *next = job->next;
		if (err) {
			free(job->operation->result.data);
			memset(&job->operation->result, 0, sizeof(job->operation->result));
			job->operation->result.status = err->status;
			job->operation->result.err = *err;
		}
		answer(job);
		job = next;
	}
}

static void on_probed(const struct probe_result *result, void *context)
{
	struct http_driver *http = context;
	struct error err = result->err;

	http->probe = NULL;
	if (result->status == STATUS_OK) {
		http->probed = result->tried;
		http->driver.can.move = result->move;
		http->driver.can.copy = result->copy;
		release_held(http, NULL);
	} else {
		error_prefix(&err, "while trying out what the server can do: ");
		release_held(http, &err);
	}
}

/* The first answer with a dp.json is held back until it is known what the server can do. */
static void answered_identity(struct job *job)
{
	struct http_driver *http = job->http;

	if (http->probed || code_of(job) != 200 || job->canceled ||
	        job->request.answer.len > job->operation->size_max) {
		answered_read(job);
		return;
	}
	job->operation->result.data = job->request.answer.body;
	job->operation->result.len = job->operation->result.size = job->request.answer.len;
	job->operation->result.found = true;
	job->request.answer.body = NULL;
	job->next = http->held;
	http->held = job;
	if (!http->probe)
		http->probe = probe_start(&http->driver, on_probed, http);
}

static void start_identity(struct job *job)
{
	start_read(job);
	job->answered = answered_identity;
}

static void unhold(struct job *job)
{
	struct http_driver *http = job->http;
	struct job **at = &http->held;

	while (*at && *at != job)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = job->next;
	free(job->operation->result.data);
	memset(&job->operation->result, 0, sizeof(job->operation->result));
	job->operation->result.status =
	        error_set(&job->operation->result.err, STATUS_RETRY, "canceled", "READ was canceled");
	agenda_add(http->agenda, &job->later, 0, answer_later);
	if (!http->held && http->probe)
		probe_cancel(http->probe);
}

/* ---- the driver */

static void http_submit(struct driver *driver, struct operation *operation)
{
	struct http_driver *http = (struct http_driver *)driver;
	struct job *job = memory_alloc(sizeof(*job));

	memset(&operation->result, 0, sizeof(operation->result));
	operation->driver_private = job;
	job->http = http;
	job->operation = operation;
	job->as_folder = operation->folder;
	if (operation->kind == OPERATION_READ && strcmp(operation->path, LAYOUT_DP_JSON) == 0)
		start_identity(job);
	else
		start(job);
}

static void http_cancel(struct driver *driver, struct operation *operation)
{
	struct job *job = operation->driver_private;

	(void)driver;
	if (!job || job->canceled)
		return;
	job->canceled = true;
	if (job->under_way)
		pump_cancel(job->http->pump, &job->request);
	else
		unhold(job);
}

static void http_close(struct driver *driver)
{
	struct http_driver *http = (struct http_driver *)driver;

	assert(!http->held && !http->probe);
	free(http);
}

enum status http_driver_open(const struct catalogue_point *point, struct pump *pump, struct agenda *agenda,
        struct driver **ret, struct error *err)
{
	static const struct driver_ops ops = {http_submit, http_cancel, http_close};

	if (url_is_file(point->url))
		return error_set(
		        err, STATUS_REJECT, "invalid_url", "%s is not an http or https URL", point->url);
	struct http_driver *http = memory_alloc(sizeof(*http));
	http->driver.ops = &ops;
	http->point = point;
	http->pump = pump;
	http->agenda = agenda;
	http->pace.bytes_per_second = point->bytes_per_second;
	*ret = &http->driver;
	return STATUS_OK;
}
