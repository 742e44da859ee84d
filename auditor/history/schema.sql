-- The history of an installation, as `holdpoint-auditor export` writes it. Times are milliseconds since the
-- epoch (UTC), and the log's (when the broker took the record) where nothing else is said. A position is
-- topic, partition, offset; all topics have the same partition numbers.
--
-- The tables job, copy and pointer are the same whatever order the lanes (a lane is one partition of one
-- topic) were read in: each column comes from one lane, or by a rule that order cannot change (the least,
-- the greatest position). So are the events, one a record. All of them can be made again from the topics.
PRAGMA application_id = 0x486f6c64; -- "Hold"
PRAGMA user_version = 3;

-- What this file is of: prefix (of the topics); events, values ("yes" or "no": whether it keeps them).
CREATE TABLE meta (
	name TEXT NOT NULL PRIMARY KEY,
	value TEXT NOT NULL
) WITHOUT ROWID;

-- How far each lane has been read. Written in the transaction that writes what was read.
CREATE TABLE lane (
	topic TEXT NOT NULL,        -- without prefix
	partition INTEGER NOT NULL,
	next_offset INTEGER NOT NULL, -- one behind the record last read
	last_logged INTEGER NOT NULL, -- the log's time stamp of that record: another one there is another log
	PRIMARY KEY (topic, partition)
) WITHOUT ROWID;

-- One row a record, whatever it says.
CREATE TABLE event (
	topic TEXT NOT NULL,
	partition INTEGER NOT NULL,
	"offset" INTEGER NOT NULL,
	time INTEGER NOT NULL,      -- the record's own; the log's where it has none
	logged INTEGER NOT NULL,    -- the log's time stamp
	type TEXT NOT NULL,         -- create, update, unknown_job, staged, release, withheld, updated, job, duplicate, distribution_point, dead_letter, unreadable
	package TEXT,               -- the record's key where it does not say
	version TEXT,
	distribution_point TEXT,
	job_id TEXT,
	job_partition INTEGER,      -- where the job was applied: tells two lives of one id apart
	job_offset INTEGER,
	state TEXT,
	reason TEXT,                -- of a distribution point: its error's code
	detail TEXT,                -- … and message
	id TEXT,
	origin_topic TEXT,          -- of a dead letter or a re-routed job: where it came from (whole name)
	origin_partition INTEGER,
	origin_offset INTEGER,
	size INTEGER NOT NULL,      -- of the value, in bytes
	value BLOB,                 -- the record as it is; NULL: a tombstone, or --no-values
	PRIMARY KEY (topic, partition, "offset")
) WITHOUT ROWID;
CREATE INDEX event_package ON event (package, logged);
CREATE INDEX event_job ON event (job_partition, job_offset) WHERE job_offset IS NOT NULL;
CREATE INDEX event_logged ON event (logged);

-- One row for each record of the topic jobs, by its position: what its status records say, and where they
-- don't, what the record itself says.
CREATE TABLE job (
	partition INTEGER NOT NULL,
	"offset" INTEGER NOT NULL,
	job_id TEXT NOT NULL DEFAULT '',  -- "" and NULL below: not known (yet)
	package TEXT NOT NULL DEFAULT '',
	version TEXT,
	type TEXT,                  -- create, update
	-- submitted: no worker has said anything yet; accepted, held; completed, failed, expired, superseded,
	-- canceled, rejected; duplicate: has no effect; rerouted: applied elsewhere; dead_letter: unreadable
	state TEXT NOT NULL DEFAULT 'submitted',
	final INTEGER NOT NULL DEFAULT 0,
	reason TEXT,
	detail TEXT,
	requested_by TEXT,
	distribution_points TEXT,   -- JSON array of names, as they were resolved when it was accepted
	stages INTEGER NOT NULL DEFAULT 0, -- 1: a create, or an update with content
	submitted INTEGER,
	accepted INTEGER,
	held INTEGER,               -- when it first was
	released INTEGER,           -- when its first release was written: what a hold ends with
	ended INTEGER,
	deadline INTEGER,
	waiting_staged INTEGER,     -- what a held one waits for (last known)
	waiting_targets INTEGER,    -- 0: not known yet, its version has not come
	waiting_missing TEXT,       -- JSON array of names
	outcomes TEXT,              -- JSON object: distribution point → state
	PRIMARY KEY (partition, "offset")
) WITHOUT ROWID;
CREATE INDEX job_package ON job (package);
CREATE INDEX job_state ON job (state, accepted);
CREATE INDEX job_job_id ON job (job_id);

-- One row for each version that is wanted, or lies, on a distribution point. Its times, but for wanted, are
-- the records' own: those of one worker's clock compare, those of two brokers may not.
CREATE TABLE copy (
	package TEXT NOT NULL,
	version TEXT NOT NULL,
	distribution_point TEXT NOT NULL,
	state TEXT NOT NULL,        -- pending, staging, retrying, staged, updating, updated, failed: the last word of its status
	since INTEGER NOT NULL,     -- when it became that
	attempt INTEGER,            -- NULL: there is no status of it yet
	error TEXT,                 -- code
	source_fault INTEGER NOT NULL DEFAULT 0, -- 1: the error is its source's, not the distribution point's: source_…, or expired after one; never without an error
	error_message TEXT,
	next_retry INTEGER,
	status_partition INTEGER,   -- where its last status lies
	status_offset INTEGER,
	wanted INTEGER,             -- when the first job that stages it there was accepted
	pending INTEGER,            -- when its status last was pending: what was staged there earlier is lost
	dp_id TEXT,                 -- the rest: of the newest staged event
	digest TEXT,
	files INTEGER,
	bytes INTEGER,
	read_back TEXT,
	staged INTEGER,             -- when
	staged_id TEXT,
	staged_partition INTEGER,
	staged_offset INTEGER,
	PRIMARY KEY (package, distribution_point, version)
) WITHOUT ROWID;
CREATE INDEX copy_state ON copy (state);
CREATE INDEX copy_distribution_point ON copy (distribution_point, state, source_fault);

