import { companionOf } from '../oci/companion.ts';
import type { Digest } from '../oci/digest.ts';

/**
 * One delivery's normalised meaning. An event is a hint that something happened at a repository: the tag is
 * resolved when the task runs, the digest is never taken as the wanted state, and the payload's
 * `resource_url` is not even read.
 */
export type Event = PushEvent | ScanEvent | IgnoredEvent;

interface Common {
  /** The sender's own name of the event, e.g. `PUSH_ARTIFACT` or `harbor.artifact.pushed`. */
  type: string;
  /** CloudEvents `id`: the same for every retry of one delivery. Harbor's Default format has none. */
  id?: string;
  /** When it happened, by the sender's clock; milliseconds. */
  occurredAt: number;
}

/** Tags were pushed. `references` holds tags only; manifests pushed by digest alone are not in it. */
export interface PushEvent extends Common {
  kind: 'push';
  repository: string;
  references: { tag: string; digest?: Digest }[];
}

/** A scan of an artifact ended, or of one of its children, which have no tag. */
export interface ScanEvent extends Common {
  kind: 'scan';
  repository: string;
}

/** Understood, and not for us. */
export interface IgnoredEvent extends Common {
  kind: 'ignored';
  repository?: string;
  /** Why, in one kebab-case word: `by-digest`, `deletion`, `pull`, `quota`, `replication`, … */
  ignored: string;
}

/**
 * The repository whose source may hold back nothing any more: a scan has ended there, or a signature has come, under
 * cosign's tag or, as an OCI 1.1 referrer, by digest alone. A child of an index comes by digest as well, and no event
 * tells the two apart.
 */
export function releasedBy(event: Event): string | undefined {
  switch (event.kind) {
    case 'scan':
      return event.repository;
    case 'push':
      return event.references.some(({ tag }) => companionOf(tag)) ? event.repository : undefined;
    case 'ignored':
      return event.ignored === 'by-digest' ? event.repository : undefined;
  }
}
