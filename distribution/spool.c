#include "distribution/spool.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/memory.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	TRIES_MAX = 5, /* in a row, without having got further */
	TRIES_EVER_MAX = 100,
	BACKOFF_MS = 500, /* doubled with each try in a row */
	BACKOFF_MAX_MS = 60000,
};

struct spool {
	struct spool_options options;
	char *dir;
	struct pump *pump;
	struct agenda *agenda;
	uint64_t taken;
	bool admitting;
	TAILQ_HEAD(, spool_fetch) waiting; /* for room, oldest first */
};

struct spool_fetch {
	struct spool *spool;
	struct spool_wanted wanted;
	spool_done *done;
	void *context;
	int fd;
	uint64_t at, tried_at; /* bytes written; when the present try began */
	struct digest_stream *digest;
	unsigned tries, tries_ever;
	bool has_room, requested, canceled;
	struct request request;
	char range[64], if_range[192], etag[128]; /* etag: of what is written */
	struct error err;
	struct agenda_entry later;
	TAILQ_ENTRY(spool_fetch) entry;
};

static void admit(struct spool *spool);
static void try_once(struct agenda_entry *entry);

/* A file without a name; where the file system has none, one that loses its name at once. */
static int open_nameless(const char *dir)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
		return fd;
	char *name = memory_format("%s/holdpoint-XXXXXX", dir);
	fd = mkostemp(name, O_CLOEXEC);
	if (fd >= 0)
		unlink(name);
	free(name);
	return fd;
}

static void finish(struct spool_fetch *fetch)
{
	struct spool *spool = fetch->spool;
	int fd = fetch->fd;

	digest_discard(fetch->digest);
	if (fetch->err.status != STATUS_OK) {
		if (fetch->has_room)
			spool_return(spool, fd, fetch->wanted.size);
		fd = -1;
	}
	fetch->done(fetch->context, fd, &fetch->err);
	free(fetch);
}

static void finish_later(struct agenda_entry *entry)
{
	finish((struct spool_fetch *)((char *)entry - offsetof(struct spool_fetch, later)));
}

/* ---- what came */

static void start_over(struct spool_fetch *fetch)
{
	digest_discard(fetch->digest);
	fetch->digest = digest_start();
	fetch->at = fetch->tried_at = 0;
	fetch->etag[0] = '\0';
}

static bool write_all(int fd, const char *data, size_t len, uint64_t at)
{
	while (len) {
		ssize_t put = pwrite(fd, data, len, (off_t)at);
		if (put < 0 && errno != EINTR)
			return false;
		put = put < 0 ? 0 : put;
		data += put;
		len -= (size_t)put;
		at += (uint64_t)put;
	}
	return true;
}

static enum received on_receive(struct request *request, const void *data, size_t len)
{
	struct spool_fetch *fetch = request->context;

	if (request->answer.code != 206 && fetch->tried_at)
		start_over(fetch); /* it sends all of it again */
	if (request->answer.code == 206 && request->answer.range_start != (int64_t)fetch->tried_at) {
		error_set(&fetch->err, STATUS_RETRY, "source_unreachable",
		        "%s answered with another range than asked", fetch->wanted.url);
		return RECEIVED_STOP;
	}
	if (fetch->at + len > fetch->wanted.size) {
		error_set(&fetch->err, STATUS_REJECT, "source_size",
		        "%s has more than the %llu bytes that the manifest says", fetch->wanted.url,
		        (unsigned long long)fetch->wanted.size);
		return RECEIVED_STOP;
	}
	if (!write_all(fetch->fd, data, len, fetch->at)) {
		error_set(&fetch->err, STATUS_RETRY, "spool_full", "cannot write to the spool %s: %s",
		        fetch->spool->dir, strerror(errno));
		return RECEIVED_STOP;
	}
	digest_add(fetch->digest, data, len);
	fetch->at += len;
	return RECEIVED_TAKEN;
}

enum status source_answer_error(const struct request *request, struct error *err)
{
	const char *url = request->url;
	int code = request->answer.code;

	if (request->answer.outcome == REQUEST_CANCELED)
		return error_set(err, STATUS_RETRY, "canceled", "reading %s was canceled", url);
	if (request->answer.outcome == REQUEST_TOO_LARGE)
		return error_set(err, STATUS_REJECT, "source_size", "%s is larger than %zu bytes", url,
		        request->answer_max);
	if (request->answer.outcome == REQUEST_NOT_SENT)
		return error_set(err, STATUS_REJECT, "source_refused", "cannot ask for %s: %s", url,
		        request->answer.words);
	if (request->answer.outcome != REQUEST_ANSWERED)
		return error_set(err, STATUS_RETRY, "source_unreachable", "cannot read %s: %s", url,
		        request->answer.words);
	if (code == 404 || code == 410)
		return error_set(err, STATUS_REJECT, "source_missing", "there is no %s: it was answered %d",
		        url, code);
	if (code == 401 || code == 403)
		return error_set(err, STATUS_REJECT, "source_refused",
		        "%s was answered %d: check the credentials_file of its source in the catalogue", url,
		        code);
	if (code >= 300 && code < 400)
		return error_set(err, STATUS_REJECT, "source_redirects",
		        "%s redirects to %s, which is not followed: give that URL in the manifest, and allow "
		        "it in the catalogue",
		        url, request->answer.location[0] ? request->answer.location : "nowhere");
	return error_set(err, STATUS_RETRY, "source_unreachable", "%s was answered %d", url, code);
}

