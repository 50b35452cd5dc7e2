-- What is known of each destination tag that a copy has written, or a sweep has found to be right.
--
-- A sweep believes a trusted record instead of asking the destination; each looks at a share of them again, those
-- not looked at for the longest time first. Where one is found to be wrong, somebody else writes to that repository:
-- none of its records is trusted until it has been looked at, too.
CREATE TABLE record (
  destination TEXT NOT NULL,
  destination_repository TEXT NOT NULL,
  destination_tag TEXT NOT NULL,
  source TEXT NOT NULL,
  source_repository TEXT NOT NULL,
  source_tag TEXT NOT NULL,
  digest TEXT NOT NULL, -- what the destination tag named when it was last looked at
  generation INTEGER NOT NULL CHECK (generation >= 0), -- of the newest copy that was wanted; it only grows
  written_at INTEGER NOT NULL, -- when a copy last did, or it was first seen
  verified_at INTEGER NOT NULL, -- when it was last looked at
  trusted INTEGER NOT NULL CHECK (trusted IN (0, 1)),
  PRIMARY KEY (destination, destination_repository, destination_tag)
) STRICT, WITHOUT ROWID;

-- The next ones to be looked at.
CREATE INDEX record_verified_at ON record (destination, verified_at) WHERE trusted = 1;

-- Why a change came in by other ways than a webhook; absent where a webhook, or an administrator, told of it.
ALTER TABLE task ADD COLUMN cause TEXT CHECK (
  cause IN ('tag-created-in-harbor', 'delivery-failed', 'copy-with-several-tags', 'proxy-cache', 'unknown'));

-- What a sweep still has to do, written before it is begun: a sweep that was interrupted goes on here.
--
-- plan        look back at what the source tells of its past, and find out what to compare
-- project     every artifact of a Harbor project, in the order of ids; `position` is the last id that was done
-- repository  one source repository, tag by tag
-- rest        of a repository, what the list of its project does not show
CREATE TABLE sweep_part (
  sweep INTEGER NOT NULL REFERENCES sweep ON DELETE CASCADE,
  source TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('plan', 'project', 'repository', 'rest')),
  name TEXT NOT NULL,
  position INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (sweep, source, kind, name)
) STRICT, WITHOUT ROWID;

ALTER TABLE sweep ADD COLUMN planned INTEGER NOT NULL DEFAULT 0 CHECK (planned IN (0, 1)); -- its parts are written
ALTER TABLE sweep ADD COLUMN audited INTEGER NOT NULL DEFAULT 0; -- trusted records that were looked at
ALTER TABLE sweep ADD COLUMN mismatched INTEGER NOT NULL DEFAULT 0; -- of these, the ones that were wrong
ALTER TABLE sweep ADD COLUMN causes TEXT NOT NULL DEFAULT '{}' CHECK (json_type(causes) = 'object'); -- of `missed`

-- How far a list of the source that only grows has been read: the last id that was seen.
CREATE TABLE position (
  source TEXT NOT NULL,
  list TEXT NOT NULL,
  last_id INTEGER NOT NULL,
  PRIMARY KEY (source, list)
) STRICT, WITHOUT ROWID;
