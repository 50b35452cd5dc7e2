import { openUnchanged, whileReading } from './database.ts';
import type { DatabaseOptions } from './database.ts';
import { SqliteEnqueueStore } from './enqueue-store.ts';
import { SqliteRecordStore } from './record-store.ts';
import type { State } from './state.ts';
import { SqliteTaskStore } from './task-store.ts';

/** What can be asked of a database that nobody uses. */
export type Reading = Pick<State, 'enqueue' | 'tasks' | 'records'>;

/**
 * What `look` finds in a database that a mirror has left: it is neither made, nor migrated, nor put in order, and no mirror can start
 * on it meanwhile. Throws `DatabaseError` where there is none, another process has it, its version is not this program's, or
 * a part of it cannot be read.
 */
export function readDatabase<T>(
  file: string,
  look: (reading: Reading) => T,
  options: DatabaseOptions = {},
): T {
  const connection = openUnchanged(file, options);
  try {
    return whileReading(connection, () =>
      look({
        enqueue: new SqliteEnqueueStore(connection),
        tasks: new SqliteTaskStore(connection),
        records: new SqliteRecordStore(connection),
      }),
    );
  } finally {
    connection.close();
  }
}
