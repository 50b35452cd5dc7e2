import type { Clock } from '../../src/clock.ts';

interface Timer {
  at: number;
  wake(): void;
}

/** A clock that stands until a test moves it. */
export class FakeClock implements Clock {
  /** What `random` returns next, over and over. */
  chance = 0.5;
  #now: number;
  readonly #timers = new Set<Timer>();

  constructor(now = Date.UTC(2026, 10, 23, 12)) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  random(): number {
    return this.chance;
  }

  after(ms: number, wake: () => void): { cancel(): void } {
    const timer = { at: this.#now + ms, wake };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        timer.cancel();
        reject(signal?.reason instanceof Error ? signal.reason : new Error('aborted'));
      };
      const timer = this.after(ms, () => {
        signal?.removeEventListener('abort', abort);
        resolve();
      });
      if (signal?.aborted) abort();
      else signal?.addEventListener('abort', abort, { once: true });
    });
  }

  /** When the next timer is due; `undefined` when nobody waits. */
  get next(): number | undefined {
    return this.#timers.size === 0 ? undefined : Math.min(...[...this.#timers].map(({ at }) => at));
  }

  /** How many wait. */
  get waiting(): number {
    return this.#timers.size;
  }

  /** Lets time pass: what is due on the way is woken at its own time, in order. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (let at = this.next; at !== undefined && at <= end; at = this.next) {
      this.#now = Math.max(this.#now, at);
      const due = [...this.#timers].find((timer) => timer.at === at);
      if (due === undefined) return;
      this.#timers.delete(due);
      due.wake();
    }
    this.#now = end;
  }
}
