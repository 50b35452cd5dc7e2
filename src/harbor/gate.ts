import { reasonOf } from '../abort.ts';

/** Lets a few in at a time, in the order in which they came. */
export class Gate {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(width: number) {
    this.#free = width;
  }

  /** Does the work when its turn has come. Rejects with the signal's reason when aborted first. */
  async pass<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    signal?.throwIfAborted();
    if (this.#free > 0) this.#free--;
    else await this.#turn(signal);
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }

  #turn(signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = (): void => {
      const index = this.#waiting.indexOf(resolve);
      if (index < 0) return; // it has just got its turn, and the work sees to the abort
      this.#waiting.splice(index, 1);
      reject(reasonOf(signal));
    };
    this.#waiting.push(resolve);
    signal?.addEventListener('abort', abort, { once: true });
    return promise.finally(() => signal?.removeEventListener('abort', abort));
  }
}
