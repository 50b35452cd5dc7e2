import type { PositionStore } from '../task/store.ts';
import { type Connection, guard, write } from './database.ts';

const findPosition = `SELECT last_id AS lastId FROM position WHERE source = ? AND list = ?`;

/** It only grows, as the lists do. */
const setPosition = `
  INSERT INTO position (source, list, last_id) VALUES (?, ?, ?)
  ON CONFLICT DO UPDATE SET last_id = max(last_id, excluded.last_id)`;

const prepare = (connection: Connection) => ({
  find: connection.prepare<[source: string, list: string], { lastId: number }>(findPosition),
  set: connection.prepare<[source: string, list: string, lastId: number]>(setPosition),
});

/** How far lists have been read. */
export class SqlitePositionStore implements PositionStore {
  readonly #connection: Connection;
  readonly #sql: ReturnType<typeof prepare>;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#sql = prepare(connection);
  }

  position(source: string, list: string): number | undefined {
    return guard(this.#connection, () => this.#sql.find.get(source, list)?.lastId);
  }

  setPosition(source: string, list: string, lastId: number): void {
    write(this.#connection, () => this.#sql.set.run(source, list, lastId));
  }
}
