/* What the first page shows: totals, rates, what is held, distribution points. */
#include "auditor/serve/api_parts.h"

#include "base/clock.h"

enum { DAY_MS = 24 * 3600 * 1000, HOUR_MS = 3600 * 1000, SLOW_MS = 10 * 60 * 1000 };

static enum status put_total(
        struct asking *asking, const char *name, const char *sql, const int64_t *since, struct error *err)
{
	struct query *query = query_new(asking->database, sql);
	int64_t number;

	if (since)
		query_bind_int(query, *since);
	enum status status = ask_number(query, &number, err);
	if (status == STATUS_OK)
		json_put_int(asking->out, name, number);
	return status;
}

static enum status put_totals(struct asking *asking, struct error *err)
{
	static const struct {
		const char *name, *sql;
		bool of_day;
	} totals[] = {
	        {"packages", "SELECT count(*) FROM board_package", false},
	        {"distribution_points", "SELECT count(*) FROM (" POINT_NAMES ")", false},
	        {"copies", "SELECT count(*) FROM copy", false},
	        {"jobs_open", "SELECT count(*) FROM job WHERE state IN ('submitted', 'accepted', 'held')",
	                false},
	        {"jobs_held", "SELECT count(*) FROM job WHERE state = 'held'", false},
	        {"copies_retrying", "SELECT count(*) FROM copy WHERE state = 'retrying'", false},
	        {"copies_failed", "SELECT count(*) FROM copy WHERE state = 'failed'", false},
	        {"jobs_failed_day",
	                "SELECT count(*) FROM job WHERE state IN ('failed', 'rejected', 'expired') AND ended "
	                ">= ?",
	                true},
	        {"dead_letters", "SELECT count(*) FROM event WHERE type = 'dead_letter'", false},
	        {"dead_letters_day", "SELECT count(*) FROM event WHERE type = 'dead_letter' AND logged >= ?",
	                true},
	};
	const int64_t day_ago = clock_wall_ms() - DAY_MS;
	enum status status = STATUS_OK;

	json_key(asking->out, "totals");
	json_begin(asking->out, '{');
	for (size_t i = 0; status == STATUS_OK && i < sizeof(totals) / sizeof(*totals); i++)
		status = put_total(
		        asking, totals[i].name, totals[i].sql, totals[i].of_day ? &day_ago : NULL, err);
	json_end(asking->out, '}');
	return status;
}

static void put_rates(struct asking *asking)
{
	struct minute minutes[STANDING_MINUTES];
	struct buffer *out = asking->out;

	standing_minutes(asking->api->standing, clock_wall_ms(), minutes);
	json_key(out, "rates");
	json_begin(out, '{');
	json_key(out, "minutes");
	json_begin(out, '[');
	for (int i = 0; i < STANDING_MINUTES; i++) {
		json_begin(out, '{');
		json_put_int(out, "minute", minutes[i].minute_ms);
		json_put_uint(out, "jobs", minutes[i].jobs);
		json_put_uint(out, "staged", minutes[i].staged);
		json_put_uint(out, "updated", minutes[i].updated);
		json_put_uint(out, "failed", minutes[i].failed);
		json_end(out, '}');
	}
	json_end(out, ']');
	json_end(out, '}');
}

/* SQLite gives, beside a lone max(), the other columns of the row that has it. */
static const char sources_sql[] =
        "SELECT error, count(*), count(DISTINCT package), count(DISTINCT distribution_point), max(since),"
        " package, version, error_message FROM copy WHERE source_fault GROUP BY error"
        " ORDER BY 2 DESC LIMIT 20";

static void add_source(struct buffer *out, struct query *query)
{
	static const char *const names[] = {"error", "copies", "packages", "distribution_points", "since",
	        "package", "version", "error_message"};

	json_begin(out, '{');
	for (int i = 0; i < (int)(sizeof(names) / sizeof(*names)); i++)
		put_column(out, names[i], query, i);
	json_end(out, '}');
}

enum status answer_overview(struct asking *asking, struct error *err)
{
	struct buffer *out = asking->out;
	struct standing_place place;

