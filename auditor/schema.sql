-- The history of an installation, as `holdpoint-auditor export` writes it. Times are milliseconds since the
-- epoch (UTC). A position is topic, partition, offset; all topics have the same partition numbers.
PRAGMA user_version = 1;

-- How far each lane has been read. Written in the transaction that writes what was read.
CREATE TABLE lane (
	topic TEXT NOT NULL,
	partition INTEGER NOT NULL,
	next_offset INTEGER NOT NULL,
	PRIMARY KEY (topic, partition)
) WITHOUT ROWID;

-- One row a record, whatever it says.
CREATE TABLE event (
	topic TEXT NOT NULL,
	partition INTEGER NOT NULL,
	"offset" INTEGER NOT NULL,
	time INTEGER NOT NULL,      -- the record's own; the log's where it has none
	logged INTEGER NOT NULL,    -- the log's time stamp
	type TEXT NOT NULL,         -- create, update, staged, release, withheld, updated, job, duplicate, distribution_point, dead_letter, unreadable
	package TEXT,
	version TEXT,
	distribution_point TEXT,
	job_id TEXT,
	job_partition INTEGER,      -- where the job was applied: tells two lives of one id apart
	job_offset INTEGER,
	state TEXT,
	reason TEXT,
	detail TEXT,
	id TEXT,
	value BLOB,                 -- the record as it is; NULL: a tombstone
	PRIMARY KEY (topic, partition, "offset")
) WITHOUT ROWID;
CREATE INDEX event_package ON event (package, logged);
CREATE INDEX event_job ON event (job_partition, job_offset);

-- Accepted and rejected jobs, as their status records tell them.
CREATE TABLE job (
	partition INTEGER NOT NULL, -- where it was applied
	"offset" INTEGER NOT NULL,
	job_id TEXT NOT NULL,
	package TEXT NOT NULL,
	version TEXT,
	type TEXT,                  -- create, update
	state TEXT NOT NULL,        -- accepted, held, completed, failed, expired, superseded, canceled, rejected
	final INTEGER NOT NULL,
	reason TEXT,
	detail TEXT,
	requested_by TEXT,
	distribution_points TEXT,   -- JSON array
	submitted INTEGER,          -- the log's time of the job record
	accepted INTEGER,
	held INTEGER,               -- since when, or when it first was
	released INTEGER,           -- when its first release was written: what a hold ends with
	ended INTEGER,
	deadline INTEGER,
	waiting_staged INTEGER,     -- what a held one waits for
	waiting_targets INTEGER,
	waiting_missing TEXT,       -- JSON array
	outcomes TEXT,              -- JSON object
	PRIMARY KEY (partition, "offset")
) WITHOUT ROWID;
CREATE INDEX job_package ON job (package);
CREATE INDEX job_state ON job (state, accepted);

-- One row for each version that is wanted, or lies, on a distribution point.
CREATE TABLE copy (
	package TEXT NOT NULL,
	version TEXT NOT NULL,
	distribution_point TEXT NOT NULL,
	state TEXT NOT NULL,        -- pending, staging, retrying, staged, updating, updated, failed: the last word of its status
	since INTEGER NOT NULL,
	attempt INTEGER,
	error TEXT,                 -- code
	error_message TEXT,
	next_retry INTEGER,
	dp_id TEXT,                 -- the rest: of the staged event
	digest TEXT,
	files INTEGER,
	bytes INTEGER,
	read_back TEXT,
	staged INTEGER,             -- when
	staged_partition INTEGER,
	staged_offset INTEGER,
	PRIMARY KEY (package, distribution_point, version)
) WITHOUT ROWID;
CREATE INDEX copy_state ON copy (state);

-- One row for each distribution point that a package is, or is to be, current on.
CREATE TABLE pointer (
	package TEXT NOT NULL,
	distribution_point TEXT NOT NULL,
	desired_version TEXT,       -- of the newest release there
	desired_job TEXT,
	released INTEGER,
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
