import type { LedgerStore, Lesson, Sighting } from '../copy/ledger.ts';
import { type Connection, guard, write } from './database.ts';

/** Of all registries: one that is not written to any more leaves nothing behind. */
const pruneBlobs = `DELETE FROM blob WHERE seen_at < ?`;

const seenBlobs = `
  SELECT repository, digest, seen_at AS seenAt FROM blob WHERE origin = ? AND seen_at >= ? ORDER BY seen_at`;

const sawBlob = `
  INSERT INTO blob (origin, repository, digest, seen_at) VALUES (@origin, @repository, @digest, @seenAt)
  ON CONFLICT DO UPDATE SET seen_at = excluded.seen_at`;

const forgetBlob = `
  DELETE FROM blob WHERE origin = @origin AND repository = @repository AND digest = @digest`;

const forgetRepository = `DELETE FROM blob WHERE origin = @origin AND repository = @repository`;

const prepare = (connection: Connection) => ({
  prune: connection.prepare<[before: number]>(pruneBlobs),
  seen: connection.prepare<[origin: string, since: number], Sighting>(seenBlobs),
  saw: connection.prepare<[{ origin: string } & Sighting]>(sawBlob),
  forget: connection.prepare<[{ origin: string; repository: string; digest: string }]>(forgetBlob),
  forgetAll: connection.prepare<[{ origin: string; repository: string }]>(forgetRepository),
});

/** The blobs of the registry with this origin, in the database; throws `StorageError`. */
export class SqliteBlobStore implements LedgerStore {
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