/* A digest that is wrong after a resumption may be two files' halves: that is worth one whole download. */
static bool is_worth_another(struct spool_fetch *fetch, bool resumed)
{
	if (fetch->err.status == STATUS_RETRY && strcmp(fetch->err.code, "source_unreachable") == 0)
		return fetch->tries < TRIES_MAX && fetch->tries_ever < TRIES_EVER_MAX;
	return fetch->err.status == STATUS_REJECT && strcmp(fetch->err.code, "source_digest") == 0 && resumed;
}

static void judge_content(struct spool_fetch *fetch)
{
	char digest[DIGEST_SIZE];

	if (fetch->at < fetch->wanted.size) {
		error_set(&fetch->err, STATUS_REJECT, "source_size",
		        "%s has %llu bytes, not the %llu that the manifest says", fetch->wanted.url,
		        (unsigned long long)fetch->at, (unsigned long long)fetch->wanted.size);
		return;
	}
	digest_finish(fetch->digest, digest);
	fetch->digest = NULL;
	if (strcmp(digest, fetch->wanted.digest) != 0)
		error_set(&fetch->err, STATUS_REJECT, "source_digest",
		        "%s has the digest %s, not %s as the manifest says", fetch->wanted.url, digest,
		        fetch->wanted.digest);
}

static void try_later(struct spool_fetch *fetch)
{
	int64_t wait = BACKOFF_MS << (fetch->tries - 1);

	if (fetch->request.answer.retry_after_ms > wait)
		wait = fetch->request.answer.retry_after_ms;
	if (wait > BACKOFF_MAX_MS)
		wait = BACKOFF_MAX_MS;
	agenda_add(fetch->spool->agenda, &fetch->later, clock_monotonic_ms() + wait, try_once);
}

static void on_done(struct request *request)
{
	struct spool_fetch *fetch = request->context;
	bool resumed = fetch->tried_at > 0, answered = request->answer.outcome == REQUEST_ANSWERED;

	fetch->requested = false;
	if (answered && request->answer.code == 416)
		start_over(fetch);
	if (fetch->err.status == STATUS_OK) {
		if (answered && (request->answer.code == 200 || request->answer.code == 206))
			judge_content(fetch);
		else
			source_answer_error(request, &fetch->err);
	}
	if (fetch->at > fetch->tried_at)
		fetch->tries = 0;
	if (request->answer.code == 200 || request->answer.code == 206)
		snprintf(fetch->etag, sizeof(fetch->etag), "%s", request->answer.etag);
	if (fetch->canceled || !is_worth_another(fetch, resumed)) {
		finish(fetch);
		return;
	}
	if (strcmp(fetch->err.code, "source_digest") == 0)
		start_over(fetch);
	fetch->tries++;
	fetch->err = (struct error){0};
	try_later(fetch);
}

/* ---- asking */

static void try_once(struct agenda_entry *entry)
{
	struct spool_fetch *fetch =
	        (struct spool_fetch *)((char *)entry - offsetof(struct spool_fetch, later));
	struct request *request = &fetch->request;
	size_t headers = 0;

	/* only a strong validator says that the rest is of the same bytes */
	if (fetch->at && (fetch->etag[0] != '"' || fetch->at == fetch->wanted.size))
		start_over(fetch);
	*request = (struct request){.method = "GET",
	        .url = fetch->wanted.url,
	        .credentials_file = fetch->wanted.credentials_file,
	        .tls_ca_file = fetch->wanted.tls_ca_file,
	        .body_fd = -1,
	        .receive = on_receive,
	        .done = on_done,
	        .context = fetch};
	if (fetch->at) {
		snprintf(fetch->range, sizeof(fetch->range), "Range: bytes=%llu-",
		        (unsigned long long)fetch->at);
		snprintf(fetch->if_range, sizeof(fetch->if_range), "If-Range: %s", fetch->etag);
		request->headers[headers++] = fetch->range;
		request->headers[headers++] = fetch->if_range;
	}
	fetch->tried_at = fetch->at;
	fetch->tries_ever++;
	fetch->requested = true;
	pump_submit(fetch->spool->pump, request);
}

