import type { Digest } from '../oci/digest.ts';

/*
 * What a sweep and a catch-up need of a source that tells more than `/v2` does, which is Harbor. Every method throws
 * `RegistryError` (`denied`: the account may not; `not-found`: there is no such project, or the release has no such
 * call) and stops early with the signal's reason.
 *
 * Rows with ids come in the order of their ids, those above `after` (0: all). Whoever stores a page's `lastId` may go
 * on there after a restart. An id is given out before its row can be seen: who goes on *later* begins a few ids early.
 */

/** A part of a list. There may be no rows in it that matter; `lastId` counts all the same. */
export interface Page<Row> {
  lastId: number;
  rows: readonly Row[];
}

export interface Project {
  name: string;
  /** Filled from another registry by whoever pulls: nothing that a mirror should copy. */
  proxyCache: boolean;
}

/** A manifest with the tags that name it. Times are milliseconds since 1970. */
export interface Artifact {
  id: number;
  repository: string;
  digest: Digest;
  /** When the manifest came; a tag may have come later. */
  pushedAt: number | undefined;
  tags: readonly { name: string; pushedAt: number | undefined }[];
  /** Its repository may have tags that the list does not show, so `/v2/…/tags/list` has to be asked as well. */
  hidesTags: boolean;
}

/**
 * The tags of a source, a hundred artifacts a request. Accessories (signatures, anything with a `subject`) are not
 * listed, even where they have tags of their own; `hidesTags` says which repositories have any. Those of an
 * artifact that is listed nowhere, such as a child of an index, are not even seen by that: to miss no tag for
 * ever, ask `/v2/…/tags/list` of every repository once in so many sweeps.
 */
export interface Listing {
  /** Those that the account sees: its own, and every public one. */
  projects(signal?: AbortSignal): Promise<Project[]>;
  /** Full names of a project's repositories. */
  repositories(project: string, signal?: AbortSignal): Promise<string[]>;
  /** Every tagged artifact of a project. */
  artifacts(project: string, after: number, signal?: AbortSignal): AsyncIterable<Page<Artifact>>;
  /** The same of one repository, by its full name; nothing where there is none. */
  repositoryArtifacts(repository: string, after: number, signal?: AbortSignal): AsyncIterable<Page<Artifact>>;
}

/** A webhook of a project, as the source keeps it. */
export interface Policy {
  id: number;
  name: string;
  enabled: boolean;
  /** Where its HTTP targets are: scheme, host and path. */
  addresses: readonly string[];
}

/** An event that the source tried to deliver, or never came to. */
export interface Delivery {
  id: number;
  /** Exactly the body that was sent, for the parser of webhooks. */
  payload: Uint8Array;
  startedAt: number | undefined;
}

export interface TagCreation {
  id: number;
  repository: string;
  tag: string;
  /** `tag`: made in the source itself, which announces it to nobody. */
  by: 'push' | 'tag';
  createdAt: number | undefined;
}

/** What happened while nobody listened. */
export interface History {
  policies(project: string, signal?: AbortSignal): Promise<Policy[]>;
  /** Every delivery of a policy, however it ended: a lost one may be called a success, one never sent is "running". */
  deliveries(
    project: string,
    policy: number,
    after: number,
    signal?: AbortSignal,
  ): AsyncIterable<Page<Delivery>>;
  /** From the audit log: of a copy with several tags it names one only. */
  tagCreations(project: string, after: number, signal?: AbortSignal): AsyncIterable<Page<TagCreation>>;
}

/** What a release of the source can, whoever asks. */
export interface Release {
  /** As it calls itself, e.g. `v2.15.2-080b0220`. */
  version: string;
  /** `artifacts` of a whole project. */
  artifacts: boolean;
  deliveries: boolean;
  /** Asked by release, since a log that is kept nowhere is empty rather than missing. */
  tagCreations: boolean;
}

/** Calls that need a permission each. */
export type PermittedCall =
  'repositories' | 'artifacts' | 'repositoryArtifacts' | 'policies' | 'deliveries' | 'tagCreations';

export interface Permissions {
  /**
   * `undefined` when the source takes the account for nobody: a wrong password does not fail there, it shows what
   * is public.
   */
  release(signal?: AbortSignal): Promise<Release | undefined>;
  /** Which calls this account may make in a project; one small request each. */
  permitted(project: string, signal?: AbortSignal): Promise<Record<PermittedCall, boolean>>;
}
