-- The durable queue. A task is one wanted copy; src/task/task.ts draws how its state moves.
--
-- available  may be claimed now
-- running    claimed by the process that has the file open; after a crash, available again
-- retryable  the last attempt failed for `reason`; available again at `run_at`
-- completed  the destination holds what the source held: `outcome` says how
-- discarded  can never work, or gave up: `reason` says why
-- cancelled  an administrator asked to stop, or no rule wants it any more

CREATE TABLE task (
  id INTEGER PRIMARY KEY AUTOINCREMENT, -- never given twice: users keep ids of tasks that are gone
  state TEXT NOT NULL
    CHECK (state IN ('available', 'running', 'retryable', 'completed', 'discarded', 'cancelled')),
  door TEXT NOT NULL CHECK (door IN ('webhook', 'admin', 'sweep')),
  force INTEGER NOT NULL CHECK (force IN (0, 1)),
  rule TEXT NOT NULL,
  source TEXT NOT NULL,
  source_repository TEXT NOT NULL,
  source_tag TEXT NOT NULL,
  destination TEXT NOT NULL,
  destination_repository TEXT NOT NULL,
  destination_tag TEXT NOT NULL,
  generation INTEGER NOT NULL DEFAULT 1 CHECK (generation > 0), -- grows with every push that joins
  attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0), -- begun, and neither taken back nor waits
  created_at INTEGER NOT NULL,
  wanted_at INTEGER NOT NULL,
  run_at INTEGER NOT NULL,
  started_at INTEGER,
  finished_at INTEGER,
  -- Of the last attempt:
  outcome TEXT CHECK (outcome IN ('copied', 'unchanged', 'source-gone')),
  reason TEXT,
  message TEXT,
  digest TEXT,
  bytes INTEGER,
  -- What happened while it runs, for its end to take into account:
  next_wanted_at INTEGER, -- the oldest push that joined since the claim
  next_force INTEGER CHECK (next_force IN (0, 1)),
  cancel_requested_at INTEGER,
  unfinished INTEGER AS (iif(state IN ('available', 'running', 'retryable'), 1, NULL)) VIRTUAL,
  -- The order of claiming:
  urgency INTEGER NOT NULL AS (CASE door WHEN 'webhook' THEN 0 WHEN 'admin' THEN 1 ELSE 2 END) VIRTUAL,
  lane TEXT NOT NULL AS (source || '/' || source_repository) VIRTUAL,

  CHECK (state <> 'running' OR started_at IS NOT NULL),
  CHECK ((state IN ('completed', 'discarded', 'cancelled')) = (finished_at IS NOT NULL)),
  CHECK ((state = 'completed') = (outcome IS NOT NULL)),
  CHECK (state NOT IN ('retryable', 'discarded') OR reason IS NOT NULL),
  CHECK (state <> 'completed' OR message IS NULL),
  CHECK (reason IS NULL OR message IS NOT NULL),
  CHECK ((next_wanted_at IS NULL) = (next_force IS NULL)),
  CHECK (state = 'running' OR (next_wanted_at IS NULL AND cancel_requested_at IS NULL))
) STRICT;

-- At most one unfinished task for a destination tag, and any number of finished ones: NULLs differ.
CREATE UNIQUE INDEX task_destination
  ON task (destination, destination_repository, destination_tag, unfinished);

-- Claiming seeks here, so that its time does not depend on how many tasks wait.
CREATE INDEX task_available ON task (urgency, lane) WHERE state = 'available';
CREATE INDEX task_due ON task (run_at) WHERE state = 'retryable';
CREATE INDEX task_awaiting_scan ON task (source_repository)
  WHERE state = 'retryable' AND reason = 'source-policy';
CREATE INDEX task_finished ON task (finished_at) WHERE finished_at IS NOT NULL;

-- The administrator's lists.
CREATE INDEX task_state ON task (state);
CREATE INDEX task_source ON task (source_repository);
CREATE INDEX task_source_tag ON task (source_tag);

CREATE TABLE attempt (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  task INTEGER NOT NULL REFERENCES task ON DELETE CASCADE,
  number INTEGER NOT NULL, -- may repeat within a task: a push that joins starts the count again
  started_at INTEGER NOT NULL,
  finished_at INTEGER NOT NULL,
  outcome TEXT CHECK (outcome IN ('copied', 'unchanged', 'source-gone')),
  reason TEXT,
  message TEXT,
  digest TEXT,
  bytes INTEGER NOT NULL,
  copied INTEGER NOT NULL,
  mounted INTEGER NOT NULL,
  skipped INTEGER NOT NULL,
  CHECK (reason IS NULL OR message IS NOT NULL)
) STRICT;

CREATE INDEX attempt_task ON attempt (task);

-- Which source repository writes to a destination repository: the first that wanted to, as long as a rule
-- still says so. Another one that would meet it there is refused.
CREATE TABLE owner (
  destination TEXT NOT NULL,
  destination_repository TEXT NOT NULL,
  source TEXT NOT NULL,
  source_repository TEXT NOT NULL,
  PRIMARY KEY (destination, destination_repository)
) STRICT, WITHOUT ROWID;

-- How many tasks are in each state, kept by triggers: counting a million rows takes too long for a scrape.
CREATE TABLE task_count (
  state TEXT PRIMARY KEY,
  tasks INTEGER NOT NULL CHECK (tasks >= 0)
) STRICT, WITHOUT ROWID;

INSERT INTO task_count (state, tasks) VALUES
  ('available', 0), ('running', 0), ('retryable', 0), ('completed', 0), ('discarded', 0), ('cancelled', 0);

CREATE TRIGGER task_count_insert AFTER INSERT ON task BEGIN
  UPDATE task_count SET tasks = tasks + 1 WHERE state = new.state;
END;

CREATE TRIGGER task_count_update AFTER UPDATE OF state ON task WHEN old.state <> new.state BEGIN
  UPDATE task_count SET tasks = tasks - 1 WHERE state = old.state;
  UPDATE task_count SET tasks = tasks + 1 WHERE state = new.state;
END;

CREATE TRIGGER task_count_delete AFTER DELETE ON task BEGIN
  UPDATE task_count SET tasks = tasks - 1 WHERE state = old.state;
END;
