import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../src/clock.ts';

/**
 * Whoever sleeps is woken in the next turn of the event loop, and the time has come by then. Timers set by `after`
 * ring when the time passes theirs, which only sleepers and `advance` move on.
 */
export class LeapingClock implements Clock {
  /** For how long each sleep was to be, in milliseconds. */
  readonly slept: number[] = [];
  chance = 0;
  #time = Date.UTC(2026, 10, 23, 12);
  readonly #timers = new Set<{ at: number; wake: () => void }>();

  now(): number {
    return this.#time;
  }

  random(): number {
    return this.chance;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.slept.push(ms);
    const until = this.#time + ms;
    await setImmediate();
    signal?.throwIfAborted();
    this.#moveTo(until);
  }

  after(ms: number, wake: () => void): { cancel(): void } {
    const timer = { at: this.#time + ms, wake };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  advance(ms: number): void {
    this.#moveTo(this.#time + ms);
  }

  #moveTo(time: number): void {
    this.#time = Math.max(this.#time, time);
    for (const timer of [...this.#timers].filter(({ at }) => at <= this.#time)) {
      this.#timers.delete(timer);
      timer.wake();
    }
  }
}
