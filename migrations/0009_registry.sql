-- Which registry a name of the configuration means, by its host: what is known of destination tags, and how far lists of
-- a source were read, is of that one. The first time whatever is known is believed.
CREATE TABLE registry (
  name TEXT PRIMARY KEY,
  host TEXT NOT NULL
) STRICT, WITHOUT ROWID;
