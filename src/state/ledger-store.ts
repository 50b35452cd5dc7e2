import type { LedgerStore, Lesson, Sighting } from '../copy/ledger.ts';
import { type Connection, guard, write } from './database.ts';

/** Of all registries: one that is not written to any more leaves nothing behind. */
const pruneContent = `DELETE FROM content WHERE seen_at < ?`;

const seenContent = `
  SELECT repository, digest, seen_at AS seenAt FROM content WHERE origin = ? AND seen_at >= ? ORDER BY seen_at`;

const sawContent = `
  INSERT INTO content (origin, repository, digest, seen_at) VALUES (@origin, @repository, @digest, @seenAt)
  ON CONFLICT DO UPDATE SET seen_at = excluded.seen_at`;

const forgetContent = `
  DELETE FROM content WHERE origin = @origin AND repository = @repository AND digest = @digest`;

const forgetRepository = `DELETE FROM content WHERE origin = @origin AND repository = @repository`;

const prepare = (connection: Connection) => ({
  prune: connection.prepare<[before: number]>(pruneContent),
  seen: connection.prepare<[origin: string, since: number], Sighting>(seenContent),
  saw: connection.prepare<[{ origin: string } & Sighting]>(sawContent),
  forget: connection.prepare<[{ origin: string; repository: string; digest: string }]>(forgetContent),
  forgetAll: connection.prepare<[{ origin: string; repository: string }]>(forgetRepository),
});

/** What is known to be in the registry with this origin, in the database; throws `StorageError`. */
export class SqliteLedgerStore implements LedgerStore {
  readonly #connection: Connection;
  readonly #sql: ReturnType<typeof prepare>;
  readonly #origin: string;

  constructor(connection: Connection, origin: string) {
    this.#connection = connection;
    this.#sql = prepare(connection);
    this.#origin = origin;
  }

  load(since: number): Sighting[] {
    write(this.#connection, () => this.#sql.prune.run(since));
    return guard(this.#connection, () => this.#sql.seen.all(this.#origin, since));
  }

  save(lessons: readonly Lesson[]): void {
    write(this.#connection, () => {
      for (const lesson of lessons) this.#take(lesson);
    });
  }

  #take(lesson: Lesson): void {
    const [origin, { repository, digest }] = [this.#origin, lesson];
    // A clock may give fractions.
    if (lesson.kind === 'seen') this.#sql.saw.run({ ...lesson, origin, seenAt: Math.trunc(lesson.seenAt) });
    else if (digest === undefined) this.#sql.forgetAll.run({ origin, repository });
    else this.#sql.forget.run({ origin, repository, digest });
  }
}
