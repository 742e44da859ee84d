#include "distribution/file_driver.h"

#include "base/clock.h"
#include "base/memory.h"
#include "distribution/file_work.h"
#include "distribution/layout.h"
#include "distribution/url.h"

#include <assert.h>
#include <stdlib.h>

enum {
	THREADS_MAX = 4, /* of the pool, so that a hung distribution point leaves some to others */
	STALL_MS = 20000,
	EXPIRE_EVERY_MS = 24 * 3600 * 1000,
};

struct file_driver {
	struct driver driver; /* first */
	struct pool *pool;
	struct pool_lane lane;
	char *base;
	int64_t stall_ms, expire_at_ms;
	struct file_work *expiring;
	unsigned works; /* not released: a hung one may outlive close() */
	bool closed;
};

static void driver_free_if_unused(struct file_driver *driver)
{
	if (!driver->closed || driver->works)
		return;
	free(driver->base);
	free(driver);
}

static void release(struct pool_work *pool_work)
{
	struct file_work *work = (struct file_work *)pool_work;
	struct file_driver *driver = work->driver;

	file_work_free(work);
	driver->works--;
	driver_free_if_unused(driver);
}

static void start(struct file_driver *driver, struct file_work *work)
{
	work->driver = driver;
	work->pool.lane = &driver->lane;
	work->pool.release = release;
	driver->works++;
	pool_submit(driver->pool, &work->pool);
}

/* The submitter's first operations get their results; returns the one behind them. */
static struct operation *answer_first(struct file_work *work, size_t count)
{
	struct operation *operation = work->operation;

	for (size_t i = 0; i < count; i++, operation = operation->next) {
		operation->result = work->copies[i].result;
		work->copies[i].result.data = NULL; /* the submitter's now */
	}
	return operation;
}

/* The thread has not come back: what it does there is unknown, and what it holds stays with the work. */
static void answer_unheard(struct file_work *work)
{
	bool never_ran = work->pool.worker < 0;
	bool is_wish = work->pool.cancel_by_ms != 0;

	if (!never_ran)
		file_work_shut(work); /* first: no POINT gets further from here */
	size_t at = work->at;
	struct operation *operation = answer_first(work, at);
	operation->result.reached = true;
	operation->result.ambiguous = !never_ran && operation_is_change(operation->kind);
	operation->result.status =
	        is_wish ? error_set(&operation->result.err, STATUS_RETRY, "canceled",
	                          "canceled before %s%s was done; it is tried again if wanted", work->base,
	                          operation->path)
	                : error_set(&operation->result.err, STATUS_RETRY, "dp_timeout",
	                          "%s shows no life for %lld s, at %s: is its file system hung", work->base,
	                          (long long)work->pool.patience_ms / 1000, operation->path);
}

static void answer_heard(struct file_work *work)
{
	struct driver_can *can = &work->driver->driver.can;

	*can = (struct driver_can){
	        .move = true, .copy = true, .point = true, .durable = true, .parcels = true, .list = true};
	can->point_lasts = work->base_is_local;
	answer_first(work, work->at + 1);
}

static void done(struct pool_work *pool_work)
{
	struct file_work *work = (struct file_work *)pool_work;
	struct operation *operation = work->operation;

	if (work->pool.end == POOL_RAN)
		answer_heard(work);
	else
		answer_unheard(work);
	operation->driver_private = NULL;
	operation->done(operation);
}

static void noted(struct pool_work *pool_work)
{
	struct file_work *work = (struct file_work *)pool_work;

	work->operation->moved(work->operation, atomic_load(&work->moved));
}

static void expired(struct pool_work *pool_work)
{
	struct file_driver *driver = ((struct file_work *)pool_work)->driver;

	driver->expiring = NULL;
}

/* Old uploads are looked for once a day, when there is anything else to do: nothing waits for it. */
static void expire_if_due(struct file_driver *driver)
{
	static const struct operation nothing = {.kind = OPERATION_REMOVE, .path = LAYOUT_TMP};
	struct operation expire = nothing;
	int64_t now = clock_monotonic_ms();

	if (driver->driver.read_only || driver->expiring || now < driver->expire_at_ms)
		return;
	driver->expire_at_ms = now + EXPIRE_EVERY_MS;
	driver->expiring = file_work_new(driver->base, driver->stall_ms, &expire);
	driver->expiring->operation = NULL;
	driver->expiring->pool.run = file_work_expire;
	driver->expiring->pool.done = expired;
	start(driver, driver->expiring);
}

static void file_submit(struct driver *self, struct operation *operation)
{
	struct file_driver *driver = (struct file_driver *)self;
	struct file_work *work = file_work_new(driver->base, driver->stall_ms, operation);

	assert(!self->read_only || !operation_is_change(operation->kind));
	work->pool.run = file_work_run;
	work->pool.done = done;
	work->pool.noted = operation->moved ? noted : NULL;
	operation->driver_private = work;
	start(driver, work);
	expire_if_due(driver);
}

static void file_cancel(struct driver *self, struct operation *operation)
{
	struct file_driver *driver = (struct file_driver *)self;
	struct file_work *work = operation->driver_private;

	if (work)
		pool_cancel(driver->pool, &work->pool);
}

static void file_close(struct driver *self)
{
	struct file_driver *driver = (struct file_driver *)self;

	if (driver->expiring)
		pool_cancel(driver->pool, &driver->expiring->pool);
	driver->closed = true;
	driver_free_if_unused(driver);
}

static const struct driver_ops file_ops = {file_submit, file_cancel, file_close};

enum status file_driver_open(const struct catalogue_point *point, struct pool *pool, int64_t stall_timeout_ms,
        struct driver **ret, struct error *err)
{
	if (!url_is_file(point->url))
		return error_set(err, STATUS_REJECT, "invalid_url", "%s: %s is not a file URL", point->name,
		        point->url);
	struct file_driver *driver = memory_alloc(sizeof(*driver));

	driver->driver.ops = &file_ops;
	driver->pool = pool;
	driver->lane.most =
	        point->connections && point->connections < THREADS_MAX ? point->connections : THREADS_MAX;
	driver->base = url_file_path(point->url);
	driver->stall_ms = stall_timeout_ms ? stall_timeout_ms : STALL_MS;
	*ret = &driver->driver;
	return STATUS_OK;
}
