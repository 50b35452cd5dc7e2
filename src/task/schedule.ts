import { Cron } from 'croner';
import type { Clock } from '../clock.ts';

/** Calls `run` whenever the cron expression says, by the injected clock, in UTC, until stopped. */
export class Schedule {
  readonly #cron: Cron;
  readonly #clock: Clock;
  readonly #run: () => void;
  #timer: { cancel(): void } | undefined;

  constructor(expression: string, clock: Clock, run: () => void) {
    this.#cron = new Cron(expression, { timezone: 'UTC' });
    this.#clock = clock;
    this.#run = run;
  }

  start(): void {
    const now = this.#clock.now();
    const next = this.#cron.nextRun(new Date(now))?.getTime();
    if (next !== undefined) this.#wait(next);
  }

  stop(): void {
    this.#timer?.cancel();
  }

  // A timer may wake early (they are limited to 24 days) or the machine may have slept: the clock decides.
  #wait(next: number): void {
    this.#timer = this.#clock.after(next - this.#clock.now(), () => {
      if (this.#clock.now() < next) return this.#wait(next);
      this.#run();
      this.start();
    });
  }
}
