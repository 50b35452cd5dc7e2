import { CopyError, RegistryError } from '../copy/error.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Refused, Wanted } from '../rule/rule.ts';
import { parallel } from './parallel.ts';
import type { Registries } from './registries.ts';
import { wantedOf } from './wanted.ts';

/** Requests that a sweep has under way at most: events come first. */
const width = 4;

export interface ComparisonOptions {
  registries: Registries;
  /** The copies that the rules want of a tag; `of`: tags of the digest that a companion belongs to. */
  match(repository: string, tag: string, of?: readonly string[]): (Wanted | Refused)[];
  signal: AbortSignal;
}

export interface Compared {
  listed: number;
  unchanged: number;
  different: (Wanted | Refused)[];
  /** One line for each tag that could not be compared. */
  errors: string[];
}

/**
 * Both ends of one source repository, tag by tag. The destination's tags are listed once, so that a missing tag costs
 * no request of its own; what is at both ends is compared by HEAD, which Harbor does not count as a pull.
 */
export class Comparison {
  readonly #options: ComparisonOptions;
  readonly #registry: string;
  readonly #repository: string;
  readonly #digests = new Map<string, Promise<Descriptor | undefined>>();
  readonly #present = new Map<string, Promise<ReadonlySet<string> | undefined>>();

  constructor(options: ComparisonOptions, registry: string, repository: string) {
    this.#options = options;
    this.#registry = registry;
    this.#repository = repository;
  }

  async run(): Promise<Compared> {
    const wanted = await this.#wanted();
    const result: Compared = { listed: wanted.length, unchanged: 0, different: [], errors: [] };
    await parallel(wanted, width, async (copy) => {
      try {
        if (await this.#same(copy)) result.unchanged++;
        else result.different.push(copy);
      } catch (error) {
        result.errors.push(this.#failure(copy, error));
      }
    });
    return result;
  }

  async #wanted(): Promise<(Wanted | Refused)[]> {
    const { registries, match, signal } = this.#options;
    const tags: string[] = [];
    for await (const tag of registries.source(this.#registry, this.#repository).tags(signal)) tags.push(tag);
    const wanted = await wantedOf(tags, {
      match: (tag, of) => match(this.#repository, tag, of),
      resolve: (tag) => this.#resolve(tag),
      width,
    });
    return wanted.filter((copy) => copy.source === this.#registry);
  }

  async #same(copy: Wanted | Refused): Promise<boolean> {
    if ('reason' in copy) return false;
    const present = await this.#presentTags(copy);
    if (present !== undefined && !present.has(copy.destinationTag)) return false;
    const destination = this.#options.registries.destination(copy.destination, copy.destinationRepository);
    const [here, there] = await Promise.all([
      this.#resolve(copy.sourceTag),
      destination.resolve(copy.destinationTag, this.#options.signal),
    ]);
    // A tag that went away since it was listed is no difference: nothing is deleted at the destination.
    return here === undefined || here.digest === there?.digest;
  }

  #resolve(tag: string): Promise<Descriptor | undefined> {
    const { registries, signal } = this.#options;
    const known = this.#digests.get(tag);
    if (known !== undefined) return known;
    const asked = registries.source(this.#registry, this.#repository).resolve(tag, signal);
    this.#digests.set(tag, asked);
    return asked;
  }

  #presentTags(copy: Wanted): Promise<ReadonlySet<string> | undefined> {
    const key = `${copy.destination} ${copy.destinationRepository}`;
    const known = this.#present.get(key);
    if (known !== undefined) return known;
    const asked = this.#listDestination(copy);
    this.#present.set(key, asked);
    return asked;
  }

  /** `undefined` where the list is refused: then every tag is asked for by itself. */
  async #listDestination(copy: Wanted): Promise<ReadonlySet<string> | undefined> {
    const { registries, signal } = this.#options;
    const tags = new Set<string>();
    try {
      const destination = registries.destination(copy.destination, copy.destinationRepository);
      for await (const tag of destination.tags(signal)) tags.add(tag);
      return tags;
    } catch (error) {
      if (error instanceof RegistryError && error.fault === 'denied') return undefined;
      throw error;
    }
  }

  #failure(copy: Wanted, error: unknown): string {
    this.#options.signal.throwIfAborted();
    if (!(error instanceof RegistryError) && !(error instanceof CopyError)) throw error;
    return `${copy.sourceRepository}:${copy.sourceTag} → ${copy.destinationRepository}: ${error.message}`;
  }
}
