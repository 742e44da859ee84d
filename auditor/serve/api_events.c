/* All records, newest first, and those that could not be read. */
#include "auditor/serve/api_parts.h"

enum { BY_PACKAGE = 1, BY_TYPE = 2 };

struct event_questions {
	const char *count, *list;
};

/* What is skipped is skipped in the index alone; the rows are read of those that are shown. */
#define QUESTIONS(where)                                                                                     \
	{                                                                                                    \
		"SELECT count(*) FROM event" where,                                                          \
		        "SELECT " EVENT_COLUMNS " FROM event JOIN (SELECT topic, partition, \"offset\""      \
		        " FROM event" where " ORDER BY logged DESC LIMIT ? OFFSET ?)"                        \
		        " USING (topic, partition, \"offset\") ORDER BY logged DESC, topic DESC, partition " \
		        "DESC,"                                                                              \
		        " \"offset\" DESC"                                                                   \
	}
/* By what is given. +: a package has few events, so its own index is the one to use. */
static const struct event_questions questions[] = {
        QUESTIONS(""),
        [BY_PACKAGE] = QUESTIONS(" WHERE package = ?"),
        [BY_TYPE] = QUESTIONS(" WHERE type = ?"),
        [BY_PACKAGE | BY_TYPE] = QUESTIONS(" WHERE package = ? AND +type = ?"),
};

static struct query *ask(struct asking *asking, const char *sql, const char *package, const char *type)
{
	struct query *query = query_new(asking->database, sql);

	if (package)
		query_bind_words(query, package);
	if (type)
		query_bind_words(query, type);
	return query;
}

enum status answer_events(struct asking *asking, struct error *err)
{
	const char *package = http_argument(asking->request, "package");
	const char *type = http_argument(asking->request, "type");
	struct buffer *out = asking->out;
	struct page_range range;
	int64_t total;

	package = package && *package ? package : NULL;
	type = type && *type ? type : NULL;
	const struct event_questions *question =
	        &questions[(package ? BY_PACKAGE : 0) | (type ? BY_TYPE : 0)];
	if (argument_range(asking->request, &range, err) != STATUS_OK ||
	        ask_number(ask(asking, question->count, package, type), &total, err) != STATUS_OK)
		return err->status;
	json_begin(out, '{');
	json_put_int(out, "total", total);
	json_key(out, "items");
	struct query *query = ask(asking, question->list, package, type);
	query_bind_int(query, range.limit);
	query_bind_int(query, range.offset);
	enum status status = add_rows(query, add_event, out, err);
	json_end(out, '}');
	return status;
}

/* ---- dead letters */

static void add_dead_letter(struct buffer *out, struct query *query)
{
	json_begin(out, '{');
	put_place(out, "place", view_text(log_topic_name(LOG_DLQ)), query_int(query, 0), query_int(query, 1));
	put_column(out, "time", query, 2);
	put_column(out, "package", query, 3);
	put_column(out, "reason", query, 4);
	put_column(out, "detail", query, 5);
	if (!query_is_null(query, 8))
		put_place(out, "origin", query_text(query, 6), query_int(query, 7), query_int(query, 8));
	put_column(out, "size", query, 9);
	json_end(out, '}');
}

enum status answer_dead_letters(struct asking *asking, struct error *err)
{
	struct buffer *out = asking->out;
	struct page_range range;
	int64_t total;

	if (argument_range(asking->request, &range, err) != STATUS_OK ||
	        database_number(asking->database, "SELECT count(*) FROM event WHERE type = 'dead_letter'",
	                &total, err) != STATUS_OK)
		return err->status;
	json_begin(out, '{');
	json_put_int(out, "total", total);
	json_key(out, "items");
	struct query *query = query_new(asking->database,
	        "SELECT partition, \"offset\", time, package, reason, detail,"
	        " iif(substr(origin_topic, 1, length(?1)) = ?1, substr(origin_topic, length(?1) + 1), "
	        "origin_topic),"
	        " origin_partition, origin_offset, size"
	        " FROM event WHERE type = 'dead_letter' ORDER BY logged DESC LIMIT ?2 OFFSET ?3");
	query_bind_words(query, asking->api->prefix);
	query_bind_int(query, range.limit);
	query_bind_int(query, range.offset);
	enum status status = add_rows(query, add_dead_letter, out, err);
	json_end(out, '}');
	return status;
}
