#include "engine/crew.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum { END_PATIENCE_MS = 3000 }; /* then calls that wait for Kafka are cut short */

struct member {
	LIST_ENTRY(member) entry;
	int32_t partition;
	struct shard *shard;
	struct kafka *kafka; /* NULL once its thread has ended */
	pthread_t thread;
	atomic_bool ending; /* was told to, or did so by itself */
	int64_t end_by_ms;
	atomic_bool over; /* said by the thread, as its last act */
	bool joined;
	enum outcome outcome; /* once over */
	struct error err;
};

struct crew {
	const struct worker_spec *spec;
	struct process *process;
	struct shard_limits limits;
	pthread_mutex_t lock; /* of changes of the two below, and of other threads' looks at them */
	LIST_HEAD(, member) members;
	uint64_t retired[COUNTS]; /* of shards that are gone */
	struct map *notices;      /* name → struct view, with its bytes behind it */
};

struct crew *crew_new(
        const struct worker_spec *spec, struct process *process, const struct shard_limits *limits)
{
	struct crew *crew = memory_alloc(sizeof(*crew));

	crew->spec = spec;
	crew->process = process;
	crew->limits = *limits;
	pthread_mutex_init(&crew->lock, NULL);
	LIST_INIT(&crew->members);
	crew->notices = map_new();
	return crew;
}

void crew_free(struct crew *crew)
{
	if (!crew)
		return;
	map_free(crew->notices, free);
	pthread_mutex_destroy(&crew->lock);
	free(crew);
}

static void *run(void *context)
{
	struct member *member = context;

	member->outcome = shard_run(member->shard, &member->err);
	member->over = true;
	return NULL;
}

static void give_notice(struct view name, void *notice, void *context)
{
	struct member *member = context;
	char *text = memory_copy(name.data, name.len);

	shard_notice(member->shard, text, *(const struct view *)notice);
	free(text);
}

static struct member *find(struct crew *crew, int32_t partition)
{
	struct member *member;

	LIST_FOREACH(member, &crew->members, entry)
		if (member->partition == partition && !member->ending)
			return member;
	return NULL;
}

void crew_begin(struct crew *crew, void *shell, int32_t partition)
{
	struct member *member = find(crew, partition);

	if (member) {
		shard_resume(member->shard);
		return;
	}
	member = memory_alloc(sizeof(*member));
	member->partition = partition;
	member->kafka = kafka_open(crew->process, partition);
	member->shard = shard_new(crew->spec, shell, partition, member->kafka, &crew->limits);
	kafka_attach(member->kafka, shard_completions_fd(member->shard), shard_control_fd(member->shard));
	pthread_mutex_lock(&crew->lock);
	map_each(crew->notices, give_notice, member);
	LIST_INSERT_HEAD(&crew->members, member, entry);
	pthread_mutex_unlock(&crew->lock);
	if (pthread_create(&member->thread, NULL, run, member) != 0)
		abort(); /* out of threads */
}

static void end(struct member *member)
{
	struct shard_status status;

	if (member->ending)
		return;
	member->ending = true;
	member->end_by_ms = clock_monotonic_ms() + END_PATIENCE_MS;
	shard_end(member->shard);
	shard_read_status(member->shard, &status);
	if (status.phase != SHARD_RUNNING)
		kafka_end(member->kafka);
}

void crew_end(struct crew *crew, int32_t partition)
{
	struct member *member = find(crew, partition);

	if (member)
		end(member);
}

void crew_end_all(struct crew *crew)
{
	struct member *member;

	LIST_FOREACH(member, &crew->members, entry)
		end(member);
}

void crew_hush_all(struct crew *crew)
{
	struct member *member;

	LIST_FOREACH(member, &crew->members, entry)
		if (!member->ending)
			shard_hush(member->shard);
}

static bool is_running(struct member *member)
{
	struct shard_status status;

	shard_read_status(member->shard, &status);
	return status.phase == SHARD_RUNNING;
}

