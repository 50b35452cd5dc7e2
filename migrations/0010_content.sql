-- The ledger has manifests as well now: whatever goes by a digest and was seen in a destination repository. A row is
-- believed for a week.
ALTER TABLE blob RENAME TO content;
