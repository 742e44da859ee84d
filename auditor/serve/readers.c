#include "auditor/serve/readers.h"

#include "base/clock.h"
#include "base/memory.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

struct readers {
	pthread_mutex_t lock; /* what is free */
	pthread_cond_t given_back;
	struct database **free;
	size_t free_count, count;
};

/* So that each has its files open, named or not. */
static enum status touch(struct database *database, struct error *err)
{
	int64_t count;

	return database_number(database, "SELECT count(*) FROM lane", &count, err);
}

enum status readers_open(const char *path, size_t count, struct readers **ret, struct error *err)
{
	struct readers *readers = memory_alloc(sizeof(*readers));
	enum status status = STATUS_OK;

	pthread_mutex_init(&readers->lock, NULL);
	pthread_cond_init(&readers->given_back, NULL);
	readers->free = memory_alloc(count * sizeof(*readers->free));
	while (status == STATUS_OK && readers->count < count) {
		status = database_open_reader(path, &readers->free[readers->count], err);
		if (status != STATUS_OK)
			break;
		status = touch(readers->free[readers->count++], err);
	}
	readers->free_count = readers->count;
	if (status != STATUS_OK) {
		readers_close(readers);
		return status;
	}
	*ret = readers;
	return STATUS_OK;
}

void readers_close(struct readers *readers)
{
	if (!readers)
		return;
	assert(readers->free_count == readers->count);
	for (size_t i = 0; i < readers->count; i++)
		database_close(readers->free[i]);
	free(readers->free);
	pthread_cond_destroy(&readers->given_back);
	pthread_mutex_destroy(&readers->lock);
	free(readers);
}

static struct database *take(struct readers *readers, int64_t timeout_ms)
{
	struct database *database = NULL;
	int64_t end_ms = clock_monotonic_ms() + timeout_ms;

	pthread_mutex_lock(&readers->lock);
	while (readers->free_count == 0 && clock_wait(&readers->given_back, &readers->lock, end_ms))
		;
	if (readers->free_count > 0)
		database = readers->free[--readers->free_count];
	pthread_mutex_unlock(&readers->lock);
	return database;
}

static void give_back(struct readers *readers, struct database *database)
{
	pthread_mutex_lock(&readers->lock);
	readers->free[readers->free_count++] = database;
	pthread_cond_signal(&readers->given_back);
	pthread_mutex_unlock(&readers->lock);
}

struct database *readers_take(struct readers *readers, int64_t timeout_ms, struct error *err)
{
	struct database *database = take(readers, timeout_ms);

	if (!database) {
		error_set(err, STATUS_RETRY, "busy", "too many questions at once: ask again later");
		return NULL;
	}
	if (database_begin_reading(database, err) == STATUS_OK)
		return database;
	give_back(readers, database);
	return NULL;
}

void readers_give_back(struct readers *readers, struct database *database)
{
	database_end_reading(database);
	give_back(readers, database);
}
