import { CopyError, RegistryError } from '../copy/error.ts';
import type { Digest } from '../oci/digest.ts';
import type { Refused, Wanted } from '../rule/rule.ts';
import { listedDigests } from './listed.ts';
import { parallel } from './parallel.ts';
import type { Registries } from './registries.ts';
import type { Sighting } from './store.ts';
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
  different: (Sighting | Refused)[];
  /** One line for each tag that could not be compared. */
  errors: string[];
}

/**
 * Both ends of one source repository, tag by tag. The names of the source's tags are `/v2`'s. Digests come from lists
 * where a registry has an API for that, and else by HEAD, which Harbor does not count as a pull. A list of the
 * destination is believed when it says "the same"; before a tag counts as different or missing, `/v2` is asked.
 */
export class Comparison {
  readonly #options: ComparisonOptions;
  readonly #registry: string;
  readonly #repository: string;
  readonly #listed = new Map<string, Promise<ReadonlyMap<string, Digest>>>();
  readonly #present = new Map<string, Promise<ReadonlySet<string> | undefined>>();
  readonly #here = new Map<string, Promise<{ digest: Digest } | undefined>>();

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
        else result.different.push(await this.#sighted(copy));
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
    const listed = (await this.#listedThere(copy)).get(copy.destinationTag);
    if (listed === undefined && !(await this.#isPresent(copy))) return false;
    const [here, there] = await Promise.all([this.#resolve(copy.sourceTag), listed ?? this.#there(copy)]);
    // A tag that went away since it was listed is no difference: nothing is deleted at the destination.
    if (here === undefined || here.digest === there) return true;
    return listed !== undefined && here.digest === (await this.#there(copy));
  }

  /** With what the source tag names, so that a digest that was refused for good is not tried with every sweep. */
  async #sighted(copy: Wanted | Refused): Promise<Sighting | Refused> {
    if ('reason' in copy) return copy;
    try {
      const here = await this.#resolve(copy.sourceTag);
      return here === undefined ? copy : { ...copy, digest: here.digest };
    } catch (error) {
      // It is missing at the destination all the same, and its copy will say what is wrong here.
      if (error instanceof RegistryError) return copy;
      throw error;
    }
  }

  #resolve(tag: string): Promise<{ digest: Digest } | undefined> {
    return once(this.#here, tag, async () => {
      const { registries, signal } = this.#options;
      const digest = (await this.#listedHere()).get(tag);
      if (digest !== undefined) return { digest };
      return registries.source(this.#registry, this.#repository).resolve(tag, signal);
    });
  }

  #listedHere(): Promise<ReadonlyMap<string, Digest>> {
    return once(this.#listed, 'source', () => {
      const { registries, signal } = this.#options;
      return listedDigests(registries.listing(this.#registry), this.#repository, signal);
    });
  }

  #listedThere(copy: Wanted): Promise<ReadonlyMap<string, Digest>> {
    return once(this.#listed, placeOf(copy), () => {
      const { registries, signal } = this.#options;
      return listedDigests(registries.tagListing(copy.destination), copy.destinationRepository, signal);
    });
  }

  async #there({ destination, destinationRepository, destinationTag }: Wanted): Promise<Digest | undefined> {
    const { registries, signal } = this.#options;
    const repository = registries.destination(destination, destinationRepository);
    return (await repository.resolve(destinationTag, signal))?.digest;
  }

  async #isPresent(copy: Wanted): Promise<boolean> {
    const tags = await once(this.#present, placeOf(copy), () => this.#listDestination(copy));
    return tags === undefined || tags.has(copy.destinationTag);
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

function placeOf({ destination, destinationRepository }: Wanted): string {
  return `${destination} ${destinationRepository}`;
}

function once<T>(known: Map<string, T>, key: string, ask: () => T): T {
  const value = known.get(key) ?? ask();
  known.set(key, value);
  return value;
}
