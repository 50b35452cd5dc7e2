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