bool crew_is_hushed(struct crew *crew)
{
	struct member *member;

	LIST_FOREACH(member, &crew->members, entry)
		if (!member->ending && is_running(member) && !shard_is_hushed(member->shard))
			return false;
	return true;
}

static void note_end(struct member *member, struct error *err, enum status *status)
{
	pthread_join(member->thread, NULL);
	member->joined = true;
	member->ending = true;
	kafka_close(member->kafka);
	member->kafka = NULL;
	if (member->outcome == OUTCOME_REFUSED) {
		*err = member->err;
		log_line(LOG_ERROR, "shard refused", "partition", log_number(member->partition), "code",
		        err->code, "error", err->message, NULL);
		*status = error_set(err, STATUS_FATAL, "shard_refused", "partition %d was refused: %s",
		        (int)member->partition, member->err.message);
		return;
	}
	log_line(LOG_INFO, "shard ended", "partition", log_number(member->partition), NULL);
}

enum status crew_reap(struct crew *crew, struct error *err)
{
	enum status status = STATUS_OK;

	for (struct member *member = LIST_FIRST(&crew->members), *next; member; member = next) {
		next = LIST_NEXT(member, entry);
		if (!member->joined && member->over)
			note_end(member, err, &status);
		if (!member->joined && member->ending && clock_monotonic_ms() > member->end_by_ms)
			kafka_end(member->kafka);
		if (!member->joined || shard_outstanding(member->shard) > 0)
			continue;
		pthread_mutex_lock(&crew->lock);
		shard_sum_counts(member->shard, crew->retired);
		LIST_REMOVE(member, entry);
		pthread_mutex_unlock(&crew->lock);
		shard_free(member->shard);
		free(member);
	}
	return status;
}

size_t crew_running(struct crew *crew)
{
	struct member *member;
	size_t count = 0;

	LIST_FOREACH(member, &crew->members, entry)
		count += !member->joined;
	return count;
}

size_t crew_outstanding(struct crew *crew)
{
	struct member *member;
	size_t count = 0;

	LIST_FOREACH(member, &crew->members, entry)
		count += shard_outstanding(member->shard);
	return count;
}

void crew_notice(struct crew *crew, const char *name, struct view notice)
{
	struct view *kept = memory_alloc(sizeof(*kept) + notice.len);
	struct member *member;

	*kept = (struct view){memcpy(kept + 1, notice.data, notice.len), notice.len};
	pthread_mutex_lock(&crew->lock);
	free(map_put(crew->notices, view_text(name), kept));
	LIST_FOREACH(member, &crew->members, entry)
		shard_notice(member->shard, name, notice);
	pthread_mutex_unlock(&crew->lock);
}

void crew_positions(struct crew *crew, int64_t *positions)
{
	struct member *member;

	for (int32_t p = 0; p < process_partitions(crew->process); p++)
		positions[p] = -1;
	LIST_FOREACH(member, &crew->members, entry)
		if (!member->ending)
			positions[member->partition] = kafka_noted_position(member->kafka);
}

void crew_look(struct crew *crew, struct crew_view *ret)
{
	struct member *member;
	size_t members = 0;

	*ret = (struct crew_view){.shards = NULL};
	pthread_mutex_lock(&crew->lock);
	memcpy(ret->counts, crew->retired, sizeof(ret->counts));
	LIST_FOREACH(member, &crew->members, entry)
		members++;
	ret->shards = memory_alloc((members + 1) * sizeof(*ret->shards));
	LIST_FOREACH(member, &crew->members, entry) {
		shard_sum_counts(member->shard, ret->counts);
		if (member->ending)
			continue;
		struct crew_shard *shard = &ret->shards[ret->count++];
		shard->partition = member->partition;
		shard_read_status(member->shard, &shard->status);
		ret->running += shard->status.phase == SHARD_RUNNING;
	}
	pthread_mutex_unlock(&crew->lock);
}

void crew_view_release(struct crew_view *view)
{
	free(view->shards);
}
