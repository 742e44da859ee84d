/* Prometheus text. No label's value comes from a package: distribution points and codes are few, packages are
 * not. */
#include "auditor/serve/api_parts.h"

#include "base/clock.h"
#include "engine/metrics.h"

#include <inttypes.h>

enum { POINTS_MAX = 1000, REASONS_MAX = 30 };

#define PREFIX "holdpoint_auditor_"

/* A label's value, escaped; control characters are left out. */
static void begin_labelled(struct buffer *out, const char *name, const char *label, struct view value)
{
	buffer_add_format(out, "holdpoint_auditor_%s{%s=\"", name, label);
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.data[i];
		if (c == '"' || c == '\\')
			buffer_add(out, "\\", 1);
		if (c >= 0x20 && c < 0x7f)
			buffer_add(out, &value.data[i], 1);
	}
	buffer_add_text(out, "\"} ");
}

static void labelled(
        struct buffer *out, const char *name, const char *label, struct view value, int64_t count)
{
	begin_labelled(out, name, label, value);
	buffer_add_format(out, "%" PRId64 "\n", count);
}

/* ---- of the follower */

static void add_reading(const struct api *api, struct buffer *out)
{
	struct standing_counts counts;
	struct standing_place place;

	standing_counts(api->standing, &counts);
	standing_get(api->standing, &place);
	metric_head(out, PREFIX "records_read_total", METRIC_COUNTER,
	        "Records read from the log since the start of this process.");
	for (int topic = 0; topic < LOG_TOPICS; topic++)
		labelled(out, "records_read_total", "topic", view_text(log_topic_name((enum log_topic)topic)),
		        (int64_t)counts.records[topic]);
	metric_head(out, PREFIX "lag_records", METRIC_GAUGE,
	        "Records of the log that are not read yet, as of some seconds ago.");
	for (int topic = 0; topic < LOG_TOPICS; topic++)
		if (place.lag[topic] >= 0)
			labelled(out, "lag_records", "topic",
			        view_text(log_topic_name((enum log_topic)topic)), place.lag[topic]);
	metric_one(out, PREFIX "caught_up", METRIC_GAUGE,
	        "1: all of the log has been read and Kafka answers.", "", place.caught_up);
	metric_head(out, PREFIX "read_until_timestamp_seconds", METRIC_GAUGE,
	        "All that was logged before has been read.");
	metric_seconds(out, PREFIX "read_until_timestamp_seconds", "", place.read_until_ms);
}

static void add_staged(const struct point_counts *counts, void *out)
{
	labelled(out, "staged_total", "distribution_point", view_text(counts->name), (int64_t)counts->staged);
}

static void add_updated(const struct point_counts *counts, void *out)
{
	labelled(out, "updated_total", "distribution_point", view_text(counts->name),
	        (int64_t)counts->updated);
}

static void add_time(struct buffer *out, const char *name, struct view point, int64_t ms)
{
	if (ms == 0)
		return;
	begin_labelled(out, name, "distribution_point", point);
	buffer_add_format(out, "%" PRId64 ".%03d\n", ms / 1000, (int)(ms % 1000));
}

static void add_last_staged(const struct point_counts *counts, void *out)
{
	add_time(out, "last_staged_timestamp_seconds", view_text(counts->name), counts->last_staged_ms);
}

static void add_last_updated(const struct point_counts *counts, void *out)
{
	add_time(out, "last_updated_timestamp_seconds", view_text(counts->name), counts->last_updated_ms);
}

static void add_of_points(const struct api *api, struct buffer *out)
{
	metric_head(out, PREFIX "staged_total", METRIC_COUNTER,
	        "Staged events read since the start of this process.");
	standing_each_point(api->standing, add_staged, out);
	metric_head(out, PREFIX "updated_total", METRIC_COUNTER,
	        "Updated events read since the start of this process.");
	standing_each_point(api->standing, add_updated, out);
	metric_head(out, PREFIX "last_staged_timestamp_seconds", METRIC_GAUGE,
	        "When something was last staged there.");
	standing_each_point(api->standing, add_last_staged, out);
	metric_head(out, PREFIX "last_updated_timestamp_seconds", METRIC_GAUGE,
	        "When something last became current there.");
	standing_each_point(api->standing, add_last_updated, out);
}

/* ---- of the tables */

static bool ask(struct database *database, const char *sql, int64_t *ret)
{
	struct error err;

	return database_number(database, sql, ret, &err) == STATUS_OK;
}

