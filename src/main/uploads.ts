import type { UploadSessions } from '../copy/upload-session.ts';
import type { Log } from '../log.ts';
import { StorageError } from '../task/store.ts';

/** Upload sessions in the database, where an upload does not fail because that one does. */
export function forgiving(store: UploadSessions, log: Log): UploadSessions {
  const attempt = <T>(run: () => T): T | undefined => {
    try {
      return run();
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      log.warn('upload session not kept: after a restart its blob is sent from the beginning', { error });
      return undefined;
    }
  };
  return {
    find: (key) => attempt(() => store.find(key)),
    keep: (key, session) => attempt(() => store.keep(key, session)),
    forget: (key) => attempt(() => store.forget(key)),
  };
}
