/* What each fact means for the tables: which statements it runs, with what. */
#include "auditor/history/database_room.h"
#include "auditor/history/projection_sql.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct projection {
	struct query *queries[STATEMENTS];
	unsigned flags;
	char *jobs_topic; /* whole name */
};

struct projection *projection_new(struct database *database)
{
	struct projection *projection = memory_alloc(sizeof(*projection));

	for (int i = 0; i < STATEMENTS; i++)
		projection->queries[i] = query_new(database, projection_sql[i]);
	projection->flags = database->flags;
	projection->jobs_topic = memory_format("%s%s", database->prefix, log_topic_name(LOG_JOBS));
	return projection;
}

void projection_free(struct projection *projection)
{
	if (!projection)
		return;
	for (int i = 0; i < STATEMENTS; i++)
		query_free(projection->queries[i]);
	free(projection->jobs_topic);
	free(projection);
}

/* ---- binding, by what a value is */

static void bind_position(struct query *query, struct position position)
{
	query_bind_int(query, position.partition);
	query_bind_int(query, position.offset);
}

static void bind_position_or_null(struct query *query, struct position position)
{
	if (position.offset >= 0) {
		bind_position(query, position);
	} else {
		query_bind_null(query);
		query_bind_null(query);
	}
}

static void bind_texts(struct query *query, size_t count, const struct view *texts)
{
	for (size_t i = 0; i < count; i++)
		query_bind_borrowed(query, texts[i]);
}
#define TEXTS(query, ...)                                                                                    \
	bind_texts(query, sizeof((struct view[]){__VA_ARGS__}) / sizeof(struct view),                        \
	        (struct view[]){__VA_ARGS__})

static void bind_if(struct query *query, bool known, int64_t value)
{
	if (known)
		query_bind_int(query, value);
	else
		query_bind_null(query);
}

static struct view or_empty(struct view text)
{
	return text.data ? text : view_text("");
}

/* Counts come from outside as unsigned; SQLite's integers are signed. */
static int64_t count_of(uint64_t count)
{
	return count > INT64_MAX ? INT64_MAX : (int64_t)count;
}

/* ---- events */

static bool is_known_job_type(struct view type)
{
	return view_is(type, "create") || view_is(type, "update");
}

static struct view event_type(const struct fact *fact)
{
	switch (fact->type) {
	case FACT_JOB:
		return is_known_job_type(fact->job_type) ? fact->job_type : view_text("unknown_job");
	case FACT_JOB_STATUS:
		return view_text("job");
	case FACT_POINT:
		return view_text("distribution_point");
	case FACT_DEAD_LETTER:
		return view_text("dead_letter");
	case FACT_UNREADABLE:
	case FACT_STAGED:
	case FACT_RELEASE:
	case FACT_WITHHELD:
	case FACT_UPDATED:
	case FACT_DUPLICATE:
		break;
	}
	return view_text(fact_type_name(fact->type));
}

/* The job that a record is of; of a job itself and of what cannot be read as one, its own place. */
static struct position job_of(const struct fact *fact)
{
	if (fact->topic == LOG_JOBS)
		return fact->position;
	if (fact->type == FACT_DUPLICATE)
		return fact->original;
	return fact->job_position;
}

/* Of a job that was sent on, its record does not say: it came from this topic's partition. */
static struct view origin_topic_of(const struct projection *projection, const struct fact *fact)
{
	if (fact->topic == LOG_JOBS && fact->origin.offset >= 0)
		return view_text(projection->jobs_topic);
	return fact->origin_topic;
}

static enum status put_event_row(
        struct projection *projection, const struct fact *fact, struct view value, struct error *err)
{
	struct query *query = projection->queries[PUT_EVENT];

	query_bind_borrowed(query, view_text(log_topic_name(fact->topic)));
	bind_position(query, fact->position);
	query_bind_int(query, fact->time_ms);
	query_bind_int(query, fact->log_time_ms);
	TEXTS(query, event_type(fact), fact->package.data ? fact->package : fact->key, fact->version,
	        fact->point, fact->job_id);
	bind_position_or_null(query, job_of(fact));
	TEXTS(query, fact->state, fact->reason, fact->detail, fact->id, origin_topic_of(projection, fact));
	bind_position_or_null(query, fact->origin);
	query_bind_int(query, count_of(value.len));
	query_bind_blob(query, projection->flags & DATABASE_VALUES ? value : (struct view){0});
	return query_run(query, err);
}

