import type { Config } from '../config.ts';
import { Ruleset } from '../rule/match.ts';
import type { ConfiguredRegistries } from './registries.ts';

/** A configuration and what is made of it: replaced as one. */
export interface Effective {
  readonly config: Config;
  readonly rules: Ruleset;
  readonly registries: ConfiguredRegistries;
}

export function effectiveOf(config: Config, registries: ConfiguredRegistries): Effective {
  return { config, rules: new Ruleset(config.rules), registries };
}

/** What holds now. Whoever works with what held before keeps its clients open until the work has ended. */
export class Current {
  #now: Effective;
  /** By how many each is worked with; the one that holds now stays without any. */
  readonly #users = new Map<Effective, number>();

  constructor(first: Effective) {
    this.#now = first;
    this.#users.set(first, 0);
  }

  get now(): Effective {
    return this.#now;
  }

  /** Works to the end with what holds at the beginning. */
  async use<T>(work: (effective: Effective) => Promise<T>): Promise<T> {
    const effective = this.#now;
    this.#count(effective, 1);
    try {
      return await work(effective);
    } finally {
      this.#count(effective, -1);
      await this.#closeUnused(effective);
    }
  }

  async replace(next: Effective): Promise<void> {
    const before = this.#now;
    this.#now = next;
    this.#count(next, 0);
    await this.#closeUnused(before);
  }

  /** Ends what is under way, under whichever configuration. */
  async close(): Promise<void> {
    const all = [...this.#users.keys()];
    await Promise.all(all.map(({ registries }) => registries.close()));
  }

  #count(effective: Effective, change: number): void {
    this.#users.set(effective, (this.#users.get(effective) ?? 0) + change);
  }

  async #closeUnused(effective: Effective): Promise<void> {
    if (effective === this.#now || this.#users.get(effective) !== 0) return;
    this.#users.delete(effective);
    await effective.registries.close();
  }
}
