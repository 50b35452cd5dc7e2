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

/** A pause up to this long is waited for; a longer one fails the request with the time to come back. */
const patience = 30_000;

/** One registry's budget, shared by every kind of request. */
export class Limiter {
  readonly #limits: Limits;
  readonly #clock: Clock;
  readonly #name: string;
  readonly #waiting: (() => void)[] = [];
  #inFlight = 0;
  #pausedUntil = 0;
  #nextRequest = 0;
  #nextByte = 0;

  constructor(name: string, limits: Limits, clock: Clock) {
    this.#name = name;
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Waits for a slot; call the returned function once, when the answer's body is done with. */
  async acquire(signal: AbortSignal | undefined): Promise<() => void> {
    await this.#slot(signal);
    try {
      await this.#turn(signal);
    } catch (error) {
      this.#release();
      throw error;
    }
    let held = true;
    return () => {
      if (held) this.#release();
      held = false;
    };
  }

  /** The registry asked for silence: nobody begins a request before `until`. */
  pause(until: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, until);
  }

  /** Waits until `count` more bytes fit into the bandwidth. */
  async bytes(count: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#limits.bandwidth === 0) return;
    const begin = Math.max(this.#clock.now(), this.#nextByte);
    this.#nextByte = begin + (count * 1000) / this.#limits.bandwidth;
    await this.#sleepUntil(begin, signal);
  }

  async #slot(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (this.#inFlight < this.#limits.concurrency) {
      this.#inFlight++;
      return;
    }
    // The slot passes from the one that leaves straight to the first that waits, so `#inFlight` stays.
    await new Promise<void>((resolve, reject) => {
      const enter = (): void => {
        signal?.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(enter), 1);
        reject(reasonOf(signal));
      };
      this.#waiting.push(enter);
      signal?.addEventListener('abort', leave, { once: true });
    });
  }

  #release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#inFlight--;
    else next();
  }

  async #turn(signal: AbortSignal | undefined): Promise<void> {
    while (this.#pausedUntil > this.#clock.now()) {
      if (this.#pausedUntil - this.#clock.now() > patience) throw this.#tooLong();
      await this.#sleepUntil(this.#pausedUntil, signal);
    }
    if (this.#limits.requestsPerSecond === 0) return;
    const begin = Math.max(this.#clock.now(), this.#nextRequest);
    this.#nextRequest = begin + 1000 / this.#limits.requestsPerSecond;
    await this.#sleepUntil(begin, signal);
  }

  #tooLong(): RegistryError {
    const until = new Date(this.#pausedUntil).toISOString();
    return new RegistryError('rate-limited', `registry ${this.#name} asked to be left alone until ${until}`, {
      retryAt: this.#pausedUntil,
    });
  }

  async #sleepUntil(time: number, signal: AbortSignal | undefined): Promise<void> {
    const ms = time - this.#clock.now();
    if (ms > 0) await this.#clock.sleep(ms, signal);
  }
}

function reasonOf(signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.reason;
  return reason instanceof Error ? reason : new Error('aborted');
}
