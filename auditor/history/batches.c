/* How far each lane was read: what is new, what was read before, and what is committed with what. */
#include "auditor/history/database_room.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH_RECORDS = 10000, BATCH_MS = 200, CLOCK_EVERY = 64 };

struct lane {
	enum log_topic topic;
	struct position next;
	int64_t last_logged;
	bool must_show; /* its last record was read by an earlier run and has not come by yet */
	bool changed;   /* since the last commit */
	struct lane *after;
};

struct batches {
	struct map *by_name;
	struct lane *first;
	size_t must_show; /* how many lanes must */
	bool is_new;

	bool begun;        /* a transaction is under way */
	uint64_t gathered; /* records in it */
	uint64_t added;
	int64_t begun_ms;
	int64_t data_version; /* SQLite's: another one says that somebody else wrote */
};

struct batches *batches_new(void)
{
	struct batches *batches = memory_alloc(sizeof(*batches));

	batches->by_name = map_new();
	return batches;
}

void batches_free(struct batches *batches)
{
	if (!batches)
		return;
	map_free(batches->by_name, free);
	free(batches);
}

static struct lane *lane_of(struct batches *batches, enum log_topic topic, int32_t partition, bool create)
{
	char name[sizeof(topic) + sizeof(partition)];
	struct view key = {name, sizeof(name)};
	struct lane *lane;

	memcpy(name, &topic, sizeof(topic));
	memcpy(name + sizeof(topic), &partition, sizeof(partition));
	lane = map_get(batches->by_name, key);
	if (lane || !create)
		return lane;
	lane = memory_alloc(sizeof(*lane));
	lane->topic = topic;
	lane->next = (struct position){partition, 0};
	lane->after = batches->first;
	batches->first = lane;
	map_put(batches->by_name, key, lane);
	return lane;
}

static bool topic_of(struct view name, enum log_topic *ret)
{
	for (int topic = 0; topic < LOG_TOPICS; topic++)
		if (view_is(name, log_topic_name((enum log_topic)topic))) {
			*ret = (enum log_topic)topic;
			return true;
		}
	return false;
}

enum status batches_load(struct database *database, struct error *err)
{
	struct query *query =
	        query_new(database, "SELECT topic, partition, next_offset, last_logged FROM lane");
	struct batches *batches = database->batches;
	enum log_topic topic;
	enum status status;
	bool row = false;

	while ((status = query_next(query, &row, err)) == STATUS_OK && row)
		if (topic_of(query_text(query, 0), &topic)) {
			struct lane *lane = lane_of(batches, topic, (int32_t)query_int(query, 1), true);

			lane->next.offset = query_int(query, 2);
			lane->last_logged = query_int(query, 3);
			lane->must_show = true;
			batches->must_show++;
		}
	query_free(query);
	batches->is_new = batches->first == NULL;
	return status == STATUS_OK
	               ? database_number(database, "PRAGMA data_version", &batches->data_version, err)
	               : status;
}

bool database_is_new(const struct database *database)
{
	return database->batches->is_new;
}

int64_t database_first_offset(void *database, enum log_topic topic, int32_t partition)
{
	struct database *of = database;
	const struct lane *lane = lane_of(of->batches, topic, partition, false);

	return lane ? lane->next.offset - 1 : -1;
}

uint64_t database_added(const struct database *database)
{
	return database->batches->added;
}

/* ---- what was read before */

static enum status fail_other_log(
        const struct database *database, const struct lane *lane, const char *what, struct error *err)
{
	return error_set(err, STATUS_REJECT, "database_other_log",
	        "%s was filled from another log: there, offset %lld of partition %d of %s%s %s; was the "
	        "topic "
	        "re-created, or did its retention remove records? Export into a new file",
	        database->name, (long long)lane->next.offset - 1, (int)lane->next.partition, database->prefix,
	        log_topic_name(lane->topic), what);
}

enum status database_check_lanes(const struct database *database, struct error *err)
{
	for (const struct lane *lane = database->batches->first; lane; lane = lane->after)
		if (lane->must_show)
			return fail_other_log(database, lane, "held a record, and now there is none", err);
	return STATUS_OK;
}

/* Settles whether the record is new; the last one read before must come by, and be the same. */
static enum status look(struct database *database, struct lane *lane, const struct fact *fact, bool *ret_new,
        struct error *err)
{
	int64_t last = lane->next.offset - 1;

	*ret_new = fact->position.offset > last;
	if (lane->must_show && fact->position.offset == last) {
		if (fact->log_time_ms != lane->last_logged)
			return fail_other_log(database, lane, "held a record of another time", err);
		lane->must_show = false;
		database->batches->must_show--;
	} else if (lane->must_show && *ret_new) {
		return fail_other_log(database, lane, "held a record, and now there is none", err);
	}
	return STATUS_OK;
}

/* ---- transactions */

static enum status begin(struct database *database, struct error *err)
{
	struct batches *batches = database->batches;
	int64_t version = 0;
	enum status status = database_exec(database, "BEGIN IMMEDIATE", err);

	if (status == STATUS_OK)
		status = database_number(database, "PRAGMA data_version", &version, err);
	if (status != STATUS_OK)
		return status;
	if (version != batches->data_version)
		return error_set(err, STATUS_RETRY, "database_busy",
		        "another process has written to %s meanwhile: let one at a time fill it",
		        database->name);
	batches->begun = true;
	batches->gathered = 0;
	batches->begun_ms = clock_monotonic_ms();
	return STATUS_OK;
}

enum status database_commit(struct database *database, struct error *err)
{
	struct batches *batches = database->batches;
	enum status status = STATUS_OK;

	if (!batches->begun || batches->must_show)
		return STATUS_OK;
	for (struct lane *lane = batches->first; lane && status == STATUS_OK; lane = lane->after) {
		if (lane->changed)
			status = projection_put_lane(database->projection, lane->topic, lane->next.partition,
			        lane->next.offset, lane->last_logged, err);
		lane->changed = false;
	}
	if (status == STATUS_OK)
		status = database_exec(database, "COMMIT", err);
	if (status != STATUS_OK)
		return status;
	batches->begun = false;
	batches->added += batches->gathered;
	return STATUS_OK;
}

static bool is_full(const struct batches *batches)
{
	return batches->gathered >= BATCH_RECORDS ||
	       (batches->gathered % CLOCK_EVERY == 0 && clock_monotonic_ms() - batches->begun_ms >= BATCH_MS);
}

enum status database_apply(struct database *database, const struct fact *fact, struct view value,
        bool *ret_new, struct error *err)
{
	struct batches *batches = database->batches;
	struct lane *lane = lane_of(batches, fact->topic, fact->position.partition, true);
	bool is_new = false;
	enum status status = look(database, lane, fact, &is_new, err);

	if (status == STATUS_OK && ret_new)
		*ret_new = is_new;
	if (status != STATUS_OK || !is_new)
		return status;
	if (!batches->begun)
		status = begin(database, err);
	if (status == STATUS_OK)
		status = projection_put_fact(database->projection, fact, value, err);
	if (status != STATUS_OK)
		return status;
	lane->next.offset = fact->position.offset + 1;
	lane->last_logged = fact->log_time_ms;
	lane->changed = true;
	batches->gathered++;
	return is_full(batches) ? database_commit(database, err) : STATUS_OK;
}
