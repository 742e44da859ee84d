#include "auditor/log/ends.h"

#include "base/clock.h"
#include "base/memory.h"
#include "command/command.h"
#include "engine/client_lanes.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { EVERY_S = 5, RETRY_S = 2, UNREAD_BYTES = 1 << 20, WAIT_MS = 100 };

struct ends {
	const struct options *options;
	int64_t timeout_ms;
	pthread_t thread;

	pthread_mutex_t lock; /* everything below */
	pthread_cond_t stop;
	bool stopping;
	bool failed; /* the last time */
	struct error why;
	int64_t answered_ms;
	int32_t partitions;
	int64_t *offsets; /* LOG_TOPICS × partitions */
};

static enum status ask_lanes(struct ends *ends, struct client_lanes *lanes, const int32_t *partitions,
        int64_t *offsets, struct error *err)
{
	for (size_t topic = 0; topic < LOG_TOPICS; topic++)
		for (int32_t partition = 0; partition < partitions[0]; partition++) {
			enum status status = client_lanes_add(
			        lanes, topic, partition, CLIENT_FROM_BEGINNING, ends->timeout_ms, err);
			if (status != STATUS_OK)
				return status;
			size_t lane = topic * (size_t)partitions[0] + (size_t)partition;
			offsets[lane] = client_lane_place(lanes, lane).end;
		}
	return STATUS_OK;
}

static void keep(struct ends *ends, int32_t partitions, int64_t *offsets)
{
	pthread_mutex_lock(&ends->lock);
	free(ends->offsets);
	ends->offsets = offsets;
	ends->partitions = partitions;
	ends->answered_ms = clock_monotonic_ms();
	ends->failed = false;
	pthread_mutex_unlock(&ends->lock);
}

static void keep_failure(struct ends *ends, const struct error *why)
{
	pthread_mutex_lock(&ends->lock);
	ends->failed = true;
	ends->why = *why;
	pthread_mutex_unlock(&ends->lock);
}

/* How many seconds later to ask again. */
static int ask(struct ends *ends, struct client *client)
{
	struct error err;

	char *topics[LOG_TOPICS];
	int32_t partitions[LOG_TOPICS];
	struct client_lanes *lanes = NULL;

	for (int topic = 0; topic < LOG_TOPICS; topic++)
		topics[topic] = topic_named(ends->options, log_topic_name((enum log_topic)topic));
	enum status status = client_lanes_open(client, (const char *const *)topics, LOG_TOPICS, UNREAD_BYTES,
	        WAIT_MS, ends->timeout_ms, partitions, &lanes, &err);
	if (status == STATUS_OK) {
		int64_t *offsets = memory_alloc(LOG_TOPICS * (size_t)partitions[0] * sizeof(*offsets));
		status = ask_lanes(ends, lanes, partitions, offsets, &err);
		if (status == STATUS_OK)
			keep(ends, partitions[0], offsets);
		else
			free(offsets);
	}
	client_lanes_close(lanes);
	for (int topic = 0; topic < LOG_TOPICS; topic++)
		free(topics[topic]);
	if (status != STATUS_OK)
		keep_failure(ends, &err);
	return status == STATUS_OK ? EVERY_S : RETRY_S;
}

/* False: it is to end. */
static bool wait_for(struct ends *ends, int seconds)
{
	int64_t end_ms = clock_monotonic_ms() + INT64_C(1000) * seconds;

	pthread_mutex_lock(&ends->lock);
	while (!ends->stopping && clock_wait(&ends->stop, &ends->lock, end_ms))
		;
	bool stopping = ends->stopping;
	pthread_mutex_unlock(&ends->lock);
	return !stopping;
}

static void *run(void *context)
{
	struct ends *ends = context;
	struct client *client = NULL;
	struct error err;
	enum status status = client_open(ends->options, &client, &err);

	while (status == STATUS_OK && wait_for(ends, ask(ends, client)))
		;
	client_close(client);
	return NULL;
}

struct ends *ends_start(const struct options *options, int64_t timeout_ms)
{
	struct ends *ends = memory_alloc(sizeof(*ends));

	ends->options = options;
	ends->timeout_ms = timeout_ms;
	pthread_mutex_init(&ends->lock, NULL);
	pthread_cond_init(&ends->stop, NULL);
	int failed = pthread_create(&ends->thread, NULL, run, ends);
	assert(!failed);
	(void)failed;
	return ends;
}

void ends_stop(struct ends *ends)
{
	if (!ends)
		return;
	pthread_mutex_lock(&ends->lock);
	ends->stopping = true;
	pthread_cond_signal(&ends->stop);
	pthread_mutex_unlock(&ends->lock);
	pthread_join(ends->thread, NULL);
	pthread_cond_destroy(&ends->stop);
	pthread_mutex_destroy(&ends->lock);
	free(ends->offsets);
	free(ends);
}

int64_t ends_answered_ms(struct ends *ends)
{
	pthread_mutex_lock(&ends->lock);
	int64_t answered_ms = ends->answered_ms;
	pthread_mutex_unlock(&ends->lock);
	return answered_ms;
}

int64_t ends_of(struct ends *ends, enum log_topic topic, int32_t partition)
{
	int64_t end = -1;

	pthread_mutex_lock(&ends->lock);
	if (partition < ends->partitions)
		end = ends->offsets[topic * ends->partitions + partition];
	pthread_mutex_unlock(&ends->lock);
	return end;
}

bool ends_are_unknown(struct ends *ends, struct error *ret_why)
{
	pthread_mutex_lock(&ends->lock);
	bool failed = ends->failed;
	if (failed)
		*ret_why = ends->why;
	pthread_mutex_unlock(&ends->lock);
	return failed;
}
