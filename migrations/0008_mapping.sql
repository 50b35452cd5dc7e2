-- Where the rules put each source repository that is known: those that the last sweep has listed, and those that
-- wanted to go where others go since. Of several in one destination repository that has no owner, none is copied.
CREATE TABLE mapping (
  destination TEXT NOT NULL,
  destination_repository TEXT NOT NULL,
  source TEXT NOT NULL,
  source_repository TEXT NOT NULL,
  rule TEXT NOT NULL, -- by which it was put there
  PRIMARY KEY (destination, destination_repository, source, source_repository)
) STRICT, WITHOUT ROWID;

CREATE INDEX mapping_source ON mapping (source, source_repository);

-- What sweeps have found to be right belongs to the source repository that it is equal to, as what was copied does.
INSERT INTO owner (destination, destination_repository, source, source_repository)
SELECT destination, destination_repository, min(source), min(source_repository) FROM record
WHERE true
GROUP BY destination, destination_repository
HAVING min(source || '/' || source_repository) = max(source || '/' || source_repository)
ON CONFLICT DO NOTHING;

-- What a sweep has found to be wrong with the names of whole sources.
ALTER TABLE sweep ADD COLUMN invalid_names INTEGER NOT NULL DEFAULT 0; -- which their destination cannot have
ALTER TABLE sweep ADD COLUMN collisions INTEGER NOT NULL DEFAULT 0; -- destination repositories in which several would meet
ALTER TABLE sweep ADD COLUMN name_errors TEXT NOT NULL DEFAULT '[]' CHECK (json_type(name_errors) = 'array'); -- the first of both
