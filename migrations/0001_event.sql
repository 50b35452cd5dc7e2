-- What came in through the webhook. Rows are never changed, only removed when they are old.

PRAGMA application_id = 0x54464552; -- "TFER": how a Tagferry database is told from any other SQLite file

CREATE TABLE event (
  id INTEGER PRIMARY KEY,
  sender_id TEXT, -- CloudEvents id: the same in every retry of one delivery
  type TEXT NOT NULL, -- the sender's own name of the event
  kind TEXT NOT NULL CHECK (kind IN ('push', 'scan', 'ignored')),
  ignored TEXT, -- why nothing was done
  repository TEXT,
  occurred_at INTEGER NOT NULL, -- by the sender's clock; all times are milliseconds since 1970
  received_at INTEGER NOT NULL,
  tasks TEXT NOT NULL CHECK (json_type(tasks) = 'array'), -- ids of the tasks it made, joined or woke
  CHECK ((kind = 'ignored') = (ignored IS NOT NULL)),
  CHECK (kind = 'ignored' OR repository IS NOT NULL)
) STRICT;

CREATE UNIQUE INDEX event_sender_id ON event (sender_id) WHERE sender_id IS NOT NULL;
CREATE INDEX event_received_at ON event (received_at);

-- The tags that an event named, and the digest that each had then.
CREATE TABLE event_reference (
  event INTEGER NOT NULL REFERENCES event ON DELETE CASCADE,
  repository TEXT NOT NULL,
  tag TEXT NOT NULL,
  digest TEXT,
  PRIMARY KEY (event, tag)
) STRICT, WITHOUT ROWID;

CREATE INDEX event_reference_digest ON event_reference (repository, digest, tag) WHERE digest IS NOT NULL;

-- Every source repository that an event or a task has named. Outlives both: a sweep looks here where it
-- may not list repositories.
CREATE TABLE repository (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
