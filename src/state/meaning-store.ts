import { type Connection, write } from './database.ts';
import { Doubt } from './doubt.ts';

/** A name of the configuration, and the host of the registry that it means. */
export interface Meaning {
  name: string;
  host: string;
}

const findHost = `SELECT host FROM registry WHERE name = ?`;

const putHost = `
  INSERT INTO registry (name, host) VALUES (@name, @host) ON CONFLICT DO UPDATE SET host = excluded.host`;

/** As a source, too: of a tag that is declared immutable the record alone says what it names. */
const distrust = `UPDATE record SET trusted = 0 WHERE (destination = @name OR source = @name) AND trusted = 1`;

/** What one registry has refused for good is something new at another. */
const forgetRefused = `
  UPDATE task SET digest = NULL WHERE destination = ? AND state = 'discarded' AND digest IS NOT NULL`;

const forgetPositions = `DELETE FROM position WHERE source = ?`;

/** A sweep that goes on begins anew with that source. */
const forgetParts = `DELETE FROM sweep_part WHERE source = ?`;
const planAgain = `
  INSERT INTO sweep_part (sweep, source, kind, name, position)
  SELECT id, ?, 'plan', '', 0 FROM sweep WHERE state = 'running' AND planned = 1`;

const prepare = (connection: Connection) => ({
  find: connection.prepare<[name: string], { host: string }>(findHost),
  put: connection.prepare<[Meaning]>(putHost),
  distrust: connection.prepare<[{ name: string }]>(distrust),
  forgetRefused: connection.prepare<[name: string]>(forgetRefused),
  forgetPositions: connection.prepare<[name: string]>(forgetPositions),
  forgetParts: connection.prepare<[name: string]>(forgetParts),
  planAgain: connection.prepare<[name: string]>(planAgain),
});

/** Which registries the names of the configuration mean. Without it what was seen at one would be believed of another. */
export class SqliteMeaningStore {
  readonly #connection: Connection;
  readonly #sql: ReturnType<typeof prepare>;
  readonly #doubt: Doubt;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#sql = prepare(connection);
    this.#doubt = new Doubt(connection);
  }

  /** Returns the names that meant another registry before: nothing of it is believed any more. Throws `StorageError`. */
  note(meanings: readonly Meaning[], now: number): string[] {
    return write(this.#connection, () =>
      meanings.flatMap((one) => (this.#isMoved(one, now) ? [one.name] : [])),
    );
  }

  #isMoved(meaning: Meaning, now: number): boolean {
    const { name, host } = meaning;
    const before = this.#sql.find.get(name);
    if (before?.host === host) return false;
    this.#sql.put.run(meaning);
    if (before === undefined) return false;
    this.#sql.distrust.run({ name });
    // Copies under way end at the old one.
    this.#doubt.castOn(name, now);
    this.#sql.forgetRefused.run(name);
    this.#sql.forgetPositions.run(name);
    if (this.#sql.forgetParts.run(name).changes > 0) this.#sql.planAgain.run(name);
    return true;
  }
}
