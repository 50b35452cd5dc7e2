import type { LedgerStore } from '../copy/ledger.ts';
import type { UploadSessions } from '../copy/upload-session.ts';
import type { Log } from '../log.ts';
import { StorageError } from '../task/store.ts';

/*
 * What is in the database only so that less has to be done again: where that one fails, a copy does not.
 */

export function forgivingUploads(store: UploadSessions, log: Log): UploadSessions {
  const attempt = attempting(
    log,
    'upload session not kept: after a restart its blob is sent from the beginning',
  );
  return {
    find: (key) => attempt(() => store.find(key)),
    keep: (key, session) => attempt(() => store.keep(key, session)),
    forget: (key) => attempt(() => store.forget(key)),
  };
}

export function forgivingLedger(store: LedgerStore, log: Log): LedgerStore {
  const attempt = attempting(log, 'what is known of a registry was not read or kept: it is asked for again');
  return {
    load: (since) => attempt(() => store.load(since)) ?? [],
    save: (lessons) => attempt(() => store.save(lessons)),
  };
}

/** Runs something against the database; of a failure `message` is warned, each time or `once`, and nothing comes of it. */
export function attempting(log: Log, message: string, once?: 'once'): <T>(run: () => T) => T | undefined {
  let told = false;
  return (run) => {
    try {
      return run();
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      if (once === undefined || !told) log.warn(message, { error });
      told = true;
      return undefined;
    }
  };
}
