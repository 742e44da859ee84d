/* Operations as jobs, and what the server can do. */
#include "distribution/http_job.h"

#include "distribution/layout.h"
#include "distribution/probe.h"
#include "distribution/url.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- what the server can do */

static void release_held(struct http_driver *http, const struct error *err)
{
	struct job *job;

	while ((job = LIST_FIRST(&http->held))) {
		LIST_REMOVE(job, entry);
		if (err) {
			free(job->operation->result.data);
			memset(&job->operation->result, 0, sizeof(job->operation->result));
			job->operation->result.status = err->status;
			job->operation->result.err = *err;
		}
		job_answer(job);
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

	if (http->probed || http->driver.read_only || job_code(job) != 200 || job->canceled ||
	        job->request.answer.len > job->operation->size_max) {
		job_answered_read(job);
		return;
	}
	job->operation->result.data = job->request.answer.body;
	job->operation->result.len = job->operation->result.size = job->request.answer.len;
	job->operation->result.found = true;
	job->request.answer.body = NULL;
	LIST_INSERT_HEAD(&http->held, job, entry);
	if (!http->probe)
		http->probe = probe_start(&http->driver, on_probed, http);
}

static void unhold(struct job *job)
{
	struct http_driver *http = job->http;
	struct job *each;

	LIST_FOREACH(each, &http->held, entry)
		if (each == job)
			break;
	if (!each)
		return;
	LIST_REMOVE(job, entry);
	free(job->operation->result.data);
	memset(&job->operation->result, 0, sizeof(job->operation->result));
	job->operation->result.status =
	        error_set(&job->operation->result.err, STATUS_RETRY, "canceled", "READ was canceled");
	agenda_add(http->agenda, &job->later, 0, job_answer_later);
	if (LIST_EMPTY(&http->held) && http->probe)
		probe_cancel(http->probe);
}

/* ---- the driver */

static void http_submit(struct driver *driver, struct operation *operation)
{
	struct http_driver *http = (struct http_driver *)driver;
	struct job *job = memory_alloc(sizeof(*job));

	assert(!driver->read_only || !operation_is_change(operation->kind));
	memset(&operation->result, 0, sizeof(operation->result));
	operation->driver_private = job;
	job->http = http;
	job->operation = operation;
	job->as_folder = operation->folder;
	if (operation->kind == OPERATION_READ && strcmp(operation->path, LAYOUT_DP_JSON) == 0)
		job_read(job, answered_identity);
	else
		job_start(job);
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

	assert(LIST_EMPTY(&http->held) && !http->probe);
	free(http);
}

enum status http_driver_open(const struct catalogue_point *point, struct pump *pump, struct pool *pool,
        struct agenda *agenda, struct driver **ret, struct error *err)
{
	static const struct driver_ops ops = {http_submit, http_cancel, http_close};

	if (url_is_file(point->url))
		return error_set(
		        err, STATUS_REJECT, "invalid_url", "%s is not an http or https URL", point->url);
	struct http_driver *http = memory_alloc(sizeof(*http));
	http->driver.ops = &ops;
	LIST_INIT(&http->held);
	http->point = point;
	http->pump = pump;
	http->pool = pool;
	http->agenda = agenda;
	http->pace.bytes_per_second = point->bytes_per_second;
	*ret = &http->driver;
	return STATUS_OK;
}