static void add_jobs(struct database *database, struct buffer *out)
{
	int64_t count, oldest;

	if (ask(database, "SELECT count(*) FROM job WHERE state IN ('submitted', 'accepted', 'held')",
	            &count)) {
		metric_one(out, PREFIX "jobs_open", METRIC_GAUGE, "Jobs that have not ended.", "", count);
	}
	if (ask(database, "SELECT count(*) FROM job WHERE state = 'held'", &count)) {
		metric_one(out, PREFIX "jobs_held", METRIC_GAUGE,
		        "Jobs that are held until what they need is staged.", "", count);
	}
	if (ask(database, "SELECT coalesce(min(held), 0) FROM job WHERE state = 'held'", &oldest)) {
		int64_t age = oldest ? clock_wall_ms() - oldest : 0;
		metric_head(out, PREFIX "oldest_held_age_seconds", METRIC_GAUGE,
		        "How long the job that is held longest has been; 0: none is.");
		metric_seconds(out, PREFIX "oldest_held_age_seconds", "", age > 0 ? age : 0);
	}
}

/* Rows of a name and a number. Names that are no words are counted together. */
static void add_counts(struct database *database, struct buffer *out, const char *name, const char *label,
        bool words_only, size_t most, const char *sql)
{
	struct query *query = query_new(database, sql);
	size_t shown = 0;
	int64_t others = 0;
	struct error err;
	bool row;

	while (query_next(query, &row, &err) == STATUS_OK && row) {
		struct view value = query_text(query, 0);
		bool word = value.len > 0 && value.len <= 40;
		for (size_t i = 0; words_only && word && i < value.len; i++)
			word = (value.data[i] >= 'a' && value.data[i] <= 'z') || value.data[i] == '_';
		if (word && shown++ < most)
			labelled(out, name, label, value, query_int(query, 1));
		else
			others += query_int(query, 1);
	}
	query_free(query);
	if (others)
		labelled(out, name, label, view_text("other"), others);
}

static void add_tables(struct database *database, struct buffer *out)
{
	add_jobs(database, out);
	metric_head(
	        out, PREFIX "jobs_ended_total", METRIC_COUNTER, "Jobs in the log that have ended, by how.");
	add_counts(database, out, "jobs_ended_total", "state", true, REASONS_MAX,
	        "SELECT state, count(*) FROM job WHERE state IN ('completed', 'failed', 'expired', "
	        "'superseded',"
	        " 'canceled', 'rejected') GROUP BY state");
	metric_head(out, PREFIX "dead_letters_total", METRIC_COUNTER, "Dead letters in the log, by reason.");
	add_counts(database, out, "dead_letters_total", "reason", true, REASONS_MAX,
	        "SELECT coalesce(reason, ''), count(*) FROM event WHERE type = 'dead_letter' GROUP BY 1"
	        " ORDER BY 2 DESC");
	metric_head(out, PREFIX "copies_failed", METRIC_GAUGE,
	        "Copies whose staging or update failed, but for those of which the source is at fault.");
	add_counts(database, out, "copies_failed", "distribution_point", false, POINTS_MAX,
	        "SELECT distribution_point, count(*) FILTER (WHERE state = 'failed' AND NOT source_fault) "
	        "FROM copy GROUP BY 1");
	metric_head(out, PREFIX "copies_retrying", METRIC_GAUGE,
	        "Copies that met an error and are tried again, likewise.");
	add_counts(database, out, "copies_retrying", "distribution_point", false, POINTS_MAX,
	        "SELECT distribution_point, count(*) FILTER (WHERE state = 'retrying' AND NOT source_fault) "
	        "FROM copy GROUP BY 1");
	metric_head(out, PREFIX "copies_source_failing", METRIC_GAUGE,
	        "Copies that their source keeps from being staged, by its error.");
	add_counts(database, out, "copies_source_failing", "code", true, REASONS_MAX,
	        "SELECT error, count(*) FROM copy WHERE source_fault GROUP BY 1 ORDER BY 2 DESC");
}

/* ---- of the server */

static void add_server(const struct api *api, struct buffer *out)
{
	struct http_counts counts;

	metric_one(out, PREFIX "stream_clients", METRIC_GAUGE, "Who listens to /api/stream.", "",
	        (int64_t)broadcast_count(api->broadcast));
	if (!api->server)
		return;
	http_counts(api->server, &counts);
	metric_one(out, PREFIX "http_connections", METRIC_GAUGE, "Open connections.", "", counts.connections);
	metric_head(out, PREFIX "http_requests_total", METRIC_COUNTER,
	        "Requests answered, by the class of their code.");
	for (int i = 2; i <= 5; i++) {
		char class[] = "0xx";
		class[0] = (char)('0' + i);
		labelled(out, "http_requests_total", "code", view_text(class), (int64_t)counts.answered[i]);
	}
}

/* The process is looked at last: what the tables took is given back by then. */
void answer_metrics(const struct api *api, struct buffer *out)
{
	struct error err;
	struct database *database = take_reader(api, &err);

	add_reading(api, out);
	add_of_points(api, out);
	if (database) {
		add_tables(database, out);
		readers_give_back(api->readers, database);
	}
	add_server(api, out);
	metrics_process(out, api->started_ms);
}
