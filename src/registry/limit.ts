import { reasonOf } from '../abort.ts';
import type { Clock } from '../clock.ts';
import { RegistryError } from '../copy/error.ts';

export interface Limits {
  /** Requests in flight at once. */
  concurrency: number;
  /** Requests begun per second; 0: no limit. */
  requestsPerSecond: number;
  /** Blob bytes per second, both ways together; 0: no limit. */
  bandwidth: number;
}

/**
 * What a slot is for: reading a blob, writing, or any other question. Only who writes holds another slot
 * meanwhile, that of the blob it reads. `look` is a question in the background, a sweep's: it lets others go first, and
 * does not take the last slot, so that no copy waits for it.
 */
export type Use = 'read' | 'write' | 'ask' | 'look';

/** Milliseconds. A pause up to this long is waited for; a longer one fails the request with the time to come back. */
export const patience = 30_000;

/** Behind so many others a look goes ahead of one: however busy the copies are, a sweep does not stand still. */
const mostOvertaken = 50;

interface Waiter {
  use: Use;
  enter: () => void;
}

/** One registry's budget, shared by every kind of request. */
export class Limiter {
  readonly #limits: Limits;
  readonly #clock: Clock;
  readonly #name: string;
  readonly #waiting: Waiter[] = [];
  #inFlight = 0;
  /** By how many others the looks that wait have been overtaken since the last one entered. */
  #overtaken = 0;
  #reading = 0;
  #pausedUntil = 0;
  #nextRequest = 0;
  #nextByte = 0;
  /** The time when it was last looked at. */
  #seen = 0;

  constructor(name: string, limits: Limits, clock: Clock) {
    this.#name = name;
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Waits for a slot; call the returned function when the answer's body is done with. */
  async acquire(use: Use, signal: AbortSignal | undefined): Promise<() => void> {
    signal?.throwIfAborted();
    if (this.#mayEnter(use)) this.#enter(use);
    else await this.#wait(use, signal);
    return this.#releaseOf(use);
  }

  /** A slot that is free now and that nobody waits for; `undefined` where there is none. */
  tryAcquire(use: Use): (() => void) | undefined {
    if (this.#waiting.length > 0 || this.#inFlight >= this.#limits.concurrency) return undefined;
    this.#enter(use);
    return this.#releaseOf(use);
  }

  /**
   * Waits until one more request may begin: right before each, for a registry may ask for silence at any time. Who
   * asks in the background books no turn ahead, but waits until one is free.
   */
  async turn(signal: AbortSignal | undefined, background = false): Promise<void> {
    while (this.#pausedUntil > this.#now()) {
      if (this.#pausedUntil - this.#now() > patience) throw this.#tooLong();
      await this.#sleepUntil(this.#pausedUntil, signal);
    }
    if (this.#limits.requestsPerSecond === 0) return;
    const mayBook = (): boolean => !background || this.#nextRequest <= this.#now();
    while (!mayBook()) await this.#sleepUntil(this.#nextRequest, signal);
    const begin = Math.max(this.#now(), this.#nextRequest);
    this.#nextRequest = begin + 1000 / this.#limits.requestsPerSecond;
    await this.#sleepUntil(begin, signal);
  }

  /** The registry asked for silence: nobody begins a request before `until`. */
  pause(until: number): void {
    this.#now();
    this.#pausedUntil = Math.max(this.#pausedUntil, until);
  }

  /** Waits until `count` more bytes fit into the bandwidth. */
  async bytes(count: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#limits.bandwidth === 0) return;
    const begin = Math.max(this.#now(), this.#nextByte);
    this.#nextByte = begin + (count * 1000) / this.#limits.bandwidth;
    await this.#sleepUntil(begin, signal);
  }

  /**
   * A write goes ahead, one slot beyond the limit, where nothing but reads is in flight: each of them may wait for
   * a write before it ends. Else copies within one registry, or both ways between two, would stand still.
   */
  #mayEnter(use: Use): boolean {
    if (use === 'look') return this.#inFlight < Math.max(1, this.#limits.concurrency - 1);
    if (this.#inFlight < this.#limits.concurrency) return true;
    return use === 'write' && this.#inFlight === this.#reading;
  }

  #enter(use: Use): void {
    this.#inFlight++;
    if (use === 'read') this.#reading++;
  }

  #releaseOf(use: Use): () => void {
    let held = true;
    return () => {
      if (held) this.#leave(use);
      held = false;
    };
  }

  #leave(use: Use): void {
    this.#inFlight--;
    if (use === 'read') this.#reading--;
    for (let next = this.#next(); next !== undefined; next = this.#next()) next.enter();
  }

  /** The first that may enter now, taken from the queue. */
  #next(): Waiter | undefined {
    const index = this.#nextIndex();
    return index < 0 ? undefined : this.#waiting.splice(index, 1)[0];
  }

  #nextIndex(): number {
    const look = this.#waiting.findIndex(({ use }) => use === 'look');
    const other = this.#waiting.findIndex(({ use }) => use !== 'look' && this.#mayEnter(use));
    const isDue = this.#overtaken >= mostOvertaken && this.#inFlight < this.#limits.concurrency;
    if (look >= 0 && (isDue || (other < 0 && this.#mayEnter('look')))) {
      this.#overtaken = 0;
      return look;
    }
    if (look >= 0 && other >= 0) this.#overtaken++;
    return other;
  }

  async #wait(use: Use, signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const enter = (): void => {
      this.#enter(use);
      resolve();
    };
    const waiter = { use, enter };
    const abort = (): void => {
      const index = this.#waiting.indexOf(waiter);
      if (index < 0 || signal === undefined) return; // it has just got its slot, and sees to the abort itself
      this.#waiting.splice(index, 1);
      reject(reasonOf(signal));
    };
    this.#waiting.push(waiter);
    signal?.addEventListener('abort', abort, { once: true });
    await promise.finally(() => signal?.removeEventListener('abort', abort));
  }

  /** What is booked ahead moves with a clock that is set back: nobody waits the longer for it. */
  #now(): number {
    const now = this.#clock.now();
    const back = Math.max(0, this.#seen - now);
    this.#seen = now;
    this.#pausedUntil -= back;
    this.#nextRequest -= back;
    this.#nextByte -= back;
    return now;
  }

  #tooLong(): RegistryError {
    const until = new Date(this.#pausedUntil).toISOString();
    return new RegistryError('rate-limited', `registry ${this.#name} asked to be left alone until ${until}`, {
      retryAt: this.#pausedUntil,
    });
  }

  async #sleepUntil(time: number, signal: AbortSignal | undefined): Promise<void> {
    const ms = time - this.#now();
    if (ms > 0) await this.#clock.sleep(ms, signal);
  }
}
