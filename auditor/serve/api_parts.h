#ifndef AUDITOR_API_PARTS_H
#define AUDITOR_API_PARTS_H

#include "auditor/serve/api.h"
#include "schemas/json.h"

/* What the files behind api.h share. An answer is a function that writes JSON into out; what it reads from
 * the database is of one state of it. Errors become answers by their codes: "not_found", "invalid_argument",
 * "busy", others are 503. */
struct asking {
	const struct api *api;
	const struct http_request *request;
	struct database *database;
	struct buffer *out;
};
typedef enum status api_answer(struct asking *asking, struct error *err);

api_answer answer_overview, answer_points, answer_packages, answer_package, answer_jobs, answer_job,
        answer_events, answer_dead_letters;
api_answer answer_record;      /* from Kafka, without a database */
api_answer answer_kept_record; /* as the history keeps it: without its headers */

void answer_metrics(const struct api *api, struct buffer *out);

/* As readers_take(), for one answer: what takes too long fails. To be given back. */
struct database *take_reader(const struct api *api, struct error *err);

/* ---- arguments */

struct page_range {
	int64_t offset, limit;
};
enum { LIMIT_DEFAULT = 50, LIMIT_MAX = 200, OFFSET_MAX = 100000 };
must_check enum status argument_range(
        const struct http_request *request, struct page_range *ret, struct error *err);
/* Digits from 0 to most; false for anything else. */
bool number_parse(struct view text, int64_t most, int64_t *ret);
enum status fail_argument(struct error *err, const char *name, const char *value, const char *may_be);
/* Takes the part of a path up to the next '/' or its end. */
struct view path_take(const char **path);

/* ---- writing; names that come from the log are no literals */

void put_view(struct buffer *out, const char *name, struct view text);                  /* absent: nothing */
void put_column(struct buffer *out, const char *name, struct query *query, int column); /* NULL: nothing */
void put_flag(struct buffer *out, const char *name, struct query *query, int column);
void key_view(struct buffer *out, struct view name);
/* The column's JSON, which the statement has seen to be valid; NULL: nothing. */
void put_json(struct buffer *out, const char *name, struct query *query, int column);
void put_place(struct buffer *out, const char *name, struct view topic, int64_t partition, int64_t offset);
#define JSON_COLUMN(name, kind)                                                                              \
	"iif(json_valid(" name ") AND json_type(" name ") = '" kind "', " name ", NULL)"

/* Each distribution point that anything is known of, once: one look at an index for each, however many copies
 * it has. */
#define POINT_NAMES                                                                                          \
	"WITH RECURSIVE next (distribution_point) AS ("                                                      \
	" SELECT min(distribution_point) FROM copy UNION ALL"                                                \
	" SELECT (SELECT min(distribution_point) FROM copy WHERE distribution_point > "                      \
	"next.distribution_point)"                                                                           \
	" FROM next WHERE next.distribution_point IS NOT NULL), next_pointer (distribution_point) AS ("      \
	" SELECT min(distribution_point) FROM pointer UNION ALL"                                             \
	" SELECT (SELECT min(distribution_point) FROM pointer WHERE distribution_point >"                    \
	" next_pointer.distribution_point)"                                                                  \
	" FROM next_pointer WHERE next_pointer.distribution_point IS NOT NULL)"                              \
	" SELECT distribution_point FROM next WHERE distribution_point IS NOT NULL"                          \
	" UNION SELECT distribution_point FROM next_pointer WHERE distribution_point IS NOT NULL"

/* The columns of a JOB, and the object begun but not ended. An update that came before its version was
 * accepted without distribution points: it ends with those that it had. */
#define JOB_POINTS                                                                                           \
	"coalesce(" JSON_COLUMN("distribution_points", "array") ", (SELECT json_group_array(key)"            \
	                                                        " FROM json_each(" JSON_COLUMN("outcomes",   \
	                                                                "object") ") HAVING count(*) > 0))"
#define JOB_COLUMNS                                                                                          \
	"partition, \"offset\", job_id, package, version, type, state, final, reason, detail, requested_by," \
	" submitted, accepted, held, released, ended, deadline, " JOB_POINTS                                 \
	", waiting_staged, waiting_targets, " JSON_COLUMN("waiting_missing", "array") ", " JSON_COLUMN(      \
	        "outcomes", "object")
#define JOB_TIME "coalesce(submitted, accepted, ended)"
void begin_job(struct buffer *out, struct query *query);

#define EVENT_VALUE "iif(json_valid(CAST(value AS TEXT)), CAST(value AS TEXT), '{}')"
#define EVENT_COLUMNS                                                                                        \
	"topic, partition, \"offset\", time, type, package, version, distribution_point, job_id,"            \
	" job_partition, job_offset, state, reason, detail, id,"                                             \
	" iif(type = 'distribution_point', json_extract(" EVENT_VALUE ", '$.attempt'), NULL),"               \
	" iif(type = 'distribution_point', json_extract(" EVENT_VALUE ", '$.next_retry'), NULL),"            \
	" logged"
void add_event(struct buffer *out, struct query *query);

/* All rows of a question, each written by add; frees the question. */
must_check enum status add_rows(struct query *query, void (*add)(struct buffer *out, struct query *query),
        struct buffer *out, struct error *err);
void add_job(struct buffer *out, struct query *query);
/* The one number of a question, which is freed. */
must_check enum status ask_number(struct query *query, int64_t *ret, struct error *err);
must_check enum status add_points(struct asking *asking, struct error *err); /* an array of POINTs */

#endif
