/* Jobs, newest first, and the life of one. */
#include "auditor/serve/api_parts.h"

#include <string.h>

/* What a job left behind elsewhere is not listed unless asked for. */
#define LISTED "state NOT IN ('rerouted', 'duplicate')"

static const char *const states[] = {"submitted", "accepted", "held", "completed", "failed", "expired",
        "superseded", "canceled", "rejected", "duplicate", "rerouted", "dead_letter", "open", "dead", NULL};

/* Each filter as one literal statement: what comes from outside is bound. */
struct job_filter {
	const char *where;
	const char *state, *package; /* bound, in this order, where not NULL */
};

static const char *where_of(const char *state, bool package)
{
	if (!state)
		return package ? " WHERE " LISTED " AND package = ?" : " WHERE " LISTED;
	if (strcmp(state, "open") == 0)
		return package ? " WHERE state IN ('submitted', 'accepted', 'held') AND package = ?"
		               : " WHERE state IN ('submitted', 'accepted', 'held')";
	if (strcmp(state, "dead") == 0)
		return package ? " WHERE state IN ('failed', 'rejected', 'expired') AND package = ?"
		               : " WHERE state IN ('failed', 'rejected', 'expired')";
	return package ? " WHERE state = ? AND package = ?" : " WHERE state = ?";
}

static bool is_state(const char *state)
{
	for (size_t i = 0; states[i]; i++)
		if (strcmp(states[i], state) == 0)
			return true;
	return false;
}

static enum status read_filter(const struct http_request *request, struct job_filter *ret, struct error *err)
{
	const char *state = http_argument(request, "state"), *package = http_argument(request, "package");

	if (state && !*state)
		state = NULL;
	if (package && !*package)
		package = NULL;
	if (state && !is_state(state))
		return fail_argument(err, "state", state,
		        "submitted, accepted, held, completed, failed, expired, superseded, canceled, "
		        "rejected, "
		        "duplicate, rerouted, dead_letter, open (submitted, accepted, held) or dead (failed, "
		        "rejected, expired)");
	bool bound = state && strcmp(state, "open") != 0 && strcmp(state, "dead") != 0;
	*ret = (struct job_filter){where_of(state, package), bound ? state : NULL, package};
	return STATUS_OK;
}

/* Only literals of this file become SQL. */
static struct query *filtered(
        struct asking *asking, const char *head, const struct job_filter *filter, const char *tail)
{
	struct buffer sql;

	buffer_init(&sql, 4096);
	buffer_add_text(&sql, head);
	buffer_add_text(&sql, filter->where);
	buffer_add_text(&sql, tail);
	struct query *query = query_new(asking->database, sql.data);
	buffer_release(&sql);
	if (filter->state)
		query_bind_words(query, filter->state);
	if (filter->package)
		query_bind_words(query, filter->package);
	return query;
}

enum status answer_jobs(struct asking *asking, struct error *err)
{
	struct buffer *out = asking->out;
	struct page_range range;
	struct job_filter filter = {0};
	int64_t total;

	if (argument_range(asking->request, &range, err) != STATUS_OK ||
	        read_filter(asking->request, &filter, err) != STATUS_OK ||
	        ask_number(filtered(asking, "SELECT count(*) FROM job", &filter, ""), &total, err) !=
	                STATUS_OK)
		return err->status;
	json_begin(out, '{');
	json_put_int(out, "total", total);
	json_key(out, "items");
	struct query *query = filtered(asking, "SELECT " JOB_COLUMNS " FROM job", &filter,
	        " ORDER BY " JOB_TIME " DESC LIMIT ? OFFSET ?");
	query_bind_int(query, range.limit);
	query_bind_int(query, range.offset);
	enum status status = add_rows(query, add_job, out, err);
	json_end(out, '}');
	return status;
}

/* ---- one job */

enum { EVENTS_MAX = 2000 };

static struct query *of_job(struct asking *asking, const char *sql, int64_t partition, int64_t offset)
{
	struct query *query = query_new(asking->database, sql);

	query_bind_int(query, partition);
	query_bind_int(query, offset);
	return query;
}

static void add_annotations(struct buffer *out, struct query *query)
{
	put_column(out, "gate", query, 0);
	put_json(out, "annotations", query, 1);
}

