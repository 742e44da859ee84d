#ifndef DISTRIBUTION_HTTP_JOB_H
#define DISTRIBUTION_HTTP_JOB_H

#include "distribution/hasher.h"
#include "distribution/http_driver.h"

#include <sys/queue.h>

/* Inside the HTTP driver. A job is an operation under way: one request after another until an answer decides.
 * http_job.c makes the requests, http_judge.c says what an answer means, http_driver.c finds out what the
 * server can do. */
struct http_driver {
	struct driver driver;
	const struct catalogue_point *point;
	struct pump *pump;
	struct pool *pool;
	struct agenda *agenda;
	struct pace pace;
	struct probe *probe; /* under way */
	bool probed;
	LIST_HEAD(, job) held; /* READs of dp.json that wait for it */
};

struct job {
	struct http_driver *http;
	struct operation *operation;
	struct request request;
	char *url, *destination; /* the request's; destination: a whole header line */
	void (*answered)(struct job *job);
	struct hasher *hasher;
	uint64_t received, moved;
	bool as_folder, parents_made, under_way, canceled;
	const char *parent; /* up to where in path the parents are made; NULL: none is being made */
	struct agenda_entry later;
	LIST_ENTRY(job) entry; /* among those held */
};

void job_start(struct job *job);
void job_read(struct job *job, void (*answered)(struct job *job)); /* only the request of READ */
void job_answered_read(struct job *job);                           /* and what becomes of its answer */
void job_answer(struct job *job); /* operation->done(), with the result as it is; frees the job */
void job_answer_later(struct agenda_entry *entry);

/* What the last answer was: 0 where there was none. */
int job_code(const struct job *job);
bool job_succeeded(const struct job *job);
bool job_found_nothing(const struct job *job);

/* Fills the result's error and what goes with it from the last answer. */
void job_judge(struct job *job);

#endif
