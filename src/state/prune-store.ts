import type { PruneStore } from '../task/store.ts';
import { type Connection, write } from './database.ts';

/** With their attempts. */
const pruneTasks = `
  DELETE FROM task WHERE id IN (SELECT id FROM task WHERE finished_at < ? ORDER BY finished_at LIMIT ?)`;

/** With the tags they named. */
const pruneEvents = `
  DELETE FROM event WHERE id IN (SELECT id FROM event WHERE received_at < ? ORDER BY received_at LIMIT ?)`;

/** The newest completed sweep of each kind stays: it says since when the two ends are known to agree. */
const pruneSweeps = `
  DELETE FROM sweep WHERE id IN (
    SELECT id FROM sweep
    WHERE finished_at < ? AND id NOT IN (SELECT max(id) FROM sweep WHERE state = 'completed' GROUP BY dry_run)
    LIMIT ?)`;

const pruneDoubts = `
  DELETE FROM doubt WHERE (destination, destination_repository, destination_tag) IN (
    SELECT destination, destination_repository, destination_tag FROM doubt
    WHERE until < ? ORDER BY until LIMIT ?)`;

/** Registries forget sessions after about that long; milliseconds. */
const uploadLife = 7 * 24 * 60 * 60 * 1000;

/** A row for each big blob that was cut: few. */
const pruneUploads = `DELETE FROM upload WHERE kept_at < ?`;

const prepare = (connection: Connection) => ({
  steps: [pruneTasks, pruneEvents, pruneSweeps, pruneDoubts].map((sql) =>
    connection.prepare<[before: number, limit: number]>(sql),
  ),
  uploads: connection.prepare<[before: number]>(pruneUploads),
});

/** Forgets what is finished and old. Source repositories and their owners stay. */
export class SqlitePruneStore implements PruneStore {
  readonly #connection: Connection;
  readonly #sql: ReturnType<typeof prepare>;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#sql = prepare(connection);
  }

  prune(before: number, limit: number): number {
    return write(this.#connection, () =>
      this.#sql.steps.reduce((gone, step) => gone + step.run(before, limit - gone).changes, 0),
    );
  }

  pruneUploads(now: number): void {
    write(this.#connection, () => this.#sql.uploads.run(now - uploadLife));
  }
}
