-- Beside the history's own tables (schema.sql): what the page needs to be quick. May be dropped at any time.

-- Packages that somebody asked for; states: bits of the words of current_state (see board.c) that it is in
-- somewhere.
CREATE TABLE IF NOT EXISTS board_package (
	package TEXT NOT NULL PRIMARY KEY,
	states INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS board_copy_news ON copy (distribution_point, source_fault, since);
CREATE INDEX IF NOT EXISTS board_copy_source ON copy (error) WHERE source_fault;
CREATE INDEX IF NOT EXISTS board_copy_pending ON copy (distribution_point, state, since);
CREATE INDEX IF NOT EXISTS board_copy_staged ON copy (distribution_point, staged, bytes);
CREATE INDEX IF NOT EXISTS board_pointer_updated ON pointer (distribution_point, updated);
CREATE INDEX IF NOT EXISTS board_job_submitted ON job (coalesce(submitted, accepted, ended));
CREATE INDEX IF NOT EXISTS board_job_state ON job (state, coalesce(submitted, accepted, ended));
CREATE INDEX IF NOT EXISTS board_job_package ON job (package, coalesce(submitted, accepted, ended));
CREATE INDEX IF NOT EXISTS board_job_held ON job (state, held);
CREATE INDEX IF NOT EXISTS board_job_ended ON job (state, ended);
CREATE INDEX IF NOT EXISTS board_event_type ON event (type, logged);
