import type { Digest } from '../oci/digest.ts';

/*
 * What a sweep takes from an API that a registry has beside `/v2`, and which tells more a request. Every method throws
 * `RegistryError` (`denied`: the account may not; `not-found`: there is no such project, or no such call) and stops
 * early with the signal's reason.
 */

export interface ListedTag {
  tag: string;
  digest: Digest;
}

/** Tags with their digests, a hundred a request. */
export interface TagListing {
  /**
   * Tags of a repository, by its full name; none where there is none. Some may be missing, and one that moves meanwhile
   * may come twice.
   */
  tags(repository: string, signal?: AbortSignal): AsyncIterable<ListedTag>;
}

export interface Project {
  name: string;
  /** Filled from another registry by whoever pulls: nothing that a mirror should copy. */
  proxyCache: boolean;
}

/** A source that has projects: Harbor. */
export interface Listing extends TagListing {
  /** Those that the account sees: its own, and every public one. */
  projects(signal?: AbortSignal): Promise<Project[]>;
  /** Full names of a project's repositories. */
  repositories(project: string, signal?: AbortSignal): Promise<string[]>;
}