/* ---- jobs */

static enum status put_fate(
        struct projection *projection, enum statement which, const struct fact *fact, struct error *err)
{
	struct query *query = projection->queries[which];

	if (fact->origin.offset < 0 || !view_is(origin_topic_of(projection, fact), projection->jobs_topic))
		return STATUS_OK;
	bind_position(query, fact->origin);
	return query_run(query, err);
}

static enum status put_wanted_of(struct projection *projection, struct position job, struct error *err)
{
	struct query *query = projection->queries[PUT_WANTED];

	bind_position(query, job);
	return query_run(query, err);
}

/* Also of a record in the topic jobs that cannot be read as one. */
static enum status put_job_record(struct projection *projection, const struct fact *fact, struct error *err)
{
	struct query *query = projection->queries[PUT_JOB];
	bool stages = fact->has_content || view_is(fact->job_type, "create");
	enum status status;

	bind_position(query, fact->position);
	TEXTS(query, or_empty(fact->job_id), or_empty(fact->package.data ? fact->package : fact->key),
	        fact->version, fact->job_type, fact->requested_by);
	query_bind_int(query, stages);
	query_bind_int(query, fact->log_time_ms);
	status = query_run(query, err);
	if (status == STATUS_OK)
		status = put_fate(projection, PUT_JOB_REROUTED, fact, err);
	return status == STATUS_OK ? put_wanted_of(projection, fact->position, err) : status;
}

static enum status put_job_status_of(
        struct projection *projection, const struct fact *fact, struct error *err)
{
	struct query *query = projection->queries[PUT_JOB_STATUS];
	bool accepted = view_is(fact->state, "accepted"), held = view_is(fact->state, "held");
	enum status status;

	if (!fact->state.data || fact->job_position.offset < 0 ||
	        fact->job_position.partition != fact->position.partition)
		return STATUS_OK;
	bind_position(query, fact->job_position);
	TEXTS(query, or_empty(fact->job_id), or_empty(fact->package), fact->version, fact->job_type,
	        fact->state);
	query_bind_int(query, fact->final);
	TEXTS(query, fact->reason, fact->detail, fact->requested_by,
	        accepted ? fact->points : (struct view){0});
	query_bind_int(query, view_is(fact->job_type, "create"));
	bind_if(query, accepted, fact->log_time_ms);
	bind_if(query, held, fact->log_time_ms);
	bind_if(query, fact->final, fact->log_time_ms);
	bind_if(query, fact->deadline_ms != 0, fact->deadline_ms);
	bind_if(query, held, fact->waiting_staged);
	bind_if(query, held, fact->waiting_targets);
	TEXTS(query, fact->missing, fact->outcomes);
	status = query_run(query, err);
	return status == STATUS_OK && accepted ? put_wanted_of(projection, fact->job_position, err) : status;
}

static enum status put_duplicate(struct projection *projection, const struct fact *fact, struct error *err)
{
	char detail[80];
	struct fact as_status = *fact;

	snprintf(detail, sizeof(detail), "the same as %d-%lld", (int)fact->original.partition,
	        (long long)fact->original.offset);
	as_status.job_position = fact->duplicate;
	as_status.state = view_text("duplicate");
	as_status.final = true;
	as_status.reason = view_text("duplicate");
	as_status.detail = view_text(detail);
	return put_job_status_of(projection, &as_status, err);
}

/* ---- copies and pointers */

static bool names_copy(const struct fact *fact)
{
	return fact->package.data && fact->version.data && fact->point.data;
}

static enum status put_staged_copy(struct projection *projection, const struct fact *fact, struct error *err)
{
	struct query *query = projection->queries[PUT_STAGED];

