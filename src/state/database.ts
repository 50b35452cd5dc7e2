import { mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import Sqlite from 'better-sqlite3';
import { StorageError } from '../task/store.ts';
import { DatabaseError } from './error.ts';
import { checkMigrated, checkVersion, migrate } from './migrate.ts';

export type Connection = Sqlite.Database;

/** Instead of a file: a database in memory, gone when it is closed. No configuration can name it. */
export const inMemory = Symbol('in memory');

/** Which file on the disk a connection writes to: its name may come to mean another one. */
const identities = new WeakMap<Connection, string>();

export interface DatabaseOptions {
  /** A quota for small volumes: the file never grows beyond so many pages of 4 KiB. */
  maxPages?: number;
  /** Another folder of migrations. */
  migrations?: URL;
}

/**
 * Opens the file, made with its folder when it is missing, for this process alone, and migrates it. Never
 * deletes or replaces what is there. Throws `DatabaseError`.
 */
export function openDatabase(file: string | typeof inMemory, options: DatabaseOptions = {}): Connection {
  const connection = create(file);
  try {
    // Exclusive before the first read: from then on another process finds the file locked. It also spares
    // the shared memory file of the write-ahead log.
    connection.pragma('locking_mode = EXCLUSIVE');
    checkVersion(connection, options.migrations);
    configure(connection, options);
    migrate(connection, options.migrations);
    identities.set(connection, identityOf(connection));
    return connection;
  } catch (cause) {
    connection.close();
    throw refusal(connection.name, cause);
  }
}

/**
 * Opens a file that is there, for this process alone, to read it: every write is refused. Not SQLite's own read-only mode, which
 * leaves files beside it behind. Only what a crash has left in the write-ahead log goes into the file when it is closed, as
 * with every close. Throws `DatabaseError`.
 */
export function openUnchanged(file: string, options: DatabaseOptions = {}): Connection {
  const connection = connect(
    file,
    () => new Sqlite(resolve(file), { timeout: 250, fileMustExist: true }),
    readingProblem,
  );
  try {
    connection.pragma('locking_mode = EXCLUSIVE');
    connection.pragma('query_only = ON');
    checkVersion(connection, options.migrations);
    checkMigrated(connection, options.migrations);
    return connection;
  } catch (cause) {
    connection.close();
    throw refusal(connection.name, cause, readingProblem);
  }
}

/** Damage shows where it is met, long after a file was opened. Throws `DatabaseError` for whatever the file refuses. */
export function whileReading<T>({ name: file }: Connection, read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    const cause = thrown instanceof StorageError ? thrown.cause : thrown;
    throw cause instanceof Sqlite.SqliteError ? refusal(file, cause, readingProblem) : thrown;
  }
}

/** One transaction, durable when it returns; all of it undone when `change` throws. Throws `StorageError`. */
export function write<T>(connection: Connection, change: () => T): T {
  const transaction = connection.transaction(() => {
    const changed = change();
    checkPlace(connection);
    return changed;
  });
  return guard(connection, () => transaction.immediate());
}

/** Reads; throws `StorageError`. */
export function guard<T>(connection: Connection, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    if (!(cause instanceof Sqlite.SqliteError) || !mayWorkLater(cause.code)) throw cause;
    const message = `database ${connection.name} did not take it: ${cause.message} (${cause.code})`;
    throw new StorageError(`${message}; it is tried again when there is room`, { cause });
  }
}

/** Only what passes without a change of the program or the file; see https://sqlite.org/rescode.html. */
function mayWorkLater(code: string): boolean {
  return /^SQLITE_(?:FULL|IOERR|BUSY|LOCKED|READONLY|CANTOPEN|NOMEM)(?:_|$)/.test(code);
}

/** A file that was deleted or replaced takes every commit, and nobody finds them again after the next start. */
function checkPlace(connection: Connection): void {
  if (identityOf(connection) === identities.get(connection)) return;
  throw new StorageError(
    `database ${connection.name} was deleted or replaced while in use, so that nothing can be kept; ` +
      'put the file back, or restart to go on with what is there',
  );
}

/** Device and number of the file, `none` when there is no file. */
function identityOf({ name: file, memory }: Connection): string {
  if (memory) return 'none';
  try {
    const stat = statSync(file, { bigint: true, throwIfNoEntry: false });
    return stat === undefined ? 'none' : `${stat.dev}:${stat.ino}`;
  } catch (cause) {
    throw new StorageError(`database ${file} cannot be looked at: ${String(cause)}; see to its folder`, {
      cause,
    });
  }
}

function create(file: string | typeof inMemory): Connection {
  if (file === inMemory) return new Sqlite(':memory:');
  return connect(file, () => {
    mkdirSync(dirname(file), { recursive: true });
    // Never one of the names that mean memory to SQLite (`:memory:`, nothing, blanks).
    return new Sqlite(resolve(file), { timeout: 250 });
  });
}

function connect(file: string, open: () => Connection, toProblem = problemOf): Connection {
  try {
    return open();
  } catch (cause) {
    throw refusal(file, cause, toProblem);
  }
}

function configure(connection: Connection, { maxPages }: DatabaseOptions): void {
  connection.pragma('journal_mode = WAL');
  // An answered delivery survives a power cut: every commit waits for the disk.
  connection.pragma('synchronous = FULL');
  connection.pragma('foreign_keys = ON');
  connection.pragma('cache_size = -16384'); // KiB
  connection.pragma('journal_size_limit = 67108864');
  if (maxPages !== undefined) connection.pragma(`max_page_count = ${maxPages}`);
}

function refusal(file: string, cause: unknown, toProblem = problemOf): DatabaseError {
  if (cause instanceof DatabaseError) return cause;
  const code = cause instanceof Sqlite.SqliteError ? cause.code : '';
  if (isFolder(file)) return new DatabaseError(file, 'is a folder; name a file in it', { cause });
  return new DatabaseError(file, `${toProblem(code)}: ${String(cause)}`, { cause });
}

function isFolder(file: string): boolean {
  try {
    return statSync(file, { throwIfNoEntry: false })?.isDirectory() ?? false;
  } catch {
    return false; // It may not be looked at, which the cause says, too.
  }
}

/** Who only wants to read has nothing to stop, and nothing to make room for. */
function readingProblem(code: string): string {
  if (/^SQLITE_(?:BUSY|LOCKED)/.test(code)) return 'is in use by another process, a mirror as a rule';
  if (/^SQLITE_(?:NOTADB|CORRUPT)/.test(code)) return problemOf(code);
  return 'cannot be opened; run this as the user of the mirror, who can write to its folder';
}

function problemOf(code: string): string {
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED'))
    return 'is in use by another process; stop it, or give this one its own file';
  if (code.startsWith('SQLITE_NOTADB')) return 'is not a database; move it away, or name another file';
  if (code.startsWith('SQLITE_CORRUPT')) return 'is damaged; move it away, or restore a backup';
  return 'cannot be opened for writing; see to the folder, its permissions and the room on the disk';
}
