import { readdirSync, readFileSync } from 'node:fs';
import type Sqlite from 'better-sqlite3';
import { DatabaseError } from './error.ts';

/** The same folder from src/state and from dist/state. */
const shipped = new URL('../../migrations/', import.meta.url);

/** What `0001_event.sql` sets. */
const applicationId = 0x54464552;

/**
 * Refuses, having only read, a file that this program must not write to: one that a newer version has
 * migrated, or one that belongs to another program.
 */
export function checkVersion(connection: Sqlite.Database, folder = shipped): void {
  const version = Number(connection.pragma('user_version', { simple: true }));
  const known = migrationsIn(folder).length;
  if (!isOurs(connection, version)) {
    const what = 'is a SQLite database, but not one of Tagferry; give Tagferry a file of its own';
    throw new DatabaseError(connection.name, what);
  }
  if (version > known) {
    const what = `has version ${version}, this program knows versions up to ${known}`;
    throw new DatabaseError(connection.name, `${what}; run the newer program, or restore an older backup`);
  }
}

/** Refuses a file that this program would have to migrate first. */
export function checkMigrated(connection: Sqlite.Database, folder = shipped): void {
  const version = Number(connection.pragma('user_version', { simple: true }));
  const known = migrationsIn(folder).length;
  if (version === known) return;
  const what = `has version ${version}, this program reads version ${known} only`;
  throw new DatabaseError(connection.name, `${what}; \`tagferry serve\` migrates it when it is started`);
}

/** Brings the database to the newest version: each migration whole in its own transaction, or not at all. */
export function migrate(connection: Sqlite.Database, folder = shipped): void {
  const version = Number(connection.pragma('user_version', { simple: true }));
  for (const [index, name] of migrationsIn(folder).entries()) {
    if (index < version) continue;
    const step = connection.transaction(() => {
      connection.exec(readFileSync(new URL(name, folder), 'utf8'));
      connection.pragma(`user_version = ${index + 1}`);
    });
    try {
      step.immediate();
    } catch (cause) {
      const problem = `migration ${name} failed and was rolled back: ${String(cause)}`;
      throw new DatabaseError(connection.name, `${problem}; see to that and start again`, { cause });
    }
  }
}

function migrationsIn(folder: URL): string[] {
  return readdirSync(folder)
    .filter((name) => /^\d{4}_.*\.sql$/.test(name))
    .sort();
}

function isOurs(connection: Sqlite.Database, version: number): boolean {
  if (version > 0) return connection.pragma('application_id', { simple: true }) === applicationId;
  return connection.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined;
}
