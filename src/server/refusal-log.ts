import type { Clock } from '../clock.ts';
import type { Log } from './error.ts';

/** Lines in a minute for each status. */
const told = 5;
const minute = 60_000;

/** A delivery that was refused; the detail never has the secret. */
export interface Refusal {
  status: number;
  detail: string;
  sender: string | undefined;
}

/**
 * Tells of refused deliveries: each status a few times a minute, and then how many more there were. Whoever finds the open
 * port, or a Harbor with the wrong secret that scans everything, must not fill the log.
 */
export class RefusalLog {
  readonly #clock: Clock;
  readonly #log: Log;
  /** By status, since the first one of a minute. */
  readonly #counts = new Map<number, number>();

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  tell(refusal: Refusal): void {
    const { status } = refusal;
    const count = (this.#counts.get(status) ?? 0) + 1;
    this.#counts.set(status, count);
    if (count === 1) this.#clock.after(minute, () => this.#endMinute(status));
    if (count <= told) this.#log.warn('delivery refused', { ...refusal });
  }

  #endMinute(status: number): void {
    const more = (this.#counts.get(status) ?? 0) - told;
    this.#counts.delete(status);
    if (more > 0) this.#log.warn(`delivery refused: ${more} more in the last minute`, { status, more });
  }
}
