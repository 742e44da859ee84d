/* The statements that turn a fact into rows. Lanes come in any order, so a column is set by one lane alone,
 * or by a rule that order cannot change; schema.sql names the columns, the statements say the rules. */
#include "auditor/history/projection_sql.h"

/* Of a record that several lanes could hold (a package's has one right partition, but who may write may
 * write to any), the one at the greatest position counts. */
#define NEWER(table, name)                                                                                   \
	"WHERE " table "." name "_partition IS NULL OR (excluded." name "_partition, excluded." name         \
	"_offset) > (" table "." name "_partition, " table "." name "_offset)"

static const char put_lane[] = "INSERT OR REPLACE INTO lane VALUES (?, ?, ?, ?)";

static const char put_event[] = "INSERT INTO event VALUES "
                                "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/* What the status says of a job wins over what the job itself says. */
static const char put_job[] =
        "INSERT INTO job (partition, \"offset\", job_id, package, version, type, requested_by, stages, "
        "submitted)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " job_id = coalesce(nullif(job_id, ''), excluded.job_id),"
        " package = coalesce(nullif(package, ''), excluded.package),"
        " version = coalesce(version, excluded.version), type = coalesce(type, excluded.type),"
        " requested_by = coalesce(requested_by, excluded.requested_by),"
        " stages = max(stages, excluded.stages), submitted = excluded.submitted";

/* One lane, the status of its partition: so its last word counts, but for what only the first can say: when
 * it was accepted, which settles what the job is, and when it ended, which settles how. */
static const char put_job_status[] =
        "INSERT INTO job (partition, \"offset\", job_id, package, version, type, state, final, reason, "
        "detail,"
        " requested_by, distribution_points, stages, accepted, held, ended, deadline,"
        " waiting_staged, waiting_targets, waiting_missing, outcomes)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " job_id = iif(accepted IS NULL, coalesce(nullif(excluded.job_id, ''), job_id), job_id),"
        " package = iif(accepted IS NULL, coalesce(nullif(excluded.package, ''), package), package),"
        " version = iif(accepted IS NULL, coalesce(excluded.version, version), version),"
        " type = iif(accepted IS NULL, coalesce(excluded.type, type), type),"
        " stages = iif(accepted IS NULL, max(stages, excluded.stages), stages),"
        " distribution_points = iif(accepted IS NULL, excluded.distribution_points, distribution_points),"
        " requested_by = iif(accepted IS NULL, coalesce(excluded.requested_by, requested_by), requested_by),"
        " state = iif(ended IS NULL, excluded.state, state),"
        " final = iif(ended IS NULL, excluded.final, final),"
        " reason = iif(ended IS NULL, excluded.reason, reason),"
        " detail = iif(ended IS NULL, excluded.detail, detail),"
        " outcomes = iif(ended IS NULL, excluded.outcomes, outcomes),"
        " accepted = coalesce(accepted, excluded.accepted), held = coalesce(held, excluded.held),"
        " ended = coalesce(ended, excluded.ended), deadline = coalesce(deadline, excluded.deadline),"
        " waiting_staged = coalesce(excluded.waiting_staged, waiting_staged),"
        " waiting_targets = coalesce(excluded.waiting_targets, waiting_targets),"
        " waiting_missing = coalesce(excluded.waiting_missing, waiting_missing)";

static const char put_job_release[] =
        "INSERT INTO job (partition, \"offset\", released) VALUES (?, ?, ?)"
        " ON CONFLICT DO UPDATE SET released = min(coalesce(released, excluded.released), excluded.released)";

/* What other records say became of a job that has no status: each rank beats those before it. */
#define PUT_FATE(state, beaten)                                                                              \
	"INSERT INTO job (partition, \"offset\", state, final) VALUES (?, ?, '" state "', 1)"                \
	" ON CONFLICT DO UPDATE SET state = excluded.state, final = 1 WHERE job.state IN (" beaten ")"
static const char put_job_rerouted[] = PUT_FATE("rerouted", "'submitted'");
static const char put_job_dead[] = PUT_FATE("dead_letter", "'submitted', 'rerouted'");

/* Once both the job and its acceptance are known, whichever came first. */
static const char put_wanted[] =
        "INSERT INTO copy (package, version, distribution_point, state, since, wanted)"
        " SELECT package, version, point.value, 'pending', accepted, accepted"
        " FROM job, json_each(iif(json_valid(distribution_points), distribution_points, '[]')) AS point"
        " WHERE partition = ? AND \"offset\" = ? AND stages AND accepted IS NOT NULL"
        " AND package != '' AND version IS NOT NULL AND point.type = 'text'"
        " ON CONFLICT DO UPDATE SET wanted = min(coalesce(wanted, excluded.wanted), excluded.wanted),"
        " since = iif(attempt IS NULL AND staged IS NULL, min(since, excluded.since), since)";

static const char put_staged[] =
        "INSERT INTO copy (package, version, distribution_point, state, since, dp_id, digest, files, bytes,"
        " read_back, staged, staged_id, staged_partition, staged_offset)"
        " VALUES (?, ?, ?, 'staged', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " state = iif(attempt IS NULL, excluded.state, state),"
        " since = iif(attempt IS NULL, excluded.since, since), dp_id = excluded.dp_id,"
        " digest = excluded.digest, files = excluded.files, bytes = excluded.bytes,"
        " read_back = excluded.read_back, staged = excluded.staged, staged_id = excluded.staged_id,"
        " staged_partition = excluded.staged_partition, staged_offset = excluded.staged_offset " NEWER(
                "copy", "staged");

static const char put_point[] =
        "INSERT INTO copy (package, version, distribution_point, state, since, attempt, error, error_message,"
        " next_retry, status_partition, status_offset, source_fault)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, coalesce(?7 GLOB 'source_*', 0))"
        " ON CONFLICT DO UPDATE SET since = iif(state = excluded.state"
        " AND status_partition = excluded.status_partition, since, excluded.since),"
        " source_fault = iif(excluded.error = 'expired', source_fault, excluded.source_fault),"
        " state = excluded.state, attempt = excluded.attempt, error = excluded.error,"
        " error_message = excluded.error_message, next_retry = excluded.next_retry,"
        " status_partition = excluded.status_partition, status_offset = excluded.status_offset " NEWER(
                "copy", "status");

static const char put_point_pending[] = "UPDATE copy SET pending = max(coalesce(pending, ?4), ?4)"
                                        " WHERE package = ?1 AND version = ?2 AND distribution_point = ?3";

static const char put_release[] =
        "INSERT INTO pointer (package, distribution_point, desired_version, desired_job, released, "
        "release_id,"
        " release_partition, release_offset) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " desired_version = excluded.desired_version, desired_job = excluded.desired_job,"
        " released = excluded.released, release_id = excluded.release_id,"
        " release_partition = excluded.release_partition, release_offset = excluded.release_offset " NEWER(
                "pointer", "release");

static const char put_updated[] =
        "INSERT INTO pointer (package, distribution_point, live_version, previous_version, dp_id, digest,"
        " live_job, updated, updated_partition, updated_offset) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET live_version = excluded.live_version,"
        " previous_version = excluded.previous_version, dp_id = excluded.dp_id, digest = excluded.digest,"
        " live_job = excluded.live_job, updated = excluded.updated,"
        " updated_partition = excluded.updated_partition, updated_offset = excluded.updated_offset " NEWER(
                "pointer", "updated");

const char *const projection_sql[STATEMENTS] = {put_lane, put_event, put_job, put_job_status, put_job_release,
        put_job_rerouted, put_job_dead, put_wanted, put_staged, put_point, put_point_pending, put_release,
        put_updated};
