import type { Digest } from '../oci/digest.ts';

/*
 * What a sweep takes from an API that a registry has beside `/v2`, and which tells more a request. Every method throws
 * `RegistryError` (`denied`: the account may not; `not-found`: there is no such project, or the release has no such
 * call) and stops early with the signal's reason.
 *
 * Rows with ids come in the order of their ids, those above `after` (0: all), a page at a time; without any there is no
 * page. Whoever stores a page's `lastId` may go on there after a restart: rows that do not matter are left out, and
 * their ids count. An id is given out before its row can be seen, so who goes on *later* begins a few ids early. Times
 * are milliseconds since 1970, 0 where none is told.
 */

export interface ListedTag {
  tag: string;
  digest: Digest;
}

/** Tags with their digests, a hundred a request. */
export interface TagListing {
  /**
   * Tags of a repository, by its full name; none where there is none. Some may be missing, and one that moves meanwhile
   * may come twice. It tells the digest of a tag that `/v2` lists, and not that there is such a tag.
   */
  tags(repository: string, signal?: AbortSignal): AsyncIterable<ListedTag>;
}

export interface Project {
  name: string;
  /** Filled from another registry by whoever pulls: nothing that a mirror should copy. */
  proxyCache: boolean;
}

export interface ListedArtifact {
  id: number;
  /** The full name. */
  repository: string;
  digest: Digest;
  /** When the manifest came; a tag may have come later. */
  pushedAt: number;
  tags: { name: string; pushedAt: number }[];
  /** Signatures, and anything else with this `subject`: they are no rows themselves, and their tags are not told. */
  accessories: { digest: Digest; type: string }[];
  /** The media type of the config; of what has none, the manifest's own; empty where it is not told. */
  configType: string;
  /** An index with members that are no images but say something about others. */
  attested: boolean;
}

/** A source that has projects: Harbor. */
export interface Listing extends TagListing {
  /** Those that the account sees: its own, and every public one. */
  projects(signal?: AbortSignal): Promise<Project[]>;
  /** Full names of a project's repositories. */
  repositories(project: string, signal?: AbortSignal): Promise<string[]>;
  /** A project's tagged artifacts. `not-found` before Harbor 2.11.1 too, which has no such list. */
  artifacts(
    project: string,
    after: number,
    signal?: AbortSignal,
  ): AsyncIterable<{ artifacts: ListedArtifact[]; lastId: number }>;
  /** The tagged artifacts of a repository that came last, at most `count` (100), the newest first. */
  newest(repository: string, count: number, signal?: AbortSignal): Promise<ListedArtifact[]>;
}

/** A webhook of a project. */
export interface Policy {
  id: number;
  enabled: boolean;
}

/** What a source tried to tell, or never came to. */
export interface Delivery {
  id: number;
  /** For the parser of webhooks, as the payload, which is exactly the body. */
  contentType: string;
  payload: string;
  startedAt: number;
  /** As the source calls it. It says nothing: what a redirect lost is a success, what was never sent is running. */
  status: string;
}

/** A tag that was made in the source itself, which announces it to nobody. */
export interface TagCreated {
  id: number;
  repository: string;
  tag: string;
  at: number;
}

/** What a source remembers of its past: Harbor. */
export interface History {
  /** The policies of a project that tell us: a target's path ends in `/webhooks/harbor`. */
  policies(project: string, signal?: AbortSignal): Promise<Policy[]>;
  /** Past deliveries of a policy, to all of its targets: a payload may be one that no parser of ours knows. */
  deliveries(
    project: string,
    policy: number,
    after: number,
    signal?: AbortSignal,
  ): AsyncIterable<{ deliveries: Delivery[]; lastId: number }>;
  /** From the audit log. `not-found` before Harbor 2.13 too. Of a copy with several tags it tells nothing. */
  tagsCreated(
    project: string,
    after: number,
    signal?: AbortSignal,
  ): AsyncIterable<{ created: TagCreated[]; lastId: number }>;
  /** The newest id of the project's audit log; 0 when it is empty. */
  newestAudit(project: string, signal?: AbortSignal): Promise<number>;
}
