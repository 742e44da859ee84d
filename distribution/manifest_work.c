#include "distribution/manifest_work.h"

#include "distribution/source.h"
#include "distribution/source_file.h"
#include "distribution/spool.h"
#include "distribution/transput.h"
#include "distribution/url.h"

#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SMALL = 8 << 10 }; /* about 50 files: parsed in less time than the way to a thread and back takes */

struct manifest_work {
	struct pool_work pool_work; /* first; of parsing */
	struct pool *pool;
	struct pump *pump;
	char *url; /* NULL: a sealed one */
	char *credentials_file, *tls_ca_file;
	char *digest; /* NULL: any */
	manifest_done *done;
	void *context;
	bool parsing;

	struct source_file *file; /* being opened */
	struct request request;   /* under way while requested */
	bool requested;
	struct agenda_entry later;

	/* the pool thread's while parsing */
	int fd;
	char *data;
	size_t len;
	struct manifest *manifest;
	struct error err;
};

static void free_work(struct manifest_work *work)
{
	if (work->fd >= 0)
		close(work->fd);
	manifest_unref(work->manifest);
	free(work->data);
	free(work->url);
	free(work->credentials_file);
	free(work->tls_ca_file);
	free(work->digest);
	free(work);
}

static void fail(struct manifest_work *work, const struct error *err)
{
	work->done(work->context, NULL, err);
	free_work(work);
}

/* ---- on the pool */

static enum status read_text(struct manifest_work *work, struct error *err)
{
	size_t capacity = 64 << 10;

	work->data = memory_resize(NULL, capacity + 1);
	for (;;) {
		size_t room = capacity - work->len;
		ssize_t got = read_all(work->fd, work->data + work->len, room, (off_t)work->len);
		if (got < 0)
			return error_set(err, STATUS_RETRY, "source_unreachable", "cannot read %s: %s",
			        work->url, strerror(errno));
		work->len += (size_t)got;
		if (work->len > MANIFEST_BYTES_MAX)
			return error_set(err, STATUS_REJECT, "manifest_invalid",
			        "%s is larger than the %d bytes that a manifest may have", work->url,
			        MANIFEST_BYTES_MAX);
		if ((size_t)got < room)
			return STATUS_OK;
		work->data = memory_resize(work->data, (capacity *= 2) + 1);
	}
}

static enum status parse(struct manifest_work *work, struct error *err)
{
	struct view text = {work->data, work->len};
	const char *name = work->url ? work->url : "the seal";
	struct error why;

	if (work->fd >= 0) {
		if (read_text(work, err) != STATUS_OK)
			return err->status;
		text = (struct view){work->data, work->len};
	}
	if (manifest_parse(text, work->url, &work->manifest, &why) != STATUS_OK)
		return error_set(err, STATUS_REJECT, "manifest_invalid", "%s: %s", name, why.message);
	if (work->digest && strcmp(work->manifest->digest, work->digest) != 0)
		return error_set(err, STATUS_REJECT, "manifest_digest",
		        "the manifest %s has the digest %s, not %s as the job says", name,
		        work->manifest->digest, work->digest);
	return STATUS_OK;
}

static void run(struct pool_work *pool_work)
{
	struct manifest_work *work = (struct manifest_work *)pool_work;

	if (parse(work, &work->err) != STATUS_OK) {
		manifest_unref(work->manifest);
		work->manifest = NULL;
	}
}

static void on_parsed(struct pool_work *pool_work)
{
	struct manifest_work *work = (struct manifest_work *)pool_work;
	struct error err;

	if (pool_work->end == POOL_RAN && work->manifest) {
		struct manifest *manifest = work->manifest;
		work->manifest = NULL;
		work->done(work->context, manifest, &work->err);
	} else if (pool_work->end == POOL_RAN) {
		work->done(work->context, NULL, &work->err);
	} else {
		error_set(&err, STATUS_RETRY, pool_work->end == POOL_LOST ? "source_unreachable" : "canceled",
		        "reading the manifest %s", pool_work->end == POOL_LOST ? "hangs" : "was canceled");
		work->done(work->context, NULL, &err);
	}
}