	TEXTS(query, fact->package, fact->version, fact->point);
	query_bind_int(query, fact->time_ms);
	TEXTS(query, fact->dp_id, fact->digest);
	query_bind_int(query, count_of(fact->files));
	query_bind_int(query, count_of(fact->bytes));
	TEXTS(query, fact->read_back);
	query_bind_int(query, fact->time_ms);
	TEXTS(query, fact->id);
	bind_position(query, fact->position);
	return query_run(query, err);
}

static enum status put_point_status(struct projection *projection, const struct fact *fact, struct error *err)
{
	struct query *query = projection->queries[PUT_POINT];
	enum status status;

	TEXTS(query, fact->package, fact->version, fact->point, or_empty(fact->state));
	query_bind_int(query, fact->time_ms);
	query_bind_int(query, fact->attempt);
	TEXTS(query, fact->reason, fact->detail);
	bind_if(query, fact->next_retry_ms != 0, fact->next_retry_ms);
	bind_position(query, fact->position);
	status = query_run(query, err);
	if (status != STATUS_OK || !view_is(fact->state, "pending"))
		return status;
	query = projection->queries[PUT_POINT_PENDING];
	TEXTS(query, fact->package, fact->version, fact->point);
	query_bind_int(query, fact->time_ms);
	return query_run(query, err);
}

static enum status put_desired(struct projection *projection, const struct fact *fact, struct error *err)
{
	struct query *query = projection->queries[PUT_RELEASE];
	enum status status;

	TEXTS(query, fact->package, fact->point, fact->version, fact->job_id);
	query_bind_int(query, fact->log_time_ms);
	TEXTS(query, fact->id);
	bind_position(query, fact->position);
	status = query_run(query, err);
	if (status != STATUS_OK || fact->job_position.offset < 0)
		return status;
	query = projection->queries[PUT_JOB_RELEASE];
	bind_position(query, fact->job_position);
	query_bind_int(query, fact->log_time_ms);
	return query_run(query, err);
}

static enum status put_live(struct projection *projection, const struct fact *fact, struct error *err)
{
	struct query *query = projection->queries[PUT_UPDATED];

	TEXTS(query, fact->package, fact->point, fact->version, fact->previous_version, fact->dp_id,
	        fact->digest, fact->job_id);
	query_bind_int(query, fact->log_time_ms);
	bind_position(query, fact->position);
	return query_run(query, err);
}

static enum status put_state(struct projection *projection, const struct fact *fact, struct error *err)
{
	switch (fact->type) {
	case FACT_JOB:
		return put_job_record(projection, fact, err);
	case FACT_UNREADABLE:
		return fact->topic == LOG_JOBS ? put_job_record(projection, fact, err) : STATUS_OK;
	case FACT_JOB_STATUS:
		return put_job_status_of(projection, fact, err);
	case FACT_DUPLICATE:
		return put_duplicate(projection, fact, err);
	case FACT_DEAD_LETTER:
		return put_fate(projection, PUT_JOB_DEAD, fact, err);
	case FACT_STAGED:
		return names_copy(fact) ? put_staged_copy(projection, fact, err) : STATUS_OK;
	case FACT_POINT:
		return names_copy(fact) ? put_point_status(projection, fact, err) : STATUS_OK;
	case FACT_RELEASE:
		return names_copy(fact) ? put_desired(projection, fact, err) : STATUS_OK;
	case FACT_UPDATED:
		return names_copy(fact) ? put_live(projection, fact, err) : STATUS_OK;
	case FACT_WITHHELD:
		break;
	}
	return STATUS_OK;
}

enum status projection_put_fact(
        struct projection *projection, const struct fact *fact, struct view value, struct error *err)
{
	enum status status = put_state(projection, fact, err);

	if (status != STATUS_OK || !(projection->flags & DATABASE_EVENTS))
		return status;
	return put_event_row(projection, fact, value, err);
}

enum status projection_put_lane(struct projection *projection, enum log_topic topic, int32_t partition,
        int64_t next_offset, int64_t last_logged, struct error *err)
{
	struct query *query = projection->queries[PUT_LANE];

	query_bind_borrowed(query, view_text(log_topic_name(topic)));
	query_bind_int(query, partition);
	query_bind_int(query, next_offset);
	query_bind_int(query, last_logged);
	return query_run(query, err);
}
