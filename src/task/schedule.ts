import { Cron } from 'croner';
import type { Clock } from '../clock.ts';

const hour = 3_600_000;

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

  // A timer may wake early, the machine may have slept, the clock may have been set back: at least once an hour
  // the clock is looked at and the next time found anew.
  #wait(next: number): void {
    this.#timer = this.#clock.after(Math.min(next - this.#clock.now(), hour), () => {
      if (this.#clock.now() >= next) this.#run();
      this.start();
    });
  }
}
