import { shared } from '../abort.ts';
import { within } from '../clock.ts';
import type { Clock } from '../clock.ts';
import { RegistryError } from '../copy/error.ts';

/** Something that is good for a time. */
export interface Passing<T> {
  value: T;
  /** Milliseconds since 1970. */
  expiresAt: number;
}

interface Held<T> extends Passing<T> {
  /** By our clock. One that stands before it has been set back, and then no other time here means anything. */
  askedAt: number;
  renewAt: number;
}

/** Milliseconds before the end at which a new one is fetched, where a tenth of its life is not more. */
const margin = 60_000;

/** Milliseconds that one is held at least, whatever it says: where clocks differ it may come after its end. */
const shortest = 10_000;

/** Milliseconds that one is held at most, whatever it says: no key and no password of Alibaba Cloud is good for longer. */
const longest = 24 * 3_600_000;

/** Milliseconds that a new one is waited for while the old one is good. */
const patience = 5_000;

/** Milliseconds after a renewal that failed in which nobody tries again, while the old one is good. */
const rest = 5_000;

/**
 * One thing that passes, renewed ahead of its end: fetched once however many wait. While the held one is good, neither
 * an outage nor a silence of whoever gives it stops anything.
 *
 *   fetched ──▶ held ──a tenth of its life, at least a minute, at most half of it, before its end──▶ renewing
 *   renewing ──new one──▶ held        ──failure, or no answer in 5 s──▶ held, and renewing again after 5 s
 *   past its end: whoever asks waits for the new one, or hears why there is none
 */
export class Renewing<T> {
  readonly #fetch: () => Promise<Passing<T>>;
  readonly #clock: Clock;
  #held: Held<T> | undefined;
  #fetching: Promise<Held<T>> | undefined;

  constructor(fetch: () => Promise<Passing<T>>, clock: Clock) {
    this.#fetch = fetch;
    this.#clock = clock;
  }

  /** Throws what fetching throws when there is none that is still good. */
  async get(): Promise<T> {
    const held = this.#held;
    const now = this.#clock.now();
    if (held !== undefined && held.askedAt <= now && now < held.renewAt) return held.value;
    this.#fetching ??= this.#renew().finally(() => (this.#fetching = undefined));
    const good = held !== undefined && now < held.expiresAt;
    const { value } = await (good ? this.#patiently(this.#fetching, held) : this.#fetching);
    return value;
  }

  /**
   * The next one is fetched, unless what is held is another one by now. One that is younger than `young` milliseconds stays: where
   * every new one is refused as well, another one is no help.
   */
  forget(value: T, young = 0): void {
    const held = this.#held;
    if (held?.value === value && this.#clock.now() - held.askedAt >= young) this.#held = undefined;
  }

  async #renew(): Promise<Held<T>> {
    const askedAt = this.#clock.now();
    const { value, expiresAt: end } = await this.#fetch();
    const life = Math.min(Math.max(end - askedAt, shortest), longest);
    const expiresAt = askedAt + life;
    const renewAt = expiresAt - Math.min(life / 2, Math.max(margin, life / 10));
    this.#held = { value, askedAt, expiresAt, renewAt };
    return this.#held;
  }

  /** The new one, or the old one where it does not come; that it does not is told by the first one that needs it. */
  async #patiently(fetching: Promise<Held<T>>, held: Held<T>): Promise<Held<T>> {
    const late = new RegistryError('timeout', `no answer after ${patience} ms`);
    try {
      return await within(this.#clock, patience, late, (signal) => shared(fetching, signal));
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error;
      const now = this.#clock.now();
      if (now >= held.expiresAt) return fetching;
      held.askedAt = Math.min(held.askedAt, now);
      held.renewAt = now + rest;
      return held;
    }
  }
}
