import type { NameStore } from '../task/names.ts';
import type { RecordStore } from '../task/record.ts';
import type { LedgerStore } from '../copy/ledger.ts';
import type { UploadSessions } from '../copy/upload-session.ts';
import type {
  DispatchStore,
  EnqueueStore,
  PositionStore,
  PruneStore,
  SweepStore,
  TaskStore,
} from '../task/store.ts';
import { SqliteLedgerStore } from './ledger-store.ts';
import { type DatabaseOptions, type inMemory, openDatabase, write } from './database.ts';
import { SqliteDispatchStore } from './dispatch-store.ts';
import { SqliteEnqueueStore } from './enqueue-store.ts';
import { SqliteMeaningStore } from './meaning-store.ts';
import { SqliteNameStore } from './name-store.ts';
import { SqlitePositionStore } from './position-store.ts';
import { SqlitePruneStore } from './prune-store.ts';
import { SqliteRecordStore } from './record-store.ts';
import { recover, type Recovered } from './recover.ts';
import { SqliteSweepStore } from './sweep-store.ts';
import { SqliteTaskStore } from './task-store.ts';
import { SqliteUploadStore } from './upload-store.ts';

/** Everything that outlives the process: one file, one store for each consumer. */
export interface State {
  enqueue: EnqueueStore;
  dispatch: DispatchStore;
  tasks: TaskStore;
  sweeps: SweepStore;
  names: NameStore;
  meanings: Pick<SqliteMeaningStore, 'note'>;
  positions: PositionStore;
  prune: PruneStore;
  records: RecordStore;
  uploads: UploadSessions;
  /** What is known to be in the registry with this origin. */
  ledger(origin: string): LedgerStore;
  /**
   * To be called once, before the first claim: tasks that a crash left running become available (those that
   * were to be cancelled: cancelled). Sweeps that it left running go on by themselves.
   */
  recover(now: number): Recovered;
  /** Throws `StorageError` when nothing can be stored just now; for readiness. */
  writable(): void;
  /** Nothing may be called afterwards. */
  close(): void;
}

/** Opens the database, made when it is missing, for this process alone; or one in memory. Throws `DatabaseError`. */
export function openState(file: string | typeof inMemory, options: DatabaseOptions = {}): State {
  const connection = openDatabase(file, options);
  // Two commits: pages that are freed again in the same one never reach the disk, and prove nothing.
  const take = connection.prepare('INSERT INTO probe (room) VALUES (zeroblob(65536))');
  const giveBack = connection.prepare('DELETE FROM probe');
  return {
    enqueue: new SqliteEnqueueStore(connection),
    dispatch: new SqliteDispatchStore(connection),
    tasks: new SqliteTaskStore(connection),
    sweeps: new SqliteSweepStore(connection),
    meanings: new SqliteMeaningStore(connection),
    names: new SqliteNameStore(connection),
    positions: new SqlitePositionStore(connection),
    prune: new SqlitePruneStore(connection),
    records: new SqliteRecordStore(connection),
    uploads: new SqliteUploadStore(connection),
    ledger: (origin) => new SqliteLedgerStore(connection, origin),
    recover: (now) => recover(connection, now),
    writable: () => {
      write(connection, () => take.run());
      write(connection, () => giveBack.run());
    },
    close: () => void connection.close(),
  };
}
