/* Lists of jobs: the question. */
#include "auditor/ask/jobs.h"

#include <stdlib.h>
#include <string.h>

/* Rows that a position gives twice (re-routed) or that are no jobs are shown only where they are asked for.
 */
static const struct {
	const char *name, *condition;
} states[] = {
        {"open", "final = 0 AND state IN ('submitted', 'accepted', 'held')"},
        {"dead", "state IN ('failed', 'rejected', 'expired')"},
        {"all", "state <> 'rerouted'"},
        {"submitted", "state = 'submitted'"},
        {"accepted", "state = 'accepted'"},
        {"held", "state = 'held'"},
        {"completed", "state = 'completed'"},
        {"failed", "state = 'failed'"},
        {"expired", "state = 'expired'"},
        {"superseded", "state = 'superseded'"},
        {"canceled", "state = 'canceled'"},
        {"rejected", "state = 'rejected'"},
        {"duplicate", "state = 'duplicate'"},
        {"dead_letter", "state = 'dead_letter'"},
};
enum { STATE_COUNT = sizeof(states) / sizeof(*states) };

static const char *condition_of(const char *state)
{
	for (size_t i = 0; i < STATE_COUNT; i++)
		if (strcmp(states[i].name, state) == 0)
			return states[i].condition;
	return NULL;
}

bool jobs_state_is_known(const char *state, const char **ret_words)
{
	*ret_words = "open, submitted, accepted, held, completed, failed, expired, superseded, canceled, "
	             "rejected, "
	             "duplicate, dead_letter, dead (failed, rejected or expired) or all";
	return condition_of(state) != NULL;
}

static const char columns[] =
        "SELECT partition || '@' || \"offset\" AS \"place jobs\", job_id, type, package, version, state, "
        "final AS \"final bool\", reason, detail, requested_by, submitted AS \"submitted time\", "
        "accepted AS \"accepted time\", held AS \"held time\", released AS \"released time\", "
        "ended AS \"ended time\", deadline AS \"deadline time\", waiting_staged, waiting_targets, "
        "json(waiting_missing) AS \"waiting_missing json\", "
        "json(distribution_points) AS \"distribution_points json\", json(outcomes) AS \"outcomes json\", "
        "CASE WHEN state <> 'held' THEN NULL WHEN waiting_targets = 0 OR NOT EXISTS (SELECT 1 FROM copy "
        "WHERE copy.package = job.package AND copy.version = job.version) "
        "THEN 'its create, which was not sent yet' "
        "ELSE (SELECT group_concat(value, ', ') FROM json_each(waiting_missing)) END AS \"waits_for -\" "
        "FROM job WHERE ";

struct query *jobs_ask(struct database *database, const struct jobs_asked *asked)
{
	struct buffer sql;

	buffer_init(&sql, 1 << 16);
	buffer_add_format(&sql, "%s %s", columns, condition_of(asked->state ? asked->state : "open"));
	if (asked->package)
		buffer_add_text(&sql, " AND package = ?");
	if (asked->held_before_ms)
		buffer_add_text(&sql, " AND held <= ?");
	if (asked->ended_after_ms)
		buffer_add_text(&sql, " AND coalesce(ended, submitted) >= ?");
	buffer_add_text(&sql, asked->longest_held_first
	                              ? " ORDER BY held, partition, \"offset\""
	                              : " ORDER BY coalesce(submitted, accepted, ended) DESC, partition, "
	                                "\"offset\" DESC");
	struct query *query = query_new(database, sql.data);

	buffer_release(&sql);
	if (asked->package)
		query_bind_words(query, asked->package);
	if (asked->held_before_ms)
		query_bind_int(query, asked->held_before_ms);
	if (asked->ended_after_ms)
		query_bind_int(query, asked->ended_after_ms);
	return query;
}