	standing_get(asking->api->standing, &place);
	json_begin(out, '{');
	json_put_text(out, "prefix", asking->api->prefix);
	json_put_int(out, "read_until", place.read_until_ms);
	json_put_bool(out, "caught_up", place.caught_up);
	json_put_text(out, "words", place.words);
	enum status status = put_totals(asking, err);
	if (status != STATUS_OK)
		return status;
	put_rates(asking);
	json_key(out, "held");
	status =
	        add_rows(query_new(asking->database, "SELECT " JOB_COLUMNS
	                                             " FROM job WHERE state = 'held' ORDER BY held LIMIT 20"),
	                add_job, out, err);
	if (status != STATUS_OK)
		return status;
	json_key(out, "distribution_points");
	status = add_points(asking, err);
	if (status != STATUS_OK)
		return status;
	json_key(out, "sources");
	status = add_rows(query_new(asking->database, sources_sql), add_source, out, err);
	json_end(out, '}');
	return status;
}

/* ---- distribution points */

/* health: 0 good, 1 slow, 2 failing */
/* The newest news of each point are its copy's that changed last; what its source is at fault for is no news
 * of it. */
static const char points_sql[] =
        "WITH name AS (" POINT_NAMES "), count_of AS ("
        " SELECT distribution_point, count(*) AS copies,"
        "  count(*) FILTER (WHERE state = 'pending') AS pending_copies,"
        "  count(*) FILTER (WHERE state = 'retrying' AND NOT source_fault) AS retrying_copies,"
        "  count(*) FILTER (WHERE state = 'failed' AND NOT source_fault) AS failed_copies,"
        "  count(*) FILTER (WHERE source_fault) AS source_copies"
        " FROM copy GROUP BY distribution_point)"
        " SELECT name.distribution_point, coalesce(copies, 0), coalesce(pending_copies, 0),"
        "  coalesce(retrying_copies, 0), coalesce(failed_copies, 0),"
        "  (SELECT max(staged) FROM copy c WHERE c.distribution_point = name.distribution_point),"
        "  (SELECT max(updated) FROM pointer p WHERE p.distribution_point = name.distribution_point),"
        "  coalesce((SELECT sum(bytes) FROM copy c WHERE c.distribution_point = name.distribution_point"
        "   AND c.staged >= ?1), 0),"
        "  news.error, news.error_message,"
        "  EXISTS (SELECT 1 FROM copy c WHERE c.distribution_point = name.distribution_point"
        "   AND c.state = 'pending' AND c.since < ?2), coalesce(source_copies, 0)"
        " FROM name LEFT JOIN count_of USING (distribution_point)"
        " LEFT JOIN copy news ON (news.package, news.distribution_point, news.version) ="
        "  (SELECT c.package, c.distribution_point, c.version FROM copy c"
        "   WHERE c.distribution_point = name.distribution_point AND c.source_fault = 0 ORDER BY c.since "
        "DESC LIMIT 1)"
        " ORDER BY name.distribution_point";

static const char *health(struct query *query)
{
	if (!query_is_null(query, 8))
		return "failing";
	return query_int(query, 10) ? "slow" : "good";
}

static void add_point(struct buffer *out, struct query *query)
{
	json_begin(out, '{');
	put_column(out, "name", query, 0);
	json_put_text(out, "health", health(query));
	put_column(out, "copies", query, 1);
	put_column(out, "pending", query, 2);
	put_column(out, "retrying", query, 3);
	put_column(out, "failed", query, 4);
	put_column(out, "source_faults", query, 11);
	put_column(out, "last_staged", query, 5);
	put_column(out, "last_updated", query, 6);
	put_column(out, "staged_bytes_hour", query, 7);
	put_column(out, "error", query, 8);
	put_column(out, "error_message", query, 9);
	json_end(out, '}');
}

enum status add_points(struct asking *asking, struct error *err)
{
	struct query *query = query_new(asking->database, points_sql);
	int64_t now = clock_wall_ms();

	query_bind_int(query, now - HOUR_MS);
	query_bind_int(query, now - SLOW_MS);
	return add_rows(query, add_point, asking->out, err);
}

enum status answer_points(struct asking *asking, struct error *err)
{
	struct buffer *out = asking->out;

	json_begin(out, '{');
	enum status status = put_total(asking, "total", "SELECT count(*) FROM (" POINT_NAMES ")", NULL, err);
	if (status != STATUS_OK)
		return status;
	json_key(out, "items");
	status = add_points(asking, err);
	json_end(out, '}');
	return status;
}
