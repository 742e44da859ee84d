#ifndef DISTRIBUTION_PUMP_H
#define DISTRIBUTION_PUMP_H

#include "base/bytes.h"
#include "distribution/pace.h"

#include <stdbool.h>
#include <stdint.h>

/* HTTP requests, many at once, all in one thread: the only file that knows how curl does it.
 *
 * A pump never follows a redirect, never looks at proxies or .netrc, speaks http and https only and verifies
 * certificates. Connections are kept and used again. Everything is bounded: the connect, the time without a
 * byte moving, headers, bodies. Credentials are read from their file at each use and appear in no message.
 *
 * Where a kept connection dies before a byte of the answer came, curl sends the request once more on a new
 * one: a change may so be made twice within moments, and its second answer be that of something already done.
 *
 * All functions belong to the thread that calls pump_turn(), none may be called from within receive() or
 * moved(). done() is called exactly once per request, from
 * within pump_turn() only. */
struct pump;

struct pump_options {
	int64_t connect_timeout_ms;
	int64_t stall_timeout_ms; /* without a byte moving */
	int64_t low_speed_bytes,
	        low_speed_ms; /* fewer bytes a second than that, for so long; 0: no such limit */
};

struct pump *pump_new(const struct pump_options *options);
void pump_free(struct pump *pump); /* nothing may be under way; NULL is fine */

/* Works until something happened, one of the fds became readable, or timeout_ms are over. */
void pump_turn(struct pump *pump, const int *fds, size_t fd_count, int64_t timeout_ms);

enum request_outcome {
	REQUEST_ANSWERED,    /* see code */
	REQUEST_NOT_SENT,    /* the fault is here (credentials file, CA file): words say which */
	REQUEST_NO_BODY,     /* what was to be sent could not be read: what was sent is cut short */
	REQUEST_UNREACHABLE, /* no connection, no TLS: nothing of the request was sent */
	REQUEST_BROKEN,      /* the connection ended before the whole answer had come */
	REQUEST_TIMED_OUT,   /* stalled or too slow */
	REQUEST_TOO_LARGE,   /* the answer's headers or body passed its bound */
	REQUEST_STOPPED,     /* receive() said so */
	REQUEST_CANCELED,
};

enum received { RECEIVED_TAKEN, RECEIVED_LATER, RECEIVED_STOP };

enum { REQUEST_HEADERS_MAX = 8, REQUEST_WORDS_MAX = 256 };

struct request {
	/* the submitter's, alive and unchanged until done */
	const char *method, *url;
	const char *headers[REQUEST_HEADERS_MAX]; /* "Name: value"; the first NULL ends them */
	const char *credentials_file, *tls_ca_file;
	struct pace *pace; /* shared with other requests; NULL: no limit */
	bool has_body;
	int body_fd; /* where body.data is NULL: size bytes from offset 0, by pread */
	struct view body;
	uint64_t body_size; /* with body_fd */
	size_t answer_max;  /* how much of a 2xx answer's body is kept; what passes it is TOO_LARGE */
	/* Instead of keeping a 2xx body: gets each piece. LATER: again with the same piece after
	 * pump_resume(). Never called with another status; answer.code and .range_start are known by then. */
	enum received (*receive)(struct request *request, const void *data, size_t len);
	void (*moved)(struct request *request, uint64_t bytes); /* of the body, either way; NULL */
	void (*done)(struct request *request);
	void *context;
	int64_t patience_ms; /* added to the stall time-out: for what a server does in silence */

	struct {
		enum request_outcome outcome;
		int code;
		char words[REQUEST_WORDS_MAX]; /* what went wrong, where outcome is not ANSWERED */
		char *body;                    /* malloc'ed; the submitter's to free; NUL behind it */
		size_t len;
		int64_t content_length; /* -1: not told */
		int64_t range_start;    /* of Content-Range; -1: none */
		char etag[128];         /* "" where none or too long */
		char location[512];     /* of a redirect, not followed */
		int64_t retry_after_ms; /* 0: not asked for */
	} answer;

	struct exchange *exchange; /* the pump's */
};

void pump_submit(struct pump *pump, struct request *request); /* done() never from within */
void pump_cancel(struct pump *pump, struct request *request); /* likewise; done() comes with the next turn */
void pump_resume(struct pump *pump, struct request *request); /* after RECEIVED_LATER */

#endif