static void begin(struct spool_fetch *fetch)
{
	fetch->has_room = true;
	fetch->spool->taken += fetch->wanted.size;
	fetch->fd = open_nameless(fetch->spool->dir);
	/* a disk that has no room says so now; a file system that can't tell says so later */
	if (fetch->fd >= 0 && fetch->wanted.size &&
	        fallocate(fetch->fd, 0, 0, (off_t)fetch->wanted.size) != 0 && errno == ENOSPC) {
		error_set(&fetch->err, STATUS_RETRY, "spool_full",
		        "no space for %llu bytes in the spool %s: free some",
		        (unsigned long long)fetch->wanted.size, fetch->spool->dir);
	} else if (fetch->fd < 0) {
		error_set(&fetch->err, STATUS_RETRY, "spool_full", "cannot make a file in the spool %s: %s",
		        fetch->spool->dir, strerror(errno));
	}
	start_over(fetch);
	agenda_add(fetch->spool->agenda, &fetch->later, 0,
	        fetch->err.status == STATUS_OK ? try_once : finish_later);
}

/* ---- room */

static bool has_room(struct spool *spool, uint64_t size)
{
	while (size > spool->options.bytes_max - spool->taken)
		if (!spool->options.evict(spool->options.context))
			return false;
	return true;
}

/* Evicting gives room back, which would admit from within: once is enough. */
static void admit(struct spool *spool)
{
	struct spool_fetch *fetch;

	if (spool->admitting)
		return;
	spool->admitting = true;
	while ((fetch = TAILQ_FIRST(&spool->waiting)) && has_room(spool, fetch->wanted.size)) {
		TAILQ_REMOVE(&spool->waiting, fetch, entry);
		begin(fetch);
	}
	spool->admitting = false;
}

void spool_return(struct spool *spool, int fd, uint64_t size)
{
	assert(size <= spool->taken);
	if (fd >= 0)
		close(fd);
	spool->taken -= size;
	admit(spool);
}

struct spool_fetch *spool_fetch(
        struct spool *spool, const struct spool_wanted *wanted, spool_done *done, void *context)
{
	struct spool_fetch *fetch = memory_alloc(sizeof(*fetch));

	fetch->spool = spool;
	fetch->wanted = *wanted;
	fetch->done = done;
	fetch->context = context;
	fetch->fd = -1;
	if (wanted->size > spool->options.bytes_max) {
		error_set(&fetch->err, STATUS_REJECT, "spool_too_small",
		        "%s has %llu bytes, and the spool takes %llu: allow it more", wanted->url,
		        (unsigned long long)wanted->size, (unsigned long long)spool->options.bytes_max);
		agenda_add(spool->agenda, &fetch->later, 0, finish_later);
		return fetch;
	}
	TAILQ_INSERT_TAIL(&spool->waiting, fetch, entry);
	admit(spool);
	return fetch;
}

static void leave_line(struct spool_fetch *fetch)
{
	struct spool_fetch *each;

	TAILQ_FOREACH(each, &fetch->spool->waiting, entry)
		if (each == fetch)
			break;
	if (each)
		TAILQ_REMOVE(&fetch->spool->waiting, fetch, entry);
}

void spool_cancel(struct spool_fetch *fetch)
{
	struct spool *spool = fetch->spool;

	if (fetch->canceled)
		return;
	fetch->canceled = true;
	if (fetch->requested) {
		pump_cancel(spool->pump, &fetch->request);
		return;
	}
	if (!fetch->has_room)
		leave_line(fetch);
	agenda_remove(spool->agenda, &fetch->later);
	if (fetch->err.status == STATUS_OK)
		error_set(
		        &fetch->err, STATUS_RETRY, "canceled", "reading %s was canceled", fetch->wanted.url);
	agenda_add(spool->agenda, &fetch->later, 0, finish_later);
}

enum status spool_open(const struct spool_options *options, struct pump *pump, struct agenda *agenda,
        struct spool **ret, struct error *err)
{
	mkdir(options->dir,
	        0700); /* its parent is the operator's to make; what fails here fails below with words */
	int fd = open_nameless(options->dir);

	if (fd < 0)
		return error_set(err, STATUS_REJECT, "spool_unusable",
		        "cannot write in the spool folder %s: %s", options->dir, strerror(errno));
	close(fd);
	struct spool *spool = memory_alloc(sizeof(*spool));
	spool->options = *options;
	spool->dir = memory_text(options->dir);
	spool->pump = pump;
	spool->agenda = agenda;
	TAILQ_INIT(&spool->waiting);
	*ret = spool;
	return STATUS_OK;
}

void spool_close(struct spool *spool)
{
	if (!spool)
		return;
	assert(TAILQ_EMPTY(&spool->waiting) && !spool->taken);
	free(spool->dir);
	free(spool);
}
