import { companionOf } from '../oci/companion.ts';
import { compare } from './comparison.ts';
import type { ComparisonOptions, Pair } from './comparison.ts';
import type { ListedArtifact, Listing } from './listing.ts';
import { parallel } from './parallel.ts';
import type { Cause } from './task.ts';

export interface ProjectOptions extends ComparisonOptions {
  /** Whether a rule of the sweep matches the repository. */
  isWanted(repository: string): boolean;
  /** Whether it is a repository's turn to be looked at for tags that no list shows. */
  isDue(repository: string): boolean;
  /** Tags that events have named for a digest. */
  announced(repository: string, digest: string): string[];
}

export interface ProjectPage {
  /** Where to go on after it. */
  lastId: number;
  /** Repositories that have, or may have, tags which the project's list does not show. */
  rest: Set<string>;
}

/** Of a change that is younger (ms) Harbor may still tell: it is copied, and not counted as missed. */
const stillTold = 5 * 60_000;

/** Tags made this close to their artifact (ms) came with it. */
export const together = 5_000;

/**
 * The artifacts of a whole project, a page at a time, compared as they come: no more than a page is held. Harbor shows no
 * tags of accessories in it, and none of what is below an index: repositories that have any are looked at by themselves.
 */
export class ProjectComparison {
  readonly #options: ProjectOptions;
  readonly #source: string;

  constructor(options: ProjectOptions, source: string) {
    this.#options = options;
    this.#source = source;
  }

  /** Ends behind each page, when it is done. Throws `RegistryError` where the project cannot be listed. */
  async *run(listing: Listing, project: string, after: number): AsyncGenerator<ProjectPage> {
    let seenAt = this.#options.now();
    for await (const { artifacts, lastId } of listing.artifacts(project, after, this.#options.signal)) {
      const wanted = artifacts.filter(({ repository }) => this.#options.isWanted(repository));
      await parallel(
        wanted.flatMap((artifact) => this.#pairs(artifact, seenAt)),
        this.#options.width,
        (pair) => compare(pair, this.#options),
      );
      const rest = wanted.filter((artifact) => this.#hasMore(artifact)).map(({ repository }) => repository);
      yield { lastId, rest: new Set(rest) };
      seenAt = this.#options.now();
    }
  }

  /** Companions need the names of all tags of their image, which may be on another page. */
  #pairs(artifact: ListedArtifact, seenAt: number): Pair[] {
    const { repository, digest, tags } = artifact;
    return tags
      .filter(({ name }) => companionOf(name) === undefined)
      .flatMap((tag) =>
        this.#options
          .match(repository, tag.name)
          .filter((copy) => copy.source === this.#source)
          .map((copy) => ({
            copy,
            source: { digest: async () => digest, seenAt, pushedAt: tag.pushedAt },
            cause: async () => this.#causeOf(artifact, tag),
          })),
      );
  }

  #hasMore({ repository, tags, accessories }: ListedArtifact): boolean {
    const shown = accessories.length > 0 || tags.some(({ name }) => companionOf(name) !== undefined);
    return shown || this.#options.isDue(repository);
  }

  /** A copy within Harbor makes all of an artifact's tags at once, and tells of one of them. */
  #causeOf(
    { repository, digest, pushedAt }: ListedArtifact,
    tag: ListedArtifact['tags'][number],
  ): Cause | undefined {
    if (tag.pushedAt > this.#options.now() - stillTold) return undefined;
    if (Math.abs(tag.pushedAt - pushedAt) > together) return 'unknown';
    const told = this.#options.announced(repository, digest).filter((name) => name !== tag.name);
    return told.length > 0 ? 'copy-with-several-tags' : 'unknown';
  }
}
