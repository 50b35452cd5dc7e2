import { createWriteStream, openSync } from 'node:fs';
import { finished } from 'node:stream/promises';
import { createLog } from '../log.ts';
import type { Level, Log } from '../log.ts';
import { standardStream } from './standard-stream.ts';

export interface SyncLog {
  log: Log;
  /** Waits until all lines are written. */
  close(): Promise<void>;
}

/** Where lines go without a file, and the least important ones that do. */
export interface Fallback {
  stream: NodeJS.WritableStream;
  level: Level;
}

/** Lines as image-syncer writes them: all of them to a file, from an empty one on, else to `fallback`. */
export function openSyncLog(
  file: string | undefined,
  secrets: readonly string[],
  { stream, level }: Fallback,
): SyncLog {
  const beside = createLog({ level, format: 'logrus', stream }, secrets);
  const standard = file && standardStream(file);
  if (standard) {
    const log = createLog({ level: 'info', format: 'logrus', stream: standard }, secrets);
    return { log, close: () => Promise.resolve() };
  }
  const opened = file === undefined ? undefined : open(file);
  if (typeof opened === 'number') return toFile(opened, secrets, beside);
  if (opened !== undefined) beside.warn(`--log: ${opened.message}; the log goes to standard error`);
  return { log: beside, close: () => Promise.resolve() };
}

/** `beside` is told when the file takes no more. */
function toFile(fd: number, secrets: readonly string[], beside: Log): SyncLog {
  const stream = createWriteStream('', { fd });
  stream.once('error', ({ message }) => beside.warn(`--log: ${message}; the lines from here on are lost`));
  const close = async (): Promise<void> => {
    stream.end();
    // What went wrong has been said.
    await finished(stream).catch(() => undefined);
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
