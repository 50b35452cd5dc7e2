import { RegistryError } from '../copy/error.ts';
import type { Digest } from '../oci/digest.ts';
import type { Wanted } from '../rule/rule.ts';
import { listedDigests } from './listed.ts';
import { RecentLists } from './recent-lists.ts';
import { isOf, isOfRepository } from './record.ts';
import type { RecordStore, Seen, TagRecord } from './record.ts';
import type { Registries } from './registries.ts';

export interface DestinationTagsOptions {
  registries: Registries;
  records: Pick<RecordStore, 'find' | 'confirm'>;
  /** Whether the rules still want what was recorded. */
  isWanted(record: TagRecord): boolean;
  /** Whether a rule declares that the source tag of the copy never moves. */
  isImmutable(copy: Wanted): boolean;
  now(): number;
  signal: AbortSignal;
}

/** What is known of a source tag. Times are milliseconds since 1970. */
export interface SourceTag {
  /** What it names; `undefined` when it has gone since it was listed. Throws `RegistryError`. */
  digest(): Promise<Digest | undefined>;
  /** When the source was asked for it, or for the list that has it. */
  seenAt: number;
  /** When it was pushed, by the source's own clock, where that is told. */
  pushedAt?: number;
}

/**
 * What a look at a destination tag has found. `drifted`: a copy had made it name what the source tag names, and somebody
 * else has changed it since. `digest` is the source's, where it can be told.
 */
export type Found = { is: 'same' } | { is: 'different' | 'drifted'; digest?: Digest };

/** Destination tags that are held in memory, in lists of their repositories: some 20 MB. */
const remembered = 200_000;

/** By how much the clocks of a source and this machine may differ; milliseconds. */
const clocksApart = 5 * 60_000;

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

  /** Whether the destination tag names what the source tag names. Throws `RegistryError`. */
  async compare(copy: Wanted, source: SourceTag): Promise<Found> {
    const record = this.#options.records.find(copy);
    if (record !== undefined && this.#isSettled(copy, source, record)) return { is: 'same' };
    // Of a tag that was never recorded, most are not there: a list of names is cheaper than a question for each.
    if (record === undefined && (await this.#isMissing(copy))) return missing(source);
    const digest = await source.digest();
    if (digest === undefined) return { is: 'same' };
    if (record?.trusted) return record.digest === digest ? { is: 'same' } : { is: 'different', digest };
    const at = await this.#namedAt(copy, digest);
    if (at === undefined) return { is: record?.digest === digest ? 'drifted' : 'different', digest };
    this.#seen.push({ copy, digest, at });
    return { is: 'same' };
  }

  /** What an immutable source tag names, if it was verified at its destination and nothing has happened there since. */
  promised(copy: Wanted): Digest | undefined {
    if (!this.#options.isImmutable(copy)) return undefined;
    const record = this.#options.records.find(copy);
    return record?.trusted && isOf(record, copy) ? record.digest : undefined;
  }

  /** Records what has been found to be right since the last time. Throws `StorageError`. */
  remember(): void {
    const seen = this.#seen;
    this.#seen = [];
    this.#options.records.confirm(seen);
  }

  /** A copy since the source was asked knows better; and a tag that another source tag has is left to that one. */
  #isSettled(copy: Wanted, source: SourceTag, record: TagRecord): boolean {
    // A record of the future was written before the clock was set back.
    const since = record.writtenAt > source.seenAt && record.writtenAt <= this.#options.now();
    return since || this.#belongsToAnother(copy, source, record);
  }

  async #isMissing(copy: Wanted): Promise<boolean> {
    const { digests } = await this.#listed.get(placeOf(copy));
    if (digests.has(copy.destinationTag)) return false;
    return !(await this.#names.get(placeOf(copy))).has(copy.destinationTag);
  }

  /** When the destination tag was asked for, if it names the digest. */
  async #namedAt(copy: Wanted, digest: Digest): Promise<number | undefined> {
    const { registries, signal, now } = this.#options;
    const { destination, destinationRepository, destinationTag } = copy;
    const listed = await this.#listed.get(placeOf(copy));
    if (listed.digests.get(destinationTag) === digest) return listed.at;
    const at = now();
    const there = await registries
      .destination(destination, destinationRepository)
      .resolve(destinationTag, signal);
    return there?.digest === digest ? at : undefined;
  }

  async #list(place: string): Promise<{ digests: ReadonlyMap<string, Digest>; at: number; size: number }> {
    const [destination, repository] = partsOf(place);
    const { registries, signal, now } = this.#options;
    const at = now();
    const digests = await listedDigests(registries.tagListing(destination), repository, signal);
    return { digests, at, size: digests.size };
  }

  async #listNames(place: string): Promise<{ has(tag: string): boolean; size: number }> {
    const [destination, repository] = partsOf(place);
    const { registries, signal } = this.#options;
    const names = new Set<string>();
    try {
      for await (const tag of registries.destination(destination, repository).tags(signal)) names.add(tag);
      return names;
    } catch (error) {
      // Also a list that has no end: each tag can be asked for all the same.
      if (error instanceof RegistryError && ['denied', 'protocol'].includes(error.fault)) return anything;
      throw error;
    }
  }

  /**
   * Two source tags may be wanted under one name: the newest push has it, and a sweep does not take it away again, unless
   * the other was pushed well after the last copy: then it is the newest, and nobody has told of it.
   */
  #belongsToAnother(copy: Wanted, { pushedAt = 0 }: SourceTag, record: TagRecord): boolean {
    if (!isOfRepository(record, copy) || record.sourceTag === copy.sourceTag) return false;
    const writtenAt = Math.min(record.writtenAt, this.#options.now());
    return pushedAt <= writtenAt + clocksApart && this.#options.isWanted(record);
  }
}

/** It is missing at the destination whatever the source says; its copy will tell what is wrong there. */
async function missing(source: SourceTag): Promise<Found> {
  try {
    const digest = await source.digest();
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
