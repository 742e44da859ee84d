/* Operations as HTTP requests. */
#include "distribution/http_job.h"

#include "distribution/url.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { SLOW_BYTES_PER_MS = 10000 }; /* what a server is expected to copy or store at least */

/* ---- ending */

static void free_job(struct job *job)
{
	hasher_free(job->hasher);
	free(job->request.answer.body);
	free(job->url);
	free(job->destination);
	free(job);
}

void job_answer(struct job *job)
{
	struct operation *operation = job->operation;

	free_job(job);
	operation->driver_private = NULL;
	operation->done(operation);
}

void job_answer_later(struct agenda_entry *entry)
{
	job_answer((struct job *)((char *)entry - offsetof(struct job, later)));
}

static void fail(struct job *job)
{
	job_judge(job);
	job_answer(job);
}

static void found(struct job *job)
{
	job->operation->result.found = true;
	job_answer(job);
}

/* ---- one request */

static void on_done(struct request *request)
{
	struct job *job = request->context;

	job->under_way = false;
	if (job->canceled && request->answer.outcome == REQUEST_ANSWERED && !job_succeeded(job))
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
		job_start(job);
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
	int code = job_code(job);
	bool is_copy = job->operation->kind == OPERATION_COPY || job->operation->kind == OPERATION_MOVE;

	/* 500: nginx's answer to a COPY */
	if (job->parents_made || (!job_found_nothing(job) && code != 409 && !(is_copy && code == 500)))
		return false;
	job->parents_made = true;
	job->parent = job->operation->path;
	make_next_parent(job);
	return true;
}

/* ---- reading */

void job_answered_read(struct job *job)
{
	struct operation *operation = job->operation;

	if (job_found_nothing(job)) {
		job_answer(job);
	} else if (job_code(job) != 200) {
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

void job_read(struct job *job, void (*answered)(struct job *job))
{
	struct request *request = fresh_request(job);

	request->headers[0] = fresh_copy;
	request->answer_max = job->operation->size_max + 1;
	send_request(job, "GET", url_of(job, job->operation->path, false), answered);
}

static enum received on_hash(struct request *request, const void *data, size_t len)
{
	struct job *job = request->context;
	uint64_t most = job->operation->size_max;

	if (most && job->received + len > most) {
		job->received += len;
		return RECEIVED_STOP;
	}
	if (!hasher_add(job->hasher, data, len))
		return RECEIVED_LATER;
	job->received += len;
	return RECEIVED_TAKEN;
}

static void on_room(void *context)
{
	struct job *job = context;

	if (job->under_way)
		pump_resume(job->http->pump, &job->request);
}

static void on_hashed(void *context, const char *digest)
{
	struct job *job = context;
	struct operation *operation = job->operation;

	if (!*digest) {
		operation->result.status = error_set(&operation->result.err, STATUS_RETRY, "dp_error",
		        "hashing %s got stuck: is this machine overloaded", job->url);
		job_answer(job);
		return;
	}
	memcpy(operation->result.digest, digest, DIGEST_SIZE);
	operation->result.size = job->received;
	found(job);
}

static void answered_hash(struct job *job)
{
	if (job->request.answer.outcome == REQUEST_STOPPED) {
		job->operation->result.size = job->received;
		found(job);
	} else if (job_found_nothing(job)) {
		job_answer(job);
	} else if (job_code(job) != 200) {
		fail(job);
	} else {
		hasher_finish(job->hasher, on_hashed);
	}
}

static void start_hash(struct job *job)
{
	struct request *request = fresh_request(job);

	hasher_free(job->hasher);
	job->hasher = hasher_new(job->http->pool, on_room, job);
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

	return job_code(job) >= 301 && job_code(job) <= 308 && len > 0 && location[len - 1] == '/' &&
	       len == strlen(job->url) + 1 && strncmp(location, job->url, len - 1) == 0;
}

static void answered_stat(struct job *job)
{
	if (job_found_nothing(job)) {
		job_answer(job);
	} else if (is_folder_redirect(job)) {
		found(job);
	} else if (job_code(job) == 405 || job_code(job) == 501 ||
	           (job_code(job) == 200 && job->request.answer.content_length < 0)) {
		start_hash(job); /* no HEAD, or one that tells no size: read it */
	} else if (job_code(job) != 200) {
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
	if (job_succeeded(job))
		job_answer(job);
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

	if (job_succeeded(job)) {
		found(job);
	} else if (operation->kind == OPERATION_MOVE && !operation->replace && job_code(job) == 412) {
		operation->result.exists = true;
		found(job);
	} else if (operation->kind == OPERATION_MOVE && !job->as_folder &&
	           (job_code(job) == 400 || job_code(job) == 409 || is_folder_redirect(job))) {
		job->as_folder = true; /* nginx wants the '/' */
		job_start(job);
	} else if (make_parents(job)) {
		return;
	} else if (job_found_nothing(job)) {
		job_answer(job);
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
	if (job_succeeded(job) || job_found_nothing(job)) {
		job_answer(job);
	} else if (!job->as_folder &&
	           (job_code(job) == 409 || job_code(job) == 400 || is_folder_redirect(job))) {
		job->as_folder = true;
		job_start(job);
	} else {
		fail(job);
	}
}

static void start_remove(struct job *job)
{
	fresh_request(job);
	send_request(job, "DELETE", url_of(job, job->operation->path, job->as_folder), answered_remove);
}

static void cannot(struct job *job, const char *why)
{
	job->operation->result.status = error_set(
	        &job->operation->result.err, STATUS_REJECT, "dp_error", "%s: %s", job->http->point->url, why);
	agenda_add(job->http->agenda, &job->later, 0, job_answer_later);
}

void job_start(struct job *job)
{
	switch (job->operation->kind) {
	case OPERATION_READ:
		job_read(job, job_answered_read);
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
		agenda_add(job->http->agenda, &job->later, 0, job_answer_later);
		break;
	case OPERATION_POINT:
		cannot(job, "no HTTP server refuses an older pointer by itself");
		break;
	case OPERATION_LIST:
	case OPERATION_LINK:
		cannot(job, "HTTP has no listing of folders and no symbolic links");
		break;
	case OPERATION_PUT_PARCEL:
	case OPERATION_CHECK_PARCEL:
		cannot(job, "HTTP takes and gives one file a request");
		break;
	}
}
