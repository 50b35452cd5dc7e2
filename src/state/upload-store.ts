import type { KeptSession, UploadKey, UploadSessions } from '../copy/upload-session.ts';
import { type Connection, guard, write } from './database.ts';

const where = 'WHERE origin = @origin AND repository = @repository AND digest = @digest';

const findUpload = `SELECT location, offset, kept_at AS keptAt FROM upload ${where}`;

const keepUpload = `
  INSERT INTO upload (origin, repository, digest, location, offset, kept_at)
  VALUES (@origin, @repository, @digest, @location, @offset, @keptAt)
  ON CONFLICT DO UPDATE SET location = excluded.location, offset = excluded.offset, kept_at = excluded.kept_at`;

const forgetUpload = `DELETE FROM upload ${where}`;

const prepare = (connection: Connection) => ({
  find: connection.prepare<[UploadKey], KeptSession>(findUpload),
  keep: connection.prepare<[UploadKey & KeptSession]>(keepUpload),
  forget: connection.prepare<[UploadKey]>(forgetUpload),
});

/** Upload sessions in the database; throws `StorageError`. */
export class SqliteUploadStore implements UploadSessions {
  readonly #connection: Connection;
  readonly #sql: ReturnType<typeof prepare>;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#sql = prepare(connection);
  }

  find(key: UploadKey): KeptSession | undefined {
    return guard(this.#connection, () => this.#sql.find.get(key));
  }

  keep(key: UploadKey, session: KeptSession): void {
    write(this.#connection, () => this.#sql.keep.run({ ...key, ...session }));
  }

  forget(key: UploadKey): void {
    write(this.#connection, () => this.#sql.forget.run(key));
  }
}
