import type { Span } from './rate.ts';

/** Requests a second below which nobody is asked too fast. */
const harmless = 10;

/** By how much faster it gets each second, and how many times as fast as at first it is when it is over. */
const recovery = 1.1;
const recovered = 4;
const second = 1000;

/**
 * How many requests a second a registry takes: what is configured, and for a while fewer than it was sent when it
 * answered 429.
 */
export class TurnLimit {
  readonly #configured: number;
  /** Begun in the second that began then, and in the one before. */
  #second = 0;
  #count = 0;
  #before = 0;
  #slowed: { at: number; rate: number } | undefined;

  /** 0: no limit. */
  constructor(configured: number) {
    this.#configured = configured;
  }

  begun(now: number): void {
    this.#turnTo(now);
    this.#count++;
  }

  /** A 429: by that share fewer than now. */
  slow(now: number, share: number): void {
    this.#turnTo(now);
    const { limit } = this.at(now);
    const seen = Math.max(this.#count, this.#before);
    const rate = limit === 0 ? seen : Math.min(limit, seen);
    if (rate >= harmless) this.#slowed = { at: now, rate: rate * (1 - share) };
  }

  /** Not limited in any way, now or later. */
  get isFree(): boolean {
    return this.#configured === 0 && this.#slowed === undefined;
  }

  at(now: number): Span {
    const configured = { limit: this.#configured, until: Number.POSITIVE_INFINITY };
    if (this.#slowed === undefined) return configured;
    const { at, rate } = this.#slowed;
    const seconds = Math.floor((now - at) / second);
    const factor = recovery ** seconds;
    const isSlower = this.#configured === 0 || rate * factor < this.#configured;
    if (factor <= recovered && isSlower) return { limit: rate * factor, until: at + (seconds + 1) * second };
    this.#slowed = undefined;
    return configured;
  }

  #turnTo(now: number): void {
    const past = now - this.#second;
    if (past >= 0 && past < second) return;
    this.#before = past >= second && past < 2 * second ? this.#count : 0;
    this.#count = 0;
    this.#second = past >= second && past < 2 * second ? this.#second + second : now;
  }
}