/* What only the job's record itself says. */
static enum status put_record_fields(
        struct asking *asking, int64_t partition, int64_t offset, struct error *err)
{
	struct query *query = of_job(asking,
	        "SELECT json_extract(json, '$.gate'), iif(json_type(json, '$.annotations') = 'object',"
	        " json_extract(json, '$.annotations'), NULL) FROM (SELECT " EVENT_VALUE " AS json FROM event"
	        " WHERE topic = 'jobs' AND partition = ? AND \"offset\" = ?)",
	        partition, offset);
	bool row;
	enum status status = query_next(query, &row, err);

	if (status == STATUS_OK && row)
		add_annotations(asking->out, query);
	query_free(query);
	return status;
}

/* Its own records, and those of its version on its distribution points while it was open: also what the log
 * stamped a little after its end, though it was written before or with it. */
static const char life_sql[] =
        "WITH this AS (SELECT * FROM job WHERE partition = ?1 AND \"offset\" = ?2),"
        " point AS (SELECT value AS name FROM this, json_each(" JOB_POINTS ")"
        "  UNION SELECT distribution_point FROM event WHERE job_partition = ?1 AND job_offset = ?2),"
        " place AS (SELECT topic, partition, \"offset\" FROM event WHERE job_partition = ?1 "
        "AND job_offset = ?2"
        "  UNION SELECT 'jobs', ?1, ?2"
        "  UNION SELECT event.topic, event.partition, event.\"offset\" FROM this, event"
        "   WHERE event.package = this.package AND event.version = this.version"
        "   AND event.type IN ('distribution_point', 'staged', 'updated')"
        "   AND event.logged BETWEEN " JOB_TIME " AND coalesce(ended + 5000, 9223372036854775807)"
        "   AND (ended IS NULL OR event.logged <= ended OR event.time <="
        "    (SELECT max(time) FROM event WHERE job_partition = ?1 AND job_offset = ?2))"
        "   AND event.distribution_point IN (SELECT name FROM point))"
        " SELECT " EVENT_COLUMNS " FROM event JOIN place USING (topic, partition, \"offset\")"
        " ORDER BY logged, topic = 'updated', topic = 'staged', topic = 'status', "
        "\"offset\" LIMIT ?3";

static enum status put_events(struct asking *asking, int64_t partition, int64_t offset, struct error *err)
{
	struct query *query = of_job(asking, life_sql, partition, offset);

	query_bind_int(query, EVENTS_MAX);
	json_key(asking->out, "events");
	return add_rows(query, add_event, asking->out, err);
}

static enum status put_attempts(struct asking *asking, int64_t partition, int64_t offset, struct error *err)
{
	struct buffer *out = asking->out;
	struct query *query = of_job(asking,
	        "SELECT copy.distribution_point, copy.attempt FROM job JOIN copy ON copy.package = "
	        "job.package"
	        " AND copy.version = job.version WHERE job.partition = ? AND job.\"offset\" = ?"
	        " AND copy.attempt IS NOT NULL ORDER BY 1",
	        partition, offset);
	enum status status;
	bool row;

	json_key(out, "attempts");
	json_begin(out, '{');
	while ((status = query_next(query, &row, err)) == STATUS_OK && row) {
		key_view(out, query_text(query, 0));
		json_add_int(out, query_int(query, 1));
	}
	json_end(out, '}');
	query_free(query);
	return status;
}

static bool parse_job(const char *text, int64_t *ret_partition, int64_t *ret_offset)
{
	const char *dash = strchr(text, '-');

	return dash && number_parse((struct view){text, (size_t)(dash - text)}, INT32_MAX, ret_partition) &&
	       number_parse(view_text(dash + 1), INT64_MAX, ret_offset);
}

enum status answer_job(struct asking *asking, struct error *err)
{
	const char *job = http_rest(asking->request);
	int64_t partition, offset;
	bool row;

	if (!parse_job(job, &partition, &offset))
		return fail_argument(err, "job", job, "PARTITION-OFFSET, its place in the topic jobs");
	struct query *query = of_job(asking,
	        "SELECT " JOB_COLUMNS " FROM job WHERE partition = ? AND \"offset\" = ?", partition, offset);
	enum status status = query_next(query, &row, err);
	if (status == STATUS_OK && row)
		begin_job(asking->out, query);
	else if (status == STATUS_OK)
		status = error_set(err, STATUS_REJECT, "not_found", "there is no job at %.40s", job);
	query_free(query);
	if (status == STATUS_OK)
		status = put_record_fields(asking, partition, offset, err);
	if (status == STATUS_OK)
		status = put_events(asking, partition, offset, err);
	if (status == STATUS_OK)
		status = put_attempts(asking, partition, offset, err);
	json_end(asking->out, '}');
	return status;
}
