import { CopyError, RegistryError } from '../copy/error.ts';
import { companionOf } from '../oci/companion.ts';
import type { Digest } from '../oci/digest.ts';
import type { Refused, Wanted } from '../rule/rule.ts';
import type { DestinationTags, SourceTag } from './destination-tags.ts';
import { listedDigests } from './listed.ts';
import { parallel } from './parallel.ts';
import type { Registries } from './registries.ts';
import type { Tally } from './tally.ts';
import type { Cause } from './task.ts';
import { wantedOf } from './wanted.ts';

export interface ComparisonOptions {
  registries: Registries;
  /** The copies that the sweep wants of a tag; `of`: tags of the digest that a companion belongs to. */
  match(repository: string, tag: string, of?: readonly string[]): (Wanted | Refused)[];
  there: DestinationTags;
  /** Told of a source repository's tags, all that it has, and of when their list began. */
  onListed(source: string, repository: string, tags: readonly string[], at: number): void;
  tally: Tally;
  /** Tags looked at at once. */
  width: number;
  /** Told of each copy before it is compared. */
  onCompare?: ((copy: Wanted) => void) | undefined;
  now(): number;
  signal: AbortSignal;
}

/** A copy to be compared. */
export interface Pair {
  copy: Wanted | Refused;
  source: SourceTag;
  /** Why no webhook told of it; `undefined` where one may still come. Asked only where there is a difference. */
  cause(): Promise<Cause | undefined>;
}

/** Compares both ends of a copy, and keeps the accounts. Throws only what ends the sweep. */
export async function compare(
  { copy, source, cause }: Pair,
  { there, tally, signal, onCompare }: ComparisonOptions,
): Promise<void> {
  if ('reason' in copy) return tally.different(copy, undefined);
  onCompare?.(copy);
  try {
    const found = await there.compare(copy, source);
    if (found.is === 'same') return tally.same();
    const { is, ...sighted } = found;
    tally.different({ ...copy, ...sighted }, is === 'drifted' ? undefined : await cause());
  } catch (error) {
    tally.unknown(lineOf(copy, error, signal));
  }
}

function lineOf(copy: Wanted, error: unknown, signal: AbortSignal): string {
  signal.throwIfAborted();
  if (!(error instanceof RegistryError) && !(error instanceof CopyError)) throw error;
  return `${copy.sourceRepository}:${copy.sourceTag} → ${copy.destinationRepository}: ${error.message}`;
}

/**
 * One source repository, tag by tag. The names of its tags are `/v2`'s, which alone shows all of them. Digests come from
 * a list where the source has an API for that, and else by HEAD, which Harbor does not count as a pull.
 */
export class RepositoryComparison {
  readonly #options: ComparisonOptions;
  readonly #registry: string;
  readonly #repository: string;
  readonly #digests = new Map<string, Promise<{ digest: Digest } | undefined>>();
  #listed: Promise<ReadonlyMap<string, Digest>> | undefined;

  constructor(options: ComparisonOptions, registry: string, repository: string) {
    this.#options = options;
    this.#registry = registry;
    this.#repository = repository;
  }

  /** `rest`: only what the list of its project does not show. Throws `RegistryError` where the tags cannot be listed. */
  async run(which: 'all' | 'rest', cause: () => Promise<Cause>): Promise<void> {
    const { width, there, now } = this.#options;
    const seenAt = now();
    const wanted = await this.#wanted(seenAt);
    const shown = which === 'rest' ? await this.#listHere() : new Map<string, Digest>();
    const here = wanted.filter(
      ({ sourceTag }) => companionOf(sourceTag) !== undefined || !shown.has(sourceTag),
    );
    await parallel(here, width, (copy) => {
      const digest = async (): Promise<Digest | undefined> =>
        there.promised(copy) ?? (await this.#resolve(copy.sourceTag))?.digest;
      return compare({ copy, source: { digest, seenAt }, cause }, this.#options);
    });
  }

  async #wanted(seenAt: number): Promise<(Wanted | Refused)[]> {
    const { registries, match, onListed, width, signal } = this.#options;
    const tags: string[] = [];
    for await (const tag of registries.source(this.#registry, this.#repository).tags(signal)) tags.push(tag);
    onListed(this.#registry, this.#repository, tags, seenAt);
    const wanted = await wantedOf(tags, {
      match: (tag, of) => match(this.#repository, tag, of),
      resolve: async (tag) => this.#promised(tag) ?? this.#resolve(tag),
      width,
    });
    return wanted.filter((copy) => copy.source === this.#registry);
  }

  /** By any copy of it: a signature asks for no more than the digest of its image. */
  #promised(tag: string): { digest: Digest } | undefined {
    const { match, there } = this.#options;
    const copies = match(this.#repository, tag).filter(({ source }) => source === this.#registry);
    const digest = copies.map((copy) => there.promised(copy)).find((one) => one !== undefined);
    return digest && { digest };
  }

  #resolve(tag: string): Promise<{ digest: Digest } | undefined> {
    const known = this.#digests.get(tag) ?? this.#ask(tag);
    this.#digests.set(tag, known);
    return known;
  }

  async #ask(tag: string): Promise<{ digest: Digest } | undefined> {
    const { registries, signal } = this.#options;
    const digest = (await this.#listHere()).get(tag);
    if (digest !== undefined) return { digest };
    return registries.source(this.#registry, this.#repository).resolve(tag, signal);
  }

  #listHere(): Promise<ReadonlyMap<string, Digest>> {
    const { registries, signal } = this.#options;
    this.#listed ??= listedDigests(registries.listing(this.#registry), this.#repository, signal);
    return this.#listed;
  }
}
