import type { Busy, DispatchStore, Verdict } from '../task/store.ts';
import type { Attempt, Task } from '../task/task.ts';
import { Claim } from './claim.ts';
import { type Connection, guard, write } from './database.ts';
import { Doubt, undoubted } from './doubt.ts';
import { TransitionError } from './error.ts';
import { putBack } from './put-back.ts';
import { messageOf, type Running, type Settled, settled } from './settle.ts';
import { type AttemptRow, taskColumns, taskOf, type TaskRow } from './task-row.ts';

/** How many attempts of a task are remembered. */
const rememberedAttempts = 20;

const findRunning = `
  SELECT state, generation, attempts, force, wanted_at AS wantedAt, next_wanted_at AS nextWantedAt,
    next_force AS nextForce, cancel_requested_at AS cancelRequestedAt
  FROM task WHERE id = ?`;

const settle = `
  UPDATE task SET state = @state, attempts = @attempts, force = @force, wanted_at = @wantedAt,
    run_at = @runAt, finished_at = @finishedAt, outcome = @outcome, reason = @reason, message = @message,
    digest = @digest, bytes = @bytes,
    next_wanted_at = NULL, next_force = NULL, cancel_requested_at = NULL
  WHERE id = @id
  RETURNING ${taskColumns}`;

const insertAttempt = `
  INSERT INTO attempt (task, number, started_at, finished_at, outcome, reason, message, digest, bytes,
    copied, mounted, skipped)
  VALUES (@task, @number, @startedAt, @finishedAt, @outcome, @reason, @message, @digest, @bytes,
    @copied, @mounted, @skipped)`;

/**
 * What the attempt has read back of the destination tag, with the source tag it came from. `@generation` is of the
 * newest push, which may have joined meanwhile, and never goes back.
 */
const recordCopy = `
  INSERT INTO record (destination, destination_repository, destination_tag,
    source, source_repository, source_tag, digest, generation, written_at, verified_at, trusted)
  VALUES (@destination, @destinationRepository, @destinationTag,
    @source, @sourceRepository, @sourceTag, @digest, @generation, @now, @now, ${undoubted})
  ON CONFLICT DO UPDATE SET source = excluded.source, source_repository = excluded.source_repository,
    source_tag = excluded.source_tag, digest = excluded.digest, verified_at = excluded.verified_at,
    written_at = excluded.written_at, trusted = excluded.trusted, generation = max(generation, excluded.generation)`;

const forgetAttempts = `
  DELETE FROM attempt WHERE task = @task
    AND id <= (SELECT id FROM attempt WHERE task = @task ORDER BY id DESC LIMIT 1 OFFSET @remembered)`;

// All three name their index: left alone, the planner takes the one over states and sorts all that wait.
const promote = `
  UPDATE task SET state = 'available'
  WHERE id IN (
    SELECT id FROM task INDEXED BY task_due WHERE state = 'retryable' AND run_at <= ? ORDER BY run_at LIMIT ?)`;

const promoteStray = `
  UPDATE task SET state = 'available'
  WHERE id IN (
    SELECT id FROM task INDEXED BY task_due WHERE state = 'retryable' AND run_at > ? ORDER BY run_at LIMIT ?)`;

const nextRun = `
  SELECT run_at AS runAt FROM task INDEXED BY task_due WHERE state = 'retryable' ORDER BY run_at LIMIT 1`;

const prepare = (connection: Connection) => ({
  findRunning: connection.prepare<[id: number], Running>(findRunning),
  settle: connection.prepare<[Settled & { id: number; digest: string | null; bytes: number }], TaskRow>(
    settle,
  ),
  recordCopy: connection.prepare<[Task & { digest: string; now: number }]>(recordCopy),
  insertAttempt: connection.prepare<[AttemptRow & { task: number }]>(insertAttempt),
  forgetAttempts: connection.prepare<[{ task: number; remembered: number }]>(forgetAttempts),
  release: connection.prepare<[{ id: number; uncounted: number }]>(`${putBack} AND id = @id`),
  promote: connection.prepare<[now: number, limit: number]>(promote),
  promoteStray: connection.prepare<[latest: number, limit: number]>(promoteStray),
  nextRun: connection.prepare<[], { runAt: number }>(nextRun),
});

/** The dispatcher's side of the queue. */
export class SqliteDispatchStore implements DispatchStore {
  readonly #connection: Connection;
  readonly #claim: Claim;
  readonly #doubt: Doubt;
  readonly #sql: ReturnType<typeof prepare>;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#claim = new Claim(connection);
    this.#doubt = new Doubt(connection);
    this.#sql = prepare(connection);
  }

  claim(now: number, busy: Busy): Task | undefined {
    return write(this.#connection, () => this.#claim.claim(now, busy));
  }

  settle(claimed: Task, attempt: Attempt, verdict: Verdict, now: number): Task {
    return write(this.#connection, () => {
      const row = this.#sql.findRunning.get(claimed.id);
      if (row?.state !== 'running') throw notRunning(claimed.id, row?.state);
      this.#remember(claimed.id, attempt);
      this.#record({ ...claimed, generation: row.generation }, attempt);
      const { digest = null, bytes } = attempt;
      const change = { ...settled(claimed, row, attempt, verdict, now), id: claimed.id, digest, bytes };
      const task = this.#sql.settle.get(change);
      if (!task) throw notRunning(claimed.id, undefined);
      return taskOf(task);
    });
  }

  release(ids: readonly number[], now: number): void {
    write(this.#connection, () => {
      for (const id of ids) {
        this.#doubt.cast(id, now);
        // Stopped in the middle: the attempt was not the registry's fault and does not count.
        this.#sql.release.run({ id, uncounted: 1 });
      }
    });
  }

  promote(now: number, limit: number, longest: number): number {
    return write(this.#connection, () => {
      const due = this.#sql.promote.run(now, limit).changes;
      return due + this.#sql.promoteStray.run(now + longest, limit).changes;
    });
  }

  nextRun(): number | undefined {
    return guard(this.#connection, () => this.#sql.nextRun.get()?.runAt);
  }

  #record(task: Task, { outcome, digest, finishedAt }: Attempt): void {
    const now = Math.trunc(finishedAt);
    if (outcome === undefined) this.#doubt.cast(task.id, now);
    else if (digest !== undefined) this.#sql.recordCopy.run({ ...task, digest, now });
  }

  #remember(task: number, attempt: Attempt): void {
    const { outcome = null, reason = null, digest = null } = attempt;
    this.#sql.insertAttempt.run({ ...attempt, task, outcome, reason, message: messageOf(attempt), digest });
    this.#sql.forgetAttempts.run({ task, remembered: rememberedAttempts });
  }
}

function notRunning(id: number, state: string | undefined): TransitionError {
  return new TransitionError(`task ${id} was settled: expected running, got ${state ?? 'no such task'}`);
}
