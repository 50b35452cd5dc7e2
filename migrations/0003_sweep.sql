-- Comparisons of both ends.
--
-- running    going on in the process that has the file open; after a crash, failed
-- completed  everything was looked at, though single repositories may have failed: see `failed`
-- failed     ended before everything was looked at: `errors` says why

CREATE TABLE sweep (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  rule TEXT, -- only this one; every rule when absent
  dry_run INTEGER NOT NULL CHECK (dry_run IN (0, 1)),
  started_by TEXT NOT NULL CHECK (started_by IN ('schedule', 'start', 'admin')),
  state TEXT NOT NULL CHECK (state IN ('running', 'completed', 'failed')),
  started_at INTEGER NOT NULL,
  finished_at INTEGER,
  listed INTEGER NOT NULL DEFAULT 0,
  unchanged INTEGER NOT NULL DEFAULT 0,
  enqueued INTEGER NOT NULL DEFAULT 0,
  missed INTEGER NOT NULL DEFAULT 0,
  failed INTEGER NOT NULL DEFAULT 0,
  errors TEXT NOT NULL DEFAULT '[]' CHECK (json_type(errors) = 'array'),
  CHECK ((state = 'running') = (finished_at IS NULL)),
  CHECK (state <> 'failed' OR json_array_length(errors) > 0)
) STRICT;

CREATE INDEX sweep_state ON sweep (state);

-- Readiness writes a row here and takes it away again, to see whether there is room for a batch.
CREATE TABLE probe (room BLOB NOT NULL) STRICT;
