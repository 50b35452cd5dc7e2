import type { Clock } from '../clock.ts';
import { RegistryError } from '../copy/error.ts';
import { Pace } from './pace.ts';
import { Rate } from './rate.ts';
import type { Span } from './rate.ts';
import { Slots } from './slots.ts';
import type { Use } from './slots.ts';
import { Steady } from './steady.ts';
import { Timetable } from './timetable.ts';
import type { TimeWindow } from './timetable.ts';
import type { Urgency } from './urgency.ts';
import { Width } from './width.ts';

export interface Limits {
  /** Requests in flight at once; fewer while the registry does not bear so many. */
  concurrency: number;
  /** Requests in flight at first; default `concurrency`. */
  start?: number;
  /** Requests begun per second; 0: no limit. */
  requestsPerSecond: number;
  /** Blob bytes per second, both ways together; 0: no limit. */
  bandwidth: number | readonly TimeWindow[];
}

/** Milliseconds. A pause up to this long is waited for; a longer one fails the request with the time to come back. */
export const patience = 30_000;

/** What became of a request that was begun: told to the limiter, which goes by it. */
export interface Watch {
  /**
   * `question`: its kind, where it is a small one, whose time tells how the registry feels. `isTold`: the answer says when
   * to come back.
   */
  answered(status: number, question?: string, isTold?: boolean): void;
  /** There was no answer. */
  failed(): void;
}

/** The budget as one urgency sees it. */
export interface Share {
  acquire(use: Use, signal: AbortSignal | undefined, size?: number): Promise<() => void>;
  /** A slot that is free now and that nobody waits for; `undefined` where there is none. */
  tryAcquire(use: Use): (() => void) | undefined;
  bytes(count: number, signal: AbortSignal | undefined): Promise<void>;
}

/** One registry's budget, shared by every kind of request. */
export class Limiter {
  readonly #time: Steady;
  readonly #name: string;
  readonly #width: Width;
  readonly #slots: Slots;
  readonly #pace: Pace;
  readonly #turns: Rate;
  readonly #bytes: Rate | undefined;
  #pausedUntil = 0;

  constructor(name: string, limits: Limits, clock: Clock) {
    const { concurrency, start, requestsPerSecond, bandwidth } = limits;
    this.#name = name;
    const time = new Steady(clock);
    this.#time = time;
    this.#width = new Width(concurrency, start);
    this.#slots = new Slots(() => this.#width.now);
    this.#pace = new Pace(requestsPerSecond);
    this.#turns = new Rate(time, (at) => this.#pace.at(at));
    this.#bytes = bandwidth === 0 ? undefined : new Rate(time, spansOf(bandwidth, time));
  }

  /** How many requests may be in flight now. */
  get width(): number {
    return this.#width.now;
  }

  at(urgency: Urgency): Share {
    return {
      acquire: (use, signal, size) => this.acquire(use, signal, urgency, size),
      tryAcquire: (use) => this.#slots.tryAcquire(use),
      bytes: (count, signal) => this.bytes(count, signal, urgency),
    };
  }

  /**
   * Waits for a slot; call the returned function when the answer's body is done with. `size`: of the blob that is read
   * or written.
   */
  acquire(
    use: Use,
    signal: AbortSignal | undefined,
    urgency: Urgency = 'push',
    size?: number,
  ): Promise<() => void> {
    return this.#slots.acquire(use, urgency, size, signal);
  }

  /** Waits until one more request may begin: right before each, for a registry may ask for silence at any time. */
  async turn(signal: AbortSignal | undefined, urgency: Urgency = 'push'): Promise<void> {
    do {
      if (this.#silent() > 0) await this.#silence(signal);
      if (!this.#pace.isFree) await this.#turns.take(1, urgency, undefined, signal);
    } while (this.#silent() > 0);
    this.#pace.begun(this.#time.now());
  }

  /** A request begins; what becomes of it says how many more the registry bears. */
  watch(): Watch {
    const { era } = this.#width;
    const begun = this.#time.now();
    return {
      answered: (status, question, isTold) => {
        const isRefusal = [429, 503, 504].includes(status);
        if (!isRefusal) return this.#well(era, question, this.#time.now() - begun);
        const falls = this.#width.failed(era, isTold);
        if (falls && status === 429) this.#pace.slow(this.#time.now(), this.#width.severity);
      },
      failed: () => void this.#width.failed(era),
    };
  }

  /** The registry asked for silence: nobody begins a request before `until`. */
  pause(until: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, until + this.#time.ahead);
  }

  /** Waits until `count` more bytes fit into the bandwidth. Who shares a signal shares what one copy gets of it. */
  async bytes(count: number, signal: AbortSignal | undefined, urgency: Urgency = 'push'): Promise<void> {
    await this.#bytes?.take(count, urgency, signal, signal);
  }

  #well(era: number, question: string | undefined, ms: number): void {
    if (question !== undefined) this.#width.took(era, question, ms);
    // Where turns are what is waited for, more slots would be of no use.
    this.#width.answered(era, this.#slots.areWanted && !this.#turns.isWanted);
    this.#slots.fill();
  }

  async #silence(signal: AbortSignal | undefined): Promise<void> {
    for (let ms = this.#silent(); ms > 0; ms = this.#silent()) {
      if (ms > patience) throw this.#tooLong();
      await this.#time.sleep(ms, signal);
    }
  }

  /** For how many milliseconds more nobody begins a request; not positive: not at all. */
  #silent(): number {
    return this.#pausedUntil - this.#time.now();
  }

  #tooLong(): RegistryError {
    const retryAt = this.#pausedUntil - this.#time.ahead;
    const until = new Date(retryAt).toISOString();
    return new RegistryError('rate-limited', `registry ${this.#name} asked to be left alone until ${until}`, {
      retryAt,
    });
  }
}

function spansOf(bandwidth: Limits['bandwidth'], time: Steady): (at: number) => Span {
  if (typeof bandwidth === 'number') return () => ({ limit: bandwidth, until: Number.POSITIVE_INFINITY });
  const timetable = new Timetable(bandwidth);
  return (at) => {
    const { limit, until } = timetable.at(at - time.ahead);
    return { limit, until: until + time.ahead };
  };
}
