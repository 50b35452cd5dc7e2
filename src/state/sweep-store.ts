import type { Sweep, SweepStore } from '../task/store.ts';
import { type Connection, guard, write } from './database.ts';
import { TransitionError } from './error.ts';

const sweepColumns = `
  id, rule, dry_run AS dryRun, started_by AS "trigger", state, started_at AS startedAt,
  finished_at AS finishedAt, listed, unchanged, enqueued, missed, failed, errors`;

const beginSweep = `
  INSERT INTO sweep (rule, dry_run, started_by, state, started_at) VALUES (?, ?, ?, 'running', ?)`;

const saveSweep = `
  UPDATE sweep SET state = @state, finished_at = @finishedAt, listed = @listed, unchanged = @unchanged,
    enqueued = @enqueued, missed = @missed, failed = @failed, errors = @errors
  WHERE id = @id`;

const findSweep = `SELECT ${sweepColumns} FROM sweep WHERE id = ?`;

const listSweeps = `SELECT ${sweepColumns} FROM sweep WHERE id < ? ORDER BY id DESC LIMIT ?`;

const listRepositories = `SELECT name FROM repository ORDER BY name`;

type SweepRow = Omit<Sweep, 'rule' | 'dryRun' | 'finishedAt' | 'errors'> & {
  rule: string | null;
  dryRun: number;
  finishedAt: number | null;
  errors: string;
};

const prepare = (connection: Connection) => ({
  beginSweep:
    connection.prepare<[rule: string | null, dryRun: number, startedBy: string, startedAt: number]>(
      beginSweep,
    ),
  saveSweep: connection.prepare<[SweepRow]>(saveSweep),
  findSweep: connection.prepare<[id: number], SweepRow>(findSweep),
  listSweeps: connection.prepare<[before: number, limit: number], SweepRow>(listSweeps),
  listRepositories: connection.prepare<[], { name: string }>(listRepositories),
});

/** What sweeps found, and where they may look. */
export class SqliteSweepStore implements SweepStore {
  readonly #connection: Connection;
  readonly #sql: ReturnType<typeof prepare>;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#sql = prepare(connection);
  }

  begin({ rule, dryRun, trigger }: Pick<Sweep, 'rule' | 'dryRun' | 'trigger'>, now: number): Sweep {
    return write(this.#connection, () => {
      const { lastInsertRowid } = this.#sql.beginSweep.run(rule ?? null, dryRun ? 1 : 0, trigger, now);
      const counts = { listed: 0, unchanged: 0, enqueued: 0, missed: 0, failed: 0, errors: [] };
      const begun = {
        id: Number(lastInsertRowid),
        dryRun,
        trigger,
        state: 'running',
        startedAt: now,
      } as const;
      return { ...begun, ...counts, ...(rule !== undefined && { rule }) };
    });
  }

  save(sweep: Sweep): void {
    const { rule = null, finishedAt = null } = sweep;
    const row = {
      ...sweep,
      rule,
      finishedAt,
      dryRun: sweep.dryRun ? 1 : 0,
      errors: JSON.stringify(sweep.errors),
    };
    const { changes } = write(this.#connection, () => this.#sql.saveSweep.run(row));
    if (changes === 0) throw new TransitionError(`sweep ${sweep.id} was saved, but there is no such sweep`);
  }

  get(id: number): Sweep | undefined {
    const row = guard(this.#connection, () => this.#sql.findSweep.get(id));
    return row && sweepOf(row);
  }

  list(limit: number, before = Number.MAX_SAFE_INTEGER): Sweep[] {
    return guard(this.#connection, () => this.#sql.listSweeps.all(before, limit)).map((row) => sweepOf(row));
  }

  repositories(): string[] {
    return guard(this.#connection, () => this.#sql.listRepositories.all()).map(({ name }) => name);
  }
}

function sweepOf({ rule, dryRun, finishedAt, errors, ...sweep }: SweepRow): Sweep {
  const lines: unknown = JSON.parse(errors);
  return {
    ...sweep,
    dryRun: dryRun === 1,
    errors: Array.isArray(lines) ? lines.map(String) : [],
    ...(rule !== null && { rule }),
    ...(finishedAt !== null && { finishedAt }),
  };
}