static void on_release(struct pool_work *pool_work)
{
	free_work((struct manifest_work *)pool_work);
}

static void start_parsing(struct manifest_work *work)
{
	work->parsing = true;
	work->pool_work.run = run;
	work->pool_work.done = on_parsed;
	work->pool_work.release = on_release;
	pool_submit(work->pool, &work->pool_work);
}

static struct manifest_work *new_work(
        struct pool *pool, const char *digest, manifest_done *done, void *context)
{
	struct manifest_work *work = memory_alloc(sizeof(*work));

	work->pool = pool;
	work->digest = memory_text(digest);
	work->done = done;
	work->context = context;
	work->fd = -1;
	return work;
}

static void parse_at_once(struct agenda_entry *entry)
{
	struct manifest_work *work =
	        (struct manifest_work *)((char *)entry - offsetof(struct manifest_work, later));

	run(&work->pool_work);
	on_parsed(&work->pool_work);
	free_work(work);
}

struct manifest_work *manifest_parse_sealed(
        struct room *room, char *data, size_t len, const char *digest, manifest_done *done, void *context)
{
	struct manifest_work *work = new_work(room->pool, digest, done, context);

	work->data = data;
	work->len = len;
	if (len <= SMALL)
		agenda_add(room->agenda, &work->later, 0, parse_at_once);
	else
		start_parsing(work);
	return work;
}

/* ---- from a URL */

static void on_file(void *context, int fd, const struct file_identity *identity, const struct error *err)
{
	struct manifest_work *work = context;

	(void)identity;
	work->file = NULL;
	if (fd < 0) {
		fail(work, err);
		return;
	}
	work->fd = fd;
	start_parsing(work);
}

static void on_answer(struct request *request)
{
	struct manifest_work *work = request->context;
	struct error err;

	work->requested = false;
	if (request->answer.outcome != REQUEST_ANSWERED || request->answer.code != 200) {
		source_answer_error(request, &err);
		free(request->answer.body);
		fail(work, &err);
		return;
	}
	work->data = request->answer.body;
	work->len = request->answer.len;
	start_parsing(work);
}

static void ask(struct manifest_work *work)
{
	work->requested = true;
	work->request = (struct request){.method = "GET",
	        .url = work->url,
	        .credentials_file = work->credentials_file,
	        .tls_ca_file = work->tls_ca_file,
	        .body_fd = -1,
	        .answer_max = MANIFEST_BYTES_MAX,
	        .done = on_answer,
	        .context = work};
	pump_submit(work->pump, &work->request);
}

static void fail_later(struct agenda_entry *entry)
{
	struct manifest_work *work =
	        (struct manifest_work *)((char *)entry - offsetof(struct manifest_work, later));

	fail(work, &work->err);
}

struct manifest_work *manifest_fetch(struct room *room, const char *url, const char *digest,
        struct catalogue *catalogue, manifest_done *done, void *context)
{
	struct manifest_work *work = new_work(room->pool, digest, done, context);
	const struct catalogue_source *allowed;

	work->pump = room->pump;
	if (source_allowed(catalogue, url, &allowed, &work->url, &work->err) != STATUS_OK) {
		error_prefix(&work->err, "manifest_url: ");
		agenda_add(room->agenda, &work->later, 0, fail_later);
	} else if (url_is_file(work->url)) {
		struct source_file_wanted wanted = {.prefix = allowed->prefix,
		        .fd = -1,
		        .url = work->url,
		        .size = UINT64_MAX,
		        .lane = sources_lane(room->sources, allowed->prefix)};
		work->pool_work.lane = wanted.lane;
		work->file = source_file_open(room->pool, &wanted, on_file, work);
	} else {
		work->credentials_file = memory_text(allowed->credentials_file);
		work->tls_ca_file = memory_text(allowed->tls_ca_file);
		ask(work);
	}
	return work;
}

void manifest_work_cancel(struct manifest_work *work)
{
	if (work->parsing)
		pool_cancel(work->pool, &work->pool_work);
	else if (work->requested)
		pump_cancel(work->pump, &work->request);
	else if (work->file)
		source_file_cancel(work->file);
}
