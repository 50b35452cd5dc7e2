import type { Part, Sweep, SweepStore } from '../task/store.ts';
import { causes as knownCauses } from '../task/task.ts';
import { type Connection, guard, write } from './database.ts';
import { TransitionError } from './error.ts';

const sweepColumns = `
  id, rule, dry_run AS dryRun, started_by AS "trigger", state, started_at AS startedAt,
  finished_at AS finishedAt, listed, unchanged, enqueued, missed, causes, audited,
  mismatched, failed, errors, invalid_names AS invalidNames, collisions, name_errors AS nameErrors`;

const beginSweep = `
  INSERT INTO sweep (rule, dry_run, started_by, state, started_at) VALUES (?, ?, ?, 'running', ?)`;

const overtake = `
  UPDATE sweep SET state = 'failed', finished_at = ?,
    errors = json_insert(errors, '$[#]', 'interrupted, and overtaken by another sweep')
  WHERE state = 'running'`;

const saveSweep = `
  UPDATE sweep SET state = @state, finished_at = @finishedAt, listed = @listed, unchanged = @unchanged,
    enqueued = @enqueued, missed = @missed, causes = @causes, audited = @audited, mismatched = @mismatched,
    failed = @failed, errors = @errors, invalid_names = @invalidNames, collisions = @collisions,
    name_errors = @nameErrors
  WHERE id = @id`;

const findSweep = `SELECT ${sweepColumns} FROM sweep WHERE id = ?`;

const listSweeps = `SELECT ${sweepColumns} FROM sweep WHERE id < ? ORDER BY id DESC LIMIT ?`;

const findInterrupted = `
  SELECT ${sweepColumns} FROM sweep INDEXED BY sweep_state WHERE state = 'running' ORDER BY id DESC LIMIT 1`;

const isPlanned = `SELECT planned FROM sweep WHERE id = ?`;

const markPlanned = `UPDATE sweep SET planned = 1 WHERE id = ?`;

const addPart = `
  INSERT INTO sweep_part (sweep, source, kind, name, position)
  VALUES (@sweep, @source, @kind, @name, @position)
  ON CONFLICT DO NOTHING`;

const partSources = `SELECT DISTINCT source FROM sweep_part WHERE sweep = ?`;

/** In the order of the key: a project before its repositories. */
const nextPart = `
  SELECT source, kind, name, position FROM sweep_part WHERE sweep = ? AND source = ?
  ORDER BY kind, name LIMIT 1`;

const movePart = `
  UPDATE sweep_part SET position = @position
  WHERE sweep = @sweep AND source = @source AND kind = @kind AND name = @name`;

const endPart = `
  DELETE FROM sweep_part WHERE sweep = @sweep AND source = @source AND kind = @kind AND name = @name`;

const endParts = `DELETE FROM sweep_part WHERE sweep = ?`;

const listRepositories = `SELECT name FROM repository ORDER BY name`;

type SweepRow = Omit<Sweep, 'rule' | 'dryRun' | 'finishedAt' | 'causes' | 'errors' | 'nameErrors'> & {
  rule: string | null;
  dryRun: number;
  finishedAt: number | null;
  causes: string;
  errors: string;
  nameErrors: string;
};

type PartRow = Part & { sweep: number };

