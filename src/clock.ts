import { reasonOf } from './abort.ts';

/** Time and chance, injected so that tests decide both. Times are milliseconds since 1970 (UTC). */
export interface Clock {
  now(): number;
  /** Resolves after `ms`; rejects with the signal's reason when aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `wake` once after `ms` unless cancelled. Does not keep the process alive. */
  after(ms: number, wake: () => void): { cancel(): void };
  /** A number in [0, 1). */
  random(): number;
}

/** Does the work under a signal that is aborted with `late` when `ms` have passed. */
export async function within<T>(
  clock: Clock,
  ms: number,
  late: Error,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const over = new AbortController();
  const timer = clock.after(ms, () => over.abort(late));
  try {
    return await work(over.signal);
  } finally {
    timer.cancel();
  }
}

/** What a timer can count; longer waits wake early, and their waiter looks at the clock again. */
const longest = 2 ** 31 - 1;

/** The machine's own. */
export const systemClock: Clock = {
  now: () => Date.now(),
  random: () => Math.random(),
  after(ms, wake) {
    const timer = setTimeout(wake, Math.min(ms, longest)).unref();
    return { cancel: () => clearTimeout(timer) };
  },
  sleep(ms, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(reasonOf(signal));
      const wake = (): void => {
        signal?.removeEventListener('abort', abort);
        resolve();
      };
      const timer = setTimeout(wake, Math.min(ms, longest));
      const abort = (): void => {
        clearTimeout(timer);
        reject(reasonOf(signal));
      };
      signal?.addEventListener('abort', abort, { once: true });
    });
  },
};
