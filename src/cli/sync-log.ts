import { createWriteStream, openSync } from 'node:fs';
import { finished } from 'node:stream/promises';
import { createLog } from '../log.ts';
import type { Log } from '../log.ts';

export interface SyncLog {
  log: Log;
  /** Waits until all lines are written. */
  close(): Promise<void>;
}

/** Lines as image-syncer writes them: to a file, from an empty one on, else to `fallback`. */
export function openSyncLog(
  file: string | undefined,
  secrets: readonly string[],
  fallback: NodeJS.WritableStream,
): SyncLog {
  // A person at a terminal sees the progress instead of what went well.
  const level = fallback === process.stderr ? 'info' : 'warn';
  const opened = file === undefined ? undefined : open(file);
  if (typeof opened !== 'number') {
    const log = createLog({ level, format: 'logrus', stream: fallback }, secrets);
    if (opened !== undefined) log.warn(`--log: ${opened.message}; the log goes to standard error`);
    return { log, close: () => Promise.resolve() };
  }
  const stream = createWriteStream('', { fd: opened });
  const close = async (): Promise<void> => {
    stream.end();
    await finished(stream);
  };
  return { log: createLog({ level: 'info', format: 'logrus', stream }, secrets), close };
}

/** The descriptor, or why there is none: a log that cannot be written is no reason not to copy. */
function open(file: string): number | Error {
  try {
    return openSync(file, 'w');
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
