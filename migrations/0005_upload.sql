-- Upload sessions of big blobs, to go on with after a restart. A row is gone when its blob is done or given up,
-- and after a week: registries forget sessions, too.

CREATE TABLE upload (
  origin TEXT NOT NULL,
  repository TEXT NOT NULL,
  digest TEXT NOT NULL,
  location TEXT NOT NULL, -- whoever knows it may write there: it is shown nowhere
  offset INTEGER NOT NULL CHECK (offset > 0), -- bytes that the registry has
  kept_at INTEGER NOT NULL,
  PRIMARY KEY (origin, repository, digest)
) STRICT, WITHOUT ROWID;
