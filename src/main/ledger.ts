import type { LedgerStore } from '../copy/ledger.ts';
import type { Log } from '../log.ts';
import { StorageError } from '../task/store.ts';

/** A ledger in the database, where a copy does not fail because that one does. */
export function forgivingLedger(store: LedgerStore, log: Log): LedgerStore {
  const attempt = <T>(run: () => T): T | undefined => {
    try {
      return run();
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      log.warn('the blobs of a registry were not read or kept: they are asked for again', { error });
      return undefined;
    }
  };
  return {
    load: (since) => attempt(() => store.load(since)) ?? [],
    save: (lessons) => attempt(() => store.save(lessons)),
  };
}