-- One row for each distribution point that a package is, or is to be, current on.
CREATE TABLE pointer (
	package TEXT NOT NULL,
	distribution_point TEXT NOT NULL,
	desired_version TEXT,       -- of the newest release there
	desired_job TEXT,
	released INTEGER,
	release_id TEXT,
	release_partition INTEGER,
	release_offset INTEGER,
	live_version TEXT,          -- of the newest updated
	previous_version TEXT,
	dp_id TEXT,
	digest TEXT,
	live_job TEXT,
	updated INTEGER,            -- when
	updated_partition INTEGER,
	updated_offset INTEGER,
	PRIMARY KEY (package, distribution_point)
) WITHOUT ROWID;
CREATE INDEX pointer_distribution_point ON pointer (distribution_point);

-- What is staged, where, as far as the log tells: whose staged event is not older than its last "pending".
CREATE VIEW staged_copy AS
SELECT * FROM copy WHERE staged IS NOT NULL AND (pending IS NULL OR staged >= pending);

-- What an error keeps from its end now: tried again, about to be, or given up.
CREATE VIEW failing_copy AS
SELECT * FROM copy WHERE error IS NOT NULL AND state IN ('pending', 'retrying', 'failed');

-- Each package on each distribution point: desired (newest released), staged (newest staged), live (newest
-- updated) version, and in a word: empty, pending, staging, retrying, failed (the newest wanted version, or
-- the switch to the desired one), staged (there, but nothing was released), updating (released, not yet
-- current), current.
CREATE VIEW current_state AS
WITH looked AS ( -- in this form a question about one package reads that package's rows alone
	SELECT cell.package, cell.distribution_point,
		pointer.desired_version AS desired,
		(SELECT version FROM staged_copy s WHERE s.package = cell.package
			AND s.distribution_point = cell.distribution_point
			ORDER BY staged_partition DESC, staged_offset DESC LIMIT 1) AS staged,
		pointer.live_version AS live,
		(SELECT version FROM copy c WHERE c.package = cell.package
			AND c.distribution_point = cell.distribution_point
			ORDER BY coalesce(wanted, staged, since) DESC, version DESC LIMIT 1) AS wanted
	FROM (SELECT DISTINCT package, distribution_point FROM copy) cell
	LEFT JOIN pointer USING (package, distribution_point)
	UNION ALL
	SELECT package, distribution_point, desired_version, NULL, live_version, NULL FROM pointer
	WHERE NOT EXISTS (SELECT 1 FROM copy c WHERE c.package = pointer.package
		AND c.distribution_point = pointer.distribution_point)
)
SELECT looked.package, looked.distribution_point, desired, looked.staged, live,
	CASE
		WHEN newest.state IN ('pending', 'staging', 'retrying', 'failed')
			AND (newest.staged IS NULL OR newest.staged < newest.pending) THEN newest.state
		WHEN desired = live THEN 'current'
		WHEN desired IS NOT NULL AND aim.state IN ('retrying', 'failed') THEN aim.state
		WHEN desired IS NOT NULL THEN 'updating'
		WHEN looked.staged IS NOT NULL THEN 'staged'
		ELSE 'empty'
	END AS state
FROM looked
LEFT JOIN copy newest ON newest.package = looked.package
	AND newest.distribution_point = looked.distribution_point AND newest.version = looked.wanted
LEFT JOIN copy aim ON aim.package = looked.package
	AND aim.distribution_point = looked.distribution_point AND aim.version = looked.desired;

-- How long each step of each job took, in ms: NULL where it has not come to that, or never does.
CREATE VIEW job_durations AS
SELECT partition, "offset", job_id, package, version, type, state,
	accepted - submitted AS submitted_to_accepted,
	held - accepted AS accepted_to_held,
	released - held AS held_to_released,
	ended - coalesce(released, held, accepted) AS to_ended,
	ended - submitted AS submitted_to_ended
FROM job WHERE state NOT IN ('duplicate', 'rerouted', 'dead_letter');

-- Each hold: since when, until its first release (or its end without one; NULL: it is held now), how long in
-- ms, and what it waited for.
CREATE VIEW hold_times AS
SELECT partition, "offset", job_id, package, version, state, held,
	coalesce(released, ended) AS until, coalesce(released, ended) - held AS ms,
	waiting_staged, waiting_targets, waiting_missing
FROM job WHERE held IS NOT NULL;

-- What goes wrong where: each distribution point's errors by code, whether they are a source's, how often they
-- were met, and how many copies they keep from their end now.
CREATE VIEW failures_by_distribution_point AS
SELECT distribution_point, reason AS error, reason GLOB 'source_*' AS source_fault, count(*) AS times,
	count(*) FILTER (WHERE state = 'failed') AS failed,
	count(DISTINCT package) AS packages, min(logged) AS first, max(logged) AS last,
	(SELECT count(*) FROM failing_copy f WHERE f.distribution_point = event.distribution_point
		AND f.error = event.reason) AS copies_now
FROM event
WHERE topic = 'status' AND type = 'distribution_point' AND reason IS NOT NULL
GROUP BY distribution_point, reason;

-- The records that could not be read: where they came from and why they were put aside.
CREATE VIEW dead_letters AS
SELECT partition, "offset", logged, package, reason, detail, origin_topic, origin_partition, origin_offset, size, value
FROM event WHERE topic = 'dlq';
