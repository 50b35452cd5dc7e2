import type { Clock } from '../clock.ts';

/** Requests in a row without any answer, after which a registry may be away. */
const several = 4;

/** Milliseconds for which it counts as away without another look: less than the shortest pause between two attempts. */
const awayFor = 400;

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

/** The outcome of something that is tried once for several; a failure is all of theirs for a while. */
export class Trial<T> {
  readonly result: Promise<T>;
  readonly #clock: Clock;
  #ended: { at: number; good: boolean } | undefined;

  constructor(clock: Clock, result: Promise<T>) {
    this.#clock = clock;
    this.result = result;
    const end = (good: boolean): void => void (this.#ended = { at: clock.now(), good });
    result.then(
      () => end(true),
      () => end(false),
    );
  }

  /** It has failed, and is to be tried again. */
  get hasLapsed(): boolean {
    return this.#ended?.good === false && Math.abs(this.#clock.now() - this.#ended.at) >= awayFor;
  }

  get isGood(): boolean {
    return this.#ended?.good === true;
  }
}
