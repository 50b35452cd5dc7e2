import type { Clock } from '../clock.ts';

/** Milliseconds: less than the shortest pause between two attempts, each of which is to find out for itself. */
const failedFor = 400;

/** The outcome of something that is tried once for several; for `failedFor` its failure is that of all of them. */
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
    return this.#ended?.good === false && Math.abs(this.#clock.now() - this.#ended.at) >= failedFor;
  }

  get isGood(): boolean {
    return this.#ended?.good === true;
  }
}
