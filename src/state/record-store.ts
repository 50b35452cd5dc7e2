import type { Digest } from '../oci/digest.ts';
import type { Ends, Place, RecordStore, Repositories, Seen, TagRecord } from '../task/record.ts';
import { type Connection, guard, write } from './database.ts';
import { undoubted } from './doubt.ts';

const recordColumns = `
  destination, destination_repository AS destinationRepository, destination_tag AS destinationTag,
  source, source_repository AS sourceRepository, source_tag AS sourceTag,
  digest, written_at AS writtenAt, verified_at AS verifiedAt, trusted`;

const findRecord = `
  SELECT ${recordColumns} FROM record
  WHERE destination = @destination AND destination_repository = @destinationRepository
    AND destination_tag = @destinationTag`;

/**
 * What a task has done since, or is about to do, makes what was seen old. What is dated an hour later was written before
 * the clock was set back.
 */
const confirmRecord = `
  INSERT INTO record (destination, destination_repository, destination_tag,
    source, source_repository, source_tag, digest, generation, written_at, verified_at, trusted)
  SELECT @destination, @destinationRepository, @destinationTag,
    @source, @sourceRepository, @sourceTag, @digest, 0, @now, @now, ${undoubted}
  WHERE NOT EXISTS (
    SELECT 1 FROM task
    WHERE destination = @destination AND destination_repository = @destinationRepository
      AND destination_tag = @destinationTag AND unfinished = 1)
  ON CONFLICT DO UPDATE SET source = excluded.source, source_repository = excluded.source_repository,
    source_tag = excluded.source_tag, digest = excluded.digest, verified_at = excluded.verified_at,
    trusted = excluded.trusted
  WHERE verified_at <= excluded.verified_at OR verified_at > excluded.verified_at + 3600000`;

/** What a sweep has found to be right belongs to the source repository that it is equal to. */
const ownFound = `
  INSERT INTO owner (destination, destination_repository, source, source_repository)
  VALUES (@destination, @destinationRepository, @source, @sourceRepository)
  ON CONFLICT DO NOTHING`;

const distrustRepository = `
  UPDATE record SET trusted = 0
  WHERE destination = ? AND destination_repository = ? AND trusted = 1`;

const distrustTag = `
  UPDATE record SET trusted = 0
  WHERE destination = @destination AND destination_repository = @destinationRepository
    AND destination_tag = @destinationTag`;

const countTrusted = `SELECT count(*) AS trusted FROM record WHERE destination = ? AND trusted = 1`;

const oldestTrusted = `
  SELECT ${recordColumns} FROM record
  WHERE destination = @destination AND trusted = 1
    AND (verified_at, destination_repository, destination_tag) > (@verifiedAt, @destinationRepository, @destinationTag)
  ORDER BY verified_at, destination_repository, destination_tag LIMIT @limit`;

/** What was looked at since the list began may be newer than it. */
const distrustGone = `
  UPDATE record SET trusted = 0
  WHERE destination = @destination AND destination_repository = @destinationRepository
    AND source = @source AND source_repository = @sourceRepository
    AND trusted = 1 AND verified_at < @at
    AND source_tag NOT IN (SELECT value FROM json_each(@tags))`;

const beforeAll = { verifiedAt: Number.MIN_SAFE_INTEGER, destinationRepository: '', destinationTag: '' };

type RecordRow = Omit<TagRecord, 'trusted'> & { trusted: number };

const prepare = (connection: Connection) => ({
  find: connection.prepare<[Place], RecordRow>(findRecord),
  confirm: connection.prepare<[Ends & { digest: Digest; now: number }]>(confirmRecord),
  own: connection.prepare<[Ends]>(ownFound),
  distrust: connection.prepare<[destination: string, repository: string]>(distrustRepository),
  distrustTag: connection.prepare<[Place]>(distrustTag),
  count: connection.prepare<[destination: string], { trusted: number }>(countTrusted),
  oldest: connection.prepare<[Place & Pick<TagRecord, 'verifiedAt'> & { limit: number }], RecordRow>(
    oldestTrusted,
  ),
  distrustGone: connection.prepare<[Repositories & { tags: string; at: number }]>(distrustGone),
});

/** What is known of destination tags. Copies are recorded where their tasks are settled (`dispatch-store.ts`). */
export class SqliteRecordStore implements RecordStore {
  readonly #connection: Connection;
  readonly #sql: ReturnType<typeof prepare>;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#sql = prepare(connection);
  }

  find(place: Place): TagRecord | undefined {
    const row = guard(this.#connection, () => this.#sql.find.get(place));
    return row && recordOf(row);
  }

  confirm(seen: readonly Seen[]): void {
    if (seen.length === 0) return;
    write(this.#connection, () => {
      for (const { copy, digest, at } of seen) {
        this.#sql.confirm.run({ ...copy, digest, now: Math.trunc(at) });
        this.#sql.own.run(copy);
      }
    });
  }

  distrust(destination: string, destinationRepository: string): number {
    return write(this.#connection, () => this.#sql.distrust.run(destination, destinationRepository).changes);
  }

  distrustTag(place: Place): void {
    // New tags are the most, and a write takes the disk's time.
    if (this.find(place)?.trusted === true) write(this.#connection, () => this.#sql.distrustTag.run(place));
  }

  count(destination: string): number {
    return guard(this.#connection, () => this.#sql.count.get(destination)?.trusted ?? 0);
  }

  oldest(destination: string, limit: number, after?: TagRecord): TagRecord[] {
    const { verifiedAt, destinationRepository, destinationTag } = after ?? beforeAll;
    const page = { destination, verifiedAt, destinationRepository, destinationTag, limit };
    return guard(this.#connection, () => this.#sql.oldest.all(page)).map(recordOf);
  }

  distrustGone(repositories: Repositories, tags: readonly string[], at: number): void {
    const gone = { ...repositories, tags: JSON.stringify(tags), at: Math.trunc(at) };
    write(this.#connection, () => this.#sql.distrustGone.run(gone));
  }
}

function recordOf(row: RecordRow): TagRecord {
  return { ...row, trusted: row.trusted === 1 };
}
