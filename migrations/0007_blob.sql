-- Blobs that were seen at destinations: the next run need not ask for them. A row is believed for a week.

CREATE TABLE blob (
  origin TEXT NOT NULL,
  repository TEXT NOT NULL,
  digest TEXT NOT NULL,
  seen_at INTEGER NOT NULL,
  PRIMARY KEY (origin, repository, digest)
) STRICT, WITHOUT ROWID;
