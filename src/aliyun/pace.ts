import type { Clock } from '../clock.ts';

// Harbor found 15 a second to be what ACR bears. https://github.com/goharbor/harbor/pull/21953
/** Milliseconds between requests. */
const gap = Math.ceil(1000 / 15);

/** The rate of all OpenAPI requests of this process, whoever makes them. */
export class Pace {
  readonly #clock: Clock;
  #next = 0;
  #pausedUntil = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Waits until one more request may begin. */
  async turn(signal?: AbortSignal): Promise<void> {
    do {
      const begin = Math.max(this.#clock.now(), this.#next);
      this.#next = begin + gap;
      const wait = begin - this.#clock.now();
      if (wait > 0) await this.#clock.sleep(wait, signal);
      // Whoever was waiting already when the pause was asked for queues again, behind it.
    } while (this.#pausedUntil > this.#clock.now());
  }

  /** Nobody begins a request before `ms` have passed. */
  pause(ms: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#clock.now() + ms);
    this.#next = Math.max(this.#next, this.#pausedUntil);
  }
}
