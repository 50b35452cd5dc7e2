import { openUnchanged } from './database.ts';
import type { DatabaseOptions } from './database.ts';
import { SqliteEnqueueStore } from './enqueue-store.ts';
import { SqliteRecordStore } from './record-store.ts';
import type { State } from './state.ts';
import { SqliteTaskStore } from './task-store.ts';

/** What can be asked of a database that nobody uses. */
export type Reading = Pick<State, 'enqueue' | 'tasks' | 'records' | 'close'>;

/**
 * Opens a database that a mirror has left, to read it: it is neither made, nor migrated, nor put in order, and no mirror can start
 * on it until it is closed. Throws `DatabaseError` where there is none, another process has it, or its version is not this program's.
 */
export function openToRead(file: string, options: DatabaseOptions = {}): Reading {
  const connection = openUnchanged(file, options);
  return {
    enqueue: new SqliteEnqueueStore(connection),
    tasks: new SqliteTaskStore(connection),
    records: new SqliteRecordStore(connection),
    close: () => void connection.close(),
  };
}
