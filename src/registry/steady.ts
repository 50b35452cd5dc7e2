import type { Clock } from '../clock.ts';

/** Time that does not go back when the clock is set back: nobody waits the longer for it. */
export class Steady implements Pick<Clock, 'now' | 'sleep'> {
  readonly #clock: Clock;
  #seen: number;
  #ahead = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#seen = clock.now();
  }

  now(): number {
    const now = this.#clock.now();
    this.#ahead += Math.max(0, this.#seen - now);
    this.#seen = now;
    return now + this.#ahead;
  }

  /** Milliseconds by which it is ahead of the clock. */
  get ahead(): number {
    this.now();
    return this.#ahead;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return this.#clock.sleep(ms, signal);
  }
}
