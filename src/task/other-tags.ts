import type { Clock } from '../clock.ts';
import type { Event, PushEvent } from '../event/event.ts';
import { companionOf } from '../oci/companion.ts';
import { firstPart } from '../oci/reference.ts';
import { isRefusal } from './listed.ts';
import type { ListedArtifact, Listing } from './listing.ts';
import { together } from './project-comparison.ts';
import type { Cause } from './task.ts';

export interface OtherTagsOptions {
  /** The sources that rules read the repository from, where they tell more than `/v2`. */
  sources(repository: string): { name: string; listing: Pick<Listing, 'newest'> }[];
  /** Tags that events have named for a digest. */
  announced(repository: string, digest: string): string[];
  /** Lets an event in that no webhook has brought. */
  makeUp(event: Event, cause: Cause): Promise<number>;
  /** Told of a look that failed: the next sweep finds what it would have found. */
  onError(repository: string, error: unknown): void;
  clock: Clock;
}

/** Milliseconds: what is pushed in one go comes in as many events, and in a storm Harbor takes six seconds for them. */
const patience = 10_000;

/** Milliseconds in which a project that may not be listed is not asked again. */
const refusedFor = 3_600_000;

/** Repositories that wait for a look or have one, and digests that had one lately: what is beyond is left to the sweep. */
const maxWaiting = 1_000;
const remembered = 10_000;

/** Artifacts of a look: the pushed ones, and what has come behind them meanwhile. */
const besides = 8;
const pageSize = 100;

/**
 * A copy within Harbor makes all tags of an artifact at once and tells of one of them, by an event that looks like any push. So
 * what is new is looked up behind its events: the newest artifacts of the repository in one request, for all that was pushed
 * there within ten seconds, and once a digest. It is kept in memory only: a look that fails, or is lost, is the sweep's.
 */
export class OtherTags {
  readonly #options: OtherTagsOptions;
  readonly #stopping = new AbortController();
  /** Digests by their repositories. */
  readonly #waiting = new Map<string, Set<string>>();
  readonly #looks = new Set<Promise<void>>();
  readonly #seen = new Set<string>();
  /** Until when which project of which source is not asked. */
  readonly #refused = new Map<string, number>();

  constructor(options: OtherTagsOptions) {
    this.#options = options;
  }

  /** An event has come in. Asks nobody, and never throws. */
  told({ repository, references }: PushEvent): void {
    const images = references.filter(({ tag }) => companionOf(tag) === undefined);
    const digests = images.flatMap(({ digest }) => digest ?? []);
    const fresh = digests.filter((digest) => !this.#seen.has(`${repository}@${digest}`));
    if (fresh.length === 0 || this.#stopping.signal.aborted) return;
    const waiting = this.#waiting.get(repository) ?? this.#await(repository);
    for (const digest of fresh) {
      this.#remember(`${repository}@${digest}`);
      waiting?.add(digest);
    }
  }

  /** Resolves when none is under way any more. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('interrupted: tagferry was stopped'));
    await Promise.all(this.#looks);
  }

  #await(repository: string): Set<string> | undefined {
    const { sources, clock } = this.#options;
    if (this.#waiting.size + this.#looks.size >= maxWaiting || sources(repository).length === 0)
      return undefined;
    const digests = new Set<string>();
    this.#waiting.set(repository, digests);
    clock.after(patience, () => this.#begin(repository, digests));
    return digests;
  }

  #begin(repository: string, digests: ReadonlySet<string>): void {
    this.#waiting.delete(repository);
    if (this.#stopping.signal.aborted) return;
    const look = this.#look(repository, digests).finally(() => this.#looks.delete(look));
    this.#looks.add(look);
  }

  async #look(repository: string, digests: ReadonlySet<string>): Promise<void> {
    const { sources, onError, clock } = this.#options;
    for (const { name, listing } of sources(repository)) {
      const project = `${name}/${firstPart(repository)}`;
      if (clock.now() < (this.#refused.get(project) ?? 0)) continue;
      try {
        await this.#lookAt(listing, repository, digests);
      } catch (error) {
        if (this.#stopping.signal.aborted) return;
        if (isRefusal(error)) this.#refused.set(project, clock.now() + refusedFor);
        onError(repository, error);
      }
    }
  }

  async #lookAt(
    listing: Pick<Listing, 'newest'>,
    repository: string,
    digests: ReadonlySet<string>,
  ): Promise<void> {
    const count = Math.min(2 * digests.size + besides, pageSize);
    const newest = await listing.newest(repository, count, this.#stopping.signal);
    for (const artifact of newest.filter(({ digest }) => digests.has(digest))) await this.#take(artifact);
  }

  /** A tag that came later than its artifact had an event, or is in Harbor's audit log. */
  async #take({ repository, digest, pushedAt, tags }: ListedArtifact): Promise<void> {
    const { announced, makeUp } = this.#options;
    const told = new Set(announced(repository, digest));
    const references = tags
      .filter((tag) => Math.abs(tag.pushedAt - pushedAt) <= together)
      .filter(({ name }) => !told.has(name) && companionOf(name) === undefined)
      .map(({ name }) => ({ tag: name, digest }));
    if (references.length === 0) return;
    const event = { kind: 'push', type: 'copied-with', occurredAt: pushedAt } as const;
    await makeUp({ ...event, repository, references }, 'copy-with-several-tags');
  }

  #remember(digest: string): void {
    this.#seen.add(digest);
    for (const oldest of this.#seen) {
      if (this.#seen.size <= remembered) return;
      this.#seen.delete(oldest);
    }
  }
}
