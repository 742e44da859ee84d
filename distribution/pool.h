#ifndef DISTRIBUTION_POOL_H
#define DISTRIBUTION_POOL_H

#include "base/queue.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

/* Threads for what blocks: file systems and long hashing. Fed and answered through base/queue, so that
 * nothing else is shared: each thread has an inbox, all answer into one queue whose eventfd the I/O thread
 * polls.
 *
 * Everything here is called from the one I/O thread, but for what run() calls (pool_go_on). Threads are
 * started when there is work for them and none is idle, up to the pool's maximum; what is beyond waits in
 * order of submission.
 *
 * A file system may hang (a dead NFS server), and its thread with it. Such a work is *lost*: where it showed
 * no life for its patience, or did not return soon after a cancel, it is answered without its thread. So a
 * work must own all that run() touches: it lives on until release(), which may come long after done(). A
 * lane (one distribution point) bounds how many threads it can hold; when all of these are lost, what waits
 * in the lane is answered as lost at once. So one hung distribution point stops no other. */
struct pool;

struct pool_lane {              /* the submitter's; set most, leave the rest zero; must outlive its works */
	unsigned most;          /* works of this lane that run at once */
	unsigned running, lost; /* the pool's; the lost are among the running */
};

enum pool_end {
	POOL_RAN,      /* run() has returned */
	POOL_CANCELED, /* run() was never called */
	POOL_LOST,     /* run() may still be running, or have hung before it did anything */
};

struct pool_work;
struct pool_signal { /* the pool's */
	struct queue_item item;
	struct pool_work *work;
	bool is_note;
};

struct pool_work {                             /* embed it; zero it, then fill the first part */
	void (*run)(struct pool_work *work);   /* pool thread */
	void (*noted)(struct pool_work *work); /* I/O thread, between submit and done, after pool_go_on();
	                                          NULL: not wanted */
	void (*done)(struct pool_work *work);  /* I/O thread, exactly once; see end; must not free the work */
	void (*release)(
	        struct pool_work *work); /* I/O thread, exactly once, after done() and run(): frees it;
	                                    never called for a thread that hangs until the process ends */
	struct pool_lane *lane;          /* NULL: none */
	atomic_llong patience_ms; /* without a sign of life for so long, it is lost; 0: 60 s; run() may change
	                             it, behind pool_go_on() */

	enum pool_end end; /* for done() */

	/* the pool's */
	struct pool_signal ended, note;
	TAILQ_ENTRY(pool_work) entry; /* among those that wait */
	struct pool *pool;
	int worker; /* -1: not given to a thread */
	bool answered;
	int64_t cancel_by_ms; /* lost if not back by then; 0: not canceled */
	int64_t noted_ms;     /* pool thread's: when the last note was sent */
	atomic_bool canceled, note_queued;
	atomic_llong alive_ms;
};

struct pool *pool_new(unsigned threads_max); /* 0: 32 */
int pool_fd(const struct pool *pool);        /* readable: call pool_step() */

/* Answers what has ended, loses what shows no life, starts what waits. To be called when pool_fd() is
 * readable, and at least once a second while pool_is_busy(). done() and noted() come from within; they may
 * submit and cancel. */
void pool_step(struct pool *pool);
bool pool_is_busy(const struct pool *pool); /* something is not answered yet */

void pool_submit(struct pool *pool, struct pool_work *work); /* done() never comes from within */
void pool_cancel(struct pool *pool, struct pool_work *work); /* a wish; done() comes soon, not from within */

/* For run(), between pieces of work of less than a second each where possible: shows life, wakes noted() at
 * most every 500 ms, and is false once the work should end because it was canceled or lost. */
bool pool_go_on(struct pool_work *work);

/* Cancels and answers all, bounded; nothing may be submitted any more: what has not returned after wait_ms is
 * lost, and its thread is left behind with its memory. NULL is fine. */
void pool_close(struct pool *pool, int64_t wait_ms);

#endif
