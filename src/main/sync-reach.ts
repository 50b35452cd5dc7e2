import type { Clock } from '../clock.ts';
import { Trial } from './trial.ts';

/** Requests in a row without any answer, after which a registry may be away. */
const several = 4;

/**
 * Whether a registry can be reached. When it has not answered several times in a row, it is looked for once for all who want
 * something of it: thousands of tags would each wait for it as long as the first.
 */
export class Reach {
  readonly #clock: Clock;
  readonly #look: () => Promise<unknown>;
  #silent = 0;
  #looking: Trial<unknown> | undefined;

  /** `look` rejects with a `RegistryError` when it does not answer. */
  constructor(clock: Clock, look: () => Promise<unknown>) {
    this.#clock = clock;
    this.#look = look;
  }

  /** An answer, or status 0 for none. */
  note(status: number): void {
    this.#silent = status === 0 ? this.#silent + 1 : 0;
  }

  /** Throws `RegistryError` when it is away. */
  async check(): Promise<void> {
    if (this.#silent < several) return;
    // What was an answer then says nothing now.
    if (this.#looking === undefined || this.#looking.isGood || this.#looking.hasLapsed)
      this.#looking = new Trial(this.#clock, this.#look());
    await this.#looking.result;
    this.#silent = 0;
  }
}