const prepare = (connection: Connection) => ({
  beginSweep:
    connection.prepare<[rule: string | null, dryRun: number, startedBy: string, startedAt: number]>(
      beginSweep,
    ),
  overtake: connection.prepare<[now: number]>(overtake),
  dropParts: connection.prepare<[]>('DELETE FROM sweep_part'),
  saveSweep: connection.prepare<[SweepRow]>(saveSweep),
  findSweep: connection.prepare<[id: number], SweepRow>(findSweep),
  listSweeps: connection.prepare<[before: number, limit: number], SweepRow>(listSweeps),
  findInterrupted: connection.prepare<[], SweepRow>(findInterrupted),
  isPlanned: connection.prepare<[id: number], { planned: number }>(isPlanned),
  markPlanned: connection.prepare<[id: number]>(markPlanned),
  addPart: connection.prepare<[PartRow]>(addPart),
  partSources: connection.prepare<[id: number], { source: string }>(partSources),
  nextPart: connection.prepare<[id: number, source: string], Part>(nextPart),
  movePart: connection.prepare<[PartRow]>(movePart),
  endPart: connection.prepare<[PartRow]>(endPart),
  endParts: connection.prepare<[id: number]>(endParts),
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
      this.#sql.overtake.run(now);
      this.#sql.dropParts.run();
      const { lastInsertRowid } = this.#sql.beginSweep.run(rule ?? null, dryRun ? 1 : 0, trigger, now);
      const counts = {
        listed: 0,
        unchanged: 0,
        enqueued: 0,
        missed: 0,
        audited: 0,
        mismatched: 0,
        failed: 0,
        invalidNames: 0,
        collisions: 0,
      };
      const begun = {
        id: Number(lastInsertRowid),
        dryRun,
        trigger,
        state: 'running',
        startedAt: now,
      } as const;
      const lists = { errors: [], nameErrors: [] };
      return { ...begun, ...counts, causes: {}, ...lists, ...(rule !== undefined && { rule }) };
    });
  }

  save(sweep: Sweep): void {
    write(this.#connection, () => {
      this.#save(sweep);
      if (sweep.state !== 'running') this.#sql.endParts.run(sweep.id);
    });
  }

  interrupted(): Sweep | undefined {
    const row = guard(this.#connection, () => this.#sql.findInterrupted.get());
    return row && sweepOf(row);
  }

  isPlanned(id: number): boolean {
    return guard(this.#connection, () => this.#sql.isPlanned.get(id)?.planned === 1);
  }

  plan(sweep: Sweep, parts: readonly Part[]): void {
    write(this.#connection, () => {
      this.#save(sweep);
      for (const part of parts) this.#sql.addPart.run({ ...part, sweep: sweep.id });
      this.#sql.markPlanned.run(sweep.id);
    });
  }

  sources(id: number): string[] {
    return guard(this.#connection, () => this.#sql.partSources.all(id)).map(({ source }) => source);
  }

  next(id: number, source: string): Part | undefined {
    return guard(this.#connection, () => this.#sql.nextPart.get(id, source));
  }

  progress(sweep: Sweep, part: Part, position: number | 'done', more: readonly Part[] = []): void {
    write(this.#connection, () => {
      this.#save(sweep);
      for (const one of more) this.#sql.addPart.run({ ...one, sweep: sweep.id });
      const row = { ...part, sweep: sweep.id };
      if (position === 'done') this.#sql.endPart.run(row);
      else this.#sql.movePart.run({ ...row, position });
    });
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

  #save(sweep: Sweep): void {
    const { rule = null, finishedAt = null, causes, errors, nameErrors, dryRun, ...counts } = sweep;
    const lists = { errors: JSON.stringify(errors), nameErrors: JSON.stringify(nameErrors) };
    const texts = { causes: JSON.stringify(causes), ...lists };
    const { changes } = this.#sql.saveSweep.run({
      ...counts,
      rule,
      finishedAt,
      dryRun: dryRun ? 1 : 0,
      ...texts,
    });
    if (changes === 0) throw new TransitionError(`sweep ${sweep.id} was saved, but there is no such sweep`);
  }
}

function sweepOf({ rule, dryRun, finishedAt, causes, errors, nameErrors, ...sweep }: SweepRow): Sweep {
  return {
    ...sweep,
    dryRun: dryRun === 1,
    causes: causesOf(causes),
    errors: linesOf(errors),
    nameErrors: linesOf(nameErrors),
    ...(rule !== null && { rule }),
    ...(finishedAt !== null && { finishedAt }),
  };
}

function linesOf(text: string): string[] {
  const lines: unknown = JSON.parse(text);
  return Array.isArray(lines) ? lines.map(String) : [];
}

function causesOf(text: string): Sweep['causes'] {
  const counts: unknown = JSON.parse(text);
  const found = new Map<string, unknown>(typeof counts === 'object' && counts ? Object.entries(counts) : []);
  return Object.fromEntries(
    knownCauses.flatMap((cause) => (found.has(cause) ? [[cause, Number(found.get(cause))]] : [])),
  );
}
