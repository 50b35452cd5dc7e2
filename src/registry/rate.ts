import { Line } from './line.ts';
import type { Waiter } from './line.ts';
import type { Steady } from './steady.ts';
import type { Urgency } from './urgency.ts';

/** So many units a second until `until`; 0: no limit. */
export interface Span {
  limit: number;
  until: number;
}

interface Wanted extends Waiter {
  count: number;
  /** Where it stands: after what its flow has had. */
  start: number;
}

/** Behind so many others one goes ahead of them, lest its connection be given up. */
const mostOvertaken = 16;

/** Milliseconds. Who comes so little late has lost nothing, for timers are; a longer rest saves nothing up. */
const late = 50;

/** Two large chunks: by so much a flow of small ones falls behind until it asks for the next. */
const behind = 512 * 1024;

/**
 * So many units a second, given out one request after the other: to the most urgent first, and in equal shares to the flows
 * that are equally urgent, whatever the size of their pieces. What was given out is a debt, and the next piece goes
 * when that is paid; so nothing is booked ahead, and another limit counts at once.
 */
export class Rate {
  readonly #time: Steady;
  readonly #limitAt: (time: number) => Span;
  readonly #line = new Line<Wanted>(mostOvertaken);
  /** What each flow has had, as a place in the line. */
  readonly #had = new WeakMap<object, number>();
  #place = 0;
  #debt = 0;
  #paidAt: number;
  #running = false;
  #nobody = new AbortController();

  constructor(time: Steady, limitAt: (time: number) => Span) {
    this.#time = time;
    this.#limitAt = limitAt;
    this.#paidAt = time.now();
  }

  /** Somebody waits. */
  get isWanted(): boolean {
    return !this.#line.isEmpty;
  }

  /** Waits until `count` more fit in. `flow`: whose they are; without it they are nobody else's. */
  async take(
    count: number,
    urgency: Urgency,
    flow: object | undefined,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    signal?.throwIfAborted();
    const start = this.#startOf(flow);
    if (flow !== undefined) this.#had.set(flow, start + count);
    const wanted = { count, urgency, start };
    if (this.#line.isEmpty && this.#rest() === 0) return this.#give(wanted);
    const entering = this.#line.wait(wanted, signal);
    if (!this.#running) void this.#run();
    await entering.finally(() => {
      if (this.#line.isEmpty) this.#nobody.abort();
    });
  }

  /** Behind what its flow has had; one that has asked for less than its share meanwhile is not ahead by more than `behind`. */
  #startOf(flow: object | undefined): number {
    const had = flow && this.#had.get(flow);
    return had === undefined ? this.#place : Math.max(this.#place - behind, had);
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (!this.#line.isEmpty) {
      const rest = this.#rest();
      if (rest > 0) await this.#sleep(rest);
      else this.#serve();
    }
    this.#running = false;
  }

  /** Ends early when nobody waits any more. */
  async #sleep(ms: number): Promise<void> {
    this.#nobody = new AbortController();
    await this.#time.sleep(ms, this.#nobody.signal).catch(() => undefined);
  }

  #serve(): void {
    const wanted = this.#line.next(([first, ...others]) =>
      others.reduce((one, other) => (one !== undefined && other.start < one.start ? other : one), first),
    );
    if (wanted !== undefined) this.#give(wanted);
  }

  #give({ count, start }: Wanted): void {
    this.#place = Math.max(this.#place, start);
    this.#debt += count;
  }

  /** Whole milliseconds until the next piece may go, or the limit changes. */
  #rest(): number {
    this.#pay();
    if (this.#debt <= 0) return 0;
    const { limit, until } = this.#limitAt(this.#paidAt);
    if (limit === 0) return 0;
    return Math.max(1, Math.ceil(Math.min((this.#debt * 1000) / limit, until - this.#paidAt)));
  }

  /** What time has paid since the last look. */
  #pay(): void {
    const now = this.#time.now();
    while (this.#paidAt < now && this.#debt > 0) {
      const { limit, until } = this.#limitAt(this.#paidAt);
      const end = Math.min(now, until);
      this.#debt = limit === 0 ? 0 : this.#debt - (limit * (end - this.#paidAt)) / 1000;
      this.#paidAt = end;
    }
    this.#saved(now);
    this.#paidAt = now;
  }

  /** What is left over is kept for who comes a little late. */
  #saved(now: number): void {
    const { limit } = this.#limitAt(now);
    if (this.#debt > 0) return;
    this.#debt -= (limit * (now - this.#paidAt)) / 1000;
    if (this.#debt < (-limit * late) / 1000) this.#debt = 0;
  }
}
