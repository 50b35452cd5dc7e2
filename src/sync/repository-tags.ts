import { RegistryError } from '../copy/error.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';

export interface RepositoryTagsOptions {
  /** What the tag names now; `undefined`: there is no such tag. Throws `RegistryError`. */
  resolve(tag: string): Promise<Descriptor | undefined>;
  /** The names of all tags. Throws `RegistryError`. */
  tags(): AsyncIterable<string>;
  /** Its tags that the run comes to. */
  wanted: ReadonlySet<string>;
  /** What an earlier run has seen there, if it may still be believed of a tag that is there. */
  remembered(tag: string): Digest | undefined;
}

/** What is known of a tag. */
export type Known =
  | { kind: 'missing' }
  /** As it was seen just now. */
  | { kind: 'seen'; descriptor: Descriptor }
  /** It is there, and an earlier run has seen what it names. */
  | { kind: 'remembered'; digest: Digest };

/** A list is asked for when so many tags are left that it may tell of. */
const worthAfterMissing = 3;

/** Names that are read of a list for each tag that it may tell of: registries give a hundred a request, or more. */
const namesPerTag = 100;

/**
 * What a run finds out of the tags of one destination repository before it copies. Asking for each tag costs a request a tag,
 * the list of names one for the repository, and it tells only which tags are *not* there. So N tags cost
 *
 *   all there       N      each is asked for
 *   none there      2      the first one is found missing, then the list is got
 *   some missing    N + 1 at most: up to the first missing one each is asked for, then those that the list has
 *   remembered      1      the list, and each that it has and nobody remembers
 *
 * The first tag goes ahead alone, the others wait for what it finds: a new repository would be asked for several.
 */
export class RepositoryTags {
  readonly #options: RepositoryTagsOptions;
  readonly #decided = new Set<string>();
  #first: Promise<unknown> | undefined;
  #names: Promise<ReadonlySet<string> | undefined> | undefined;

  constructor(options: RepositoryTagsOptions) {
    this.#options = options;
  }

  /** Throws `RegistryError`. */
  find(tag: string): Promise<Known> {
    const finding = Promise.resolve(this.#first).then(() => this.#find(tag));
    // Who waits for the first one does not fail with it.
    this.#first ??= finding.catch(() => undefined);
    return finding;
  }

  async #find(tag: string): Promise<Known> {
    const remembered = this.#options.remembered(tag);
    if (remembered !== undefined && this.#left(tag) > 0) this.#wantList(tag);
    const known = await this.#judge(tag, remembered);
    if (known.kind === 'missing' && this.#left(tag) >= worthAfterMissing) this.#wantList(tag);
    this.#decided.add(tag);
    return known;
  }

  async #judge(tag: string, remembered: Digest | undefined): Promise<Known> {
    const names = await this.#names;
    if (names?.has(tag) === false) return { kind: 'missing' };
    if (names !== undefined && remembered !== undefined) return { kind: 'remembered', digest: remembered };
    const descriptor = await this.#options.resolve(tag);
    return descriptor === undefined ? { kind: 'missing' } : { kind: 'seen', descriptor };
  }

  /** How many others are to be found out. */
  #left(tag: string): number {
    return this.#options.wanted.size - this.#decided.size - (this.#decided.has(tag) ? 0 : 1);
  }

  #wantList(tag: string): void {
    this.#names ??= this.#list(tag);
    // It may end without anybody who waits for it.
    this.#names.catch(() => undefined);
  }

  /** Of those that are wanted; `undefined` where the list is refused, or far too long for what it is to tell. */
  async #list(tag: string): Promise<ReadonlySet<string> | undefined> {
    const { tags, wanted } = this.#options;
    let rest = namesPerTag * (this.#left(tag) + 1);
    const names = new Set<string>();
    try {
      for await (const name of tags()) {
        if (--rest < 0) return undefined;
        if (wanted.has(name)) names.add(name);
        if (names.size === wanted.size) break;
      }
      return names;
    } catch (error) {
      if (error instanceof RegistryError) return undefined;
      throw error;
    }
  }
}
