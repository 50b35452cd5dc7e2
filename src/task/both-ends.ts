import { shared } from '../abort.ts';
import type { Clock } from '../clock.ts';
import { at, failureOf, reasons } from '../copy/error.ts';
import type { Side } from '../copy/error.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { Refused, Wanted } from '../rule/rule.ts';
import type { Registries } from './registries.ts';

/** Milliseconds that each end is waited for: somebody waits for the answer. */
const patience = 3_000;

/** Why there is no digest: a failure's reason, there is no such tag, or nobody has answered in time. */
export const lookProblems = [...reasons, 'absent', 'no-answer'] as const;
export type LookProblem = (typeof lookProblems)[number];

/** What one end names by a tag just now, or why that is not known. */
export type Look = { digest: Digest } | { problem: LookProblem; words: string };

export interface BothEnds {
  source: Look;
  destination: Look;
}

interface Resolver {
  resolve(reference: string, signal?: AbortSignal): Promise<Descriptor | undefined>;
}

/**
 * Looks at the ends of copies, side by side, each source once. Never fails: what cannot be asked is told in its place. The
 * registries' own order keeps these questions behind those of copies.
 */
export class Looking {
  readonly #registries: Pick<Registries, 'source' | 'destination'>;
  readonly #clock: Clock;
  readonly #sources = new Map<string, Promise<Look>>();

  constructor(registries: Pick<Registries, 'source' | 'destination'>, clock: Clock) {
    this.#registries = registries;
    this.#clock = clock;
  }

  async bothEnds(copy: Wanted | Refused): Promise<BothEnds> {
    const [source, destination] = await Promise.all([this.#source(copy), this.#destination(copy)]);
    return { source, destination };
  }

  #source({ source, sourceRepository, sourceTag }: Wanted): Promise<Look> {
    const name = `${source}/${sourceRepository}:${sourceTag}`;
    const asked =
      this.#sources.get(name) ??
      this.#look('source', sourceTag, () => this.#registries.source(source, sourceRepository));
    this.#sources.set(name, asked);
    return asked;
  }

  async #destination(copy: Wanted | Refused): Promise<Look> {
    if ('reason' in copy) return { problem: copy.reason, words: copy.message };
    const { destination, destinationRepository, destinationTag } = copy;
    return this.#look('destination', destinationTag, () =>
      this.#registries.destination(destination, destinationRepository),
    );
  }

  async #look(side: Side, tag: string, of: () => Resolver): Promise<Look> {
    const stop = new AbortController();
    const timer = this.#clock.after(patience, () => stop.abort());
    try {
      const found = await shared(at(side, `resolve ${tag}`, of().resolve(tag, stop.signal)), stop.signal);
      if (found !== undefined) return { digest: found.digest };
      return { problem: 'absent', words: `the ${side} has no such tag` };
    } catch (error) {
      if (stop.signal.aborted) {
        const words = `the ${side} has not answered within ${patience / 1_000} s; copies go first there`;
        return { problem: 'no-answer', words };
      }
      const { reason, message } = failureOf(error);
      return { problem: reason, words: message };
    } finally {
      timer.cancel();
    }
  }
}
