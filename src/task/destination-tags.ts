import { RegistryError } from '../copy/error.ts';
import type { Digest } from '../oci/digest.ts';
import type { Wanted } from '../rule/rule.ts';
import { listedDigests } from './listed.ts';
import { RecentLists } from './recent-lists.ts';
import type { RecordStore, Seen, TagRecord } from './record.ts';
import type { Registries } from './registries.ts';

export interface DestinationTagsOptions {
  registries: Registries;
  records: RecordStore;
  /** Whether the rules still want what was recorded. */
  isWanted(record: TagRecord): boolean;
  now(): number;
  signal: AbortSignal;
}

/**
 * What a look at a destination tag has found. `drifted`: a copy had made it name what the source tag names, and somebody
 * else has changed it since. `digest` is the source's, where it can be told.
 */
export type Found = { is: 'same' } | { is: 'different' | 'drifted'; digest?: Digest };

/** Destination tags that are held in memory, in lists of their repositories: some 20 MB. */
const remembered = 200_000;

/** Stands for a list that is refused: then every tag is asked for by itself. */
const anything = { has: () => true, size: 0 };

/**
 * What a sweep knows of destination tags: by their records; where there is none, by a list; and else by HEAD. A list is
 * believed when it says "the same" or "not there"; before a tag counts as different, `/v2` is asked for it.
 */
export class DestinationTags {
  readonly #options: DestinationTagsOptions;
  readonly #listed = new RecentLists(remembered, (place) => this.#list(place));
  readonly #names = new RecentLists(remembered, (place) => this.#listNames(place));
  #seen: Seen[] = [];

  constructor(options: DestinationTagsOptions) {
    this.#options = options;
  }

  /** Whether the destination tag names what the source tag names, `here`. Throws `RegistryError`. */
  async compare(copy: Wanted, here: () => Promise<Digest | undefined>): Promise<Found> {
    const record = this.#options.records.find(copy);
    if (record !== undefined && this.#belongsToAnother(copy, record)) return { is: 'same' };
    // Of a tag that was never recorded, most are not there: a list of names is cheaper than a question for each.
    if (record === undefined && (await this.#isMissing(copy))) return missing(here);
    const digest = await here();
    if (digest === undefined) return { is: 'same' };
    const at = this.#options.now();
    const right = record?.trusted ? record.digest === digest : await this.#isNamed(copy, digest);
    if (!right)
      return { is: !record?.trusted && record?.digest === digest ? 'drifted' : 'different', digest };
    if (!record?.trusted) this.#seen.push({ copy, digest, at });
    return { is: 'same' };
  }

  /** Records what has been found to be right since the last time. Throws `StorageError`. */
  remember(): void {
    const seen = this.#seen;
    this.#seen = [];
    this.#options.records.confirm(seen);
  }

  async #isMissing(copy: Wanted): Promise<boolean> {
    if ((await this.#listed.get(placeOf(copy))).has(copy.destinationTag)) return false;
    return !(await this.#names.get(placeOf(copy))).has(copy.destinationTag);
  }

  async #isNamed(copy: Wanted, digest: Digest): Promise<boolean> {
    const { registries, signal } = this.#options;
    const { destination, destinationRepository, destinationTag } = copy;
    if ((await this.#listed.get(placeOf(copy))).get(destinationTag) === digest) return true;
    const there = await registries
      .destination(destination, destinationRepository)
      .resolve(destinationTag, signal);
    return there?.digest === digest;
  }

  #list(place: string): Promise<ReadonlyMap<string, Digest>> {
    const [destination, repository] = partsOf(place);
    const { registries, signal } = this.#options;
    return listedDigests(registries.tagListing(destination), repository, signal);
  }

  async #listNames(place: string): Promise<{ has(tag: string): boolean; size: number }> {
    const [destination, repository] = partsOf(place);
    const { registries, signal } = this.#options;
    const names = new Set<string>();
    try {
      for await (const tag of registries.destination(destination, repository).tags(signal)) names.add(tag);
      return names;
    } catch (error) {
      if (error instanceof RegistryError && error.fault === 'denied') return anything;
      throw error;
    }
  }

  /** Two source tags may be wanted under one name: the newest push has it, and a sweep does not take it away again. */
  #belongsToAnother(copy: Wanted, record: TagRecord): boolean {
    const sameRepository = record.source === copy.source && record.sourceRepository === copy.sourceRepository;
    return sameRepository && record.sourceTag !== copy.sourceTag && this.#options.isWanted(record);
  }
}

/** It is missing at the destination whatever the source says; its copy will tell what is wrong there. */
async function missing(here: () => Promise<Digest | undefined>): Promise<Found> {
  try {
    const digest = await here();
    // A tag that went away since it was listed is no difference: nothing is deleted at the destination.
    return digest === undefined ? { is: 'same' } : { is: 'different', digest };
  } catch (error) {
    if (error instanceof RegistryError) return { is: 'different' };
    throw error;
  }
}

function placeOf({ destination, destinationRepository }: Wanted): string {
  return `${destination} ${destinationRepository}`;
}

/** The names of registries have no blanks. */
function partsOf(place: string): [destination: string, repository: string] {
  const blank = place.indexOf(' ');
  return [place.slice(0, blank), place.slice(blank + 1)];
}
