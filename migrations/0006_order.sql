-- What decides which copy of a destination tag is the newest, and which task runs next.

-- When the newest push was that joined; 0: only a sweep wants it, which knows of none. Where two source tags have one
-- destination tag, the newest push wins, in whatever order they are told.
ALTER TABLE task ADD COLUMN newest_at INTEGER NOT NULL DEFAULT 0;

-- A new task begins above the generation of the one before, which from now on has the highest of its destination tag.
UPDATE task SET generation = highest
FROM (
  SELECT max(id) AS newest, max(generation) AS highest FROM task
  GROUP BY destination, destination_repository, destination_tag)
WHERE id = newest;

-- Lanes by destination: one that has its slots is passed over in one seek, however many repositories wait for it.
-- No name of a registry has a character below '!', so that `destination || '!'` is behind all its lanes.
DROP INDEX task_available;
ALTER TABLE task DROP COLUMN lane;
ALTER TABLE task ADD COLUMN lane TEXT NOT NULL
  AS (destination || ' ' || source || '/' || source_repository) VIRTUAL;
CREATE INDEX task_available ON task (urgency, lane) WHERE state = 'available';

-- What the source's policy held back at the last attempt: also while it runs again.
DROP INDEX task_awaiting_scan;
CREATE INDEX task_held_back ON task (source_repository, state) WHERE reason = 'source-policy';

-- Destination tags to which an attempt that broke off may have sent what the registry carries out later: until then no
-- record of them is trusted.
CREATE TABLE doubt (
  destination TEXT NOT NULL,
  destination_repository TEXT NOT NULL,
  destination_tag TEXT NOT NULL,
  until INTEGER NOT NULL,
  PRIMARY KEY (destination, destination_repository, destination_tag)
) STRICT, WITHOUT ROWID;

CREATE INDEX doubt_until ON doubt (until);
