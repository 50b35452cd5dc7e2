import type { Span } from './rate.ts';

/** When another limit holds: on these days of the week, in UTC. */
export interface TimeWindow {
  /** On which it begins; 0 is Sunday. */
  days: readonly number[];
  /** Minutes of the day; with an end that is not after its beginning it goes on until that time of the next day. */
  from: number;
  to: number;
  /** 0: no limit. */
  limit: number;
}

const minute = 60_000;
const day = 24 * 60;
const week = 7 * day;
/** The first of January 1970 was a Thursday. */
const thursday = 4;

/** Limits by the time of the week; of windows that overlap the first one counts, and outside of all there is no limit. */
export class Timetable {
  readonly #windows: readonly { start: number; length: number; limit: number }[];
  #span: Span & { from: number } = { limit: 0, from: 0, until: 0 };

  constructor(windows: readonly TimeWindow[]) {
    this.#windows = windows.flatMap(({ days, from, to, limit }) =>
      days.map((one) => ({
        start: one * day + from,
        length: to > from ? to - from : day - from + to,
        limit,
      })),
    );
  }

  at(now: number): Span {
    if (now < this.#span.from || now >= this.#span.until) this.#span = this.#find(now);
    return this.#span;
  }

  #find(now: number): Span & { from: number } {
    const whole = Math.floor(now / minute);
    const time = (whole + thursday * day) % week;
    const holding = this.#windows.find(({ start, length }) => after(start, time) < length);
    const edges = this.#windows.flatMap(({ start, length }) => [start, (start + length) % week]);
    const until = Math.min(...edges.map((edge) => after(time, edge) || week), week);
    return { limit: holding?.limit ?? 0, from: now, until: (whole + until) * minute };
  }
}

/** Minutes from one time of the week to another. */
function after(time: number, other: number): number {
  return (other - time + week) % week;
}
