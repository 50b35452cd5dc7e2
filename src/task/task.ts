import type { Digest } from '../oci/digest.ts';
import type { Reason } from '../copy/error.ts';
import type { Wanted } from '../rule/rule.ts';

/*
 * Words. A *task* is one wanted copy: (source repository and tag) → (destination repository and tag). An
 * *attempt* is one try at it. A *door* is the way a task came in. The *generation* of a task grows with
 * every push that joins it, so an attempt that began before the newest push knows that it is not the last.
 *
 *   (new) ──a name that cannot be──▶ discarded
 *     │
 *     ▼
 *   available ──claim──▶ running ──▶ completed      the destination holds what the source held
 *       ▲                   │  ├───▶ discarded      can never work, or gave up: `reason` says why
 *       │                   │  ├───▶ cancelled      asked to stop, or no rule wants it any more
 *       │                   │  └───▶ retryable      failed; tried again at `runAt`
 *       ├───────────────────┘            │
 *       │  a push joined, or stop        │
 *       └────────────────────────────────┘  `runAt` has come, what it waited for happened, a push joined, or retry
 *
 * available, retryable ──cancel──▶ cancelled. discarded, cancelled ──▶ available by the admin API's retry, or by a
 * sweep that still finds the difference, unless its digest was refused for good. At most one task for a destination
 * tag is unfinished (available, running or retryable).
 */
export const taskStates = [
  'available',
  'running',
  'retryable',
  'completed',
  'discarded',
  'cancelled',
] as const;
export type TaskState = (typeof taskStates)[number];

export const outcomes = ['copied', 'unchanged', 'source-gone'] as const;
/** How a task was completed. */
export type Outcome = (typeof outcomes)[number];

export const doors = ['webhook', 'admin', 'sweep'] as const;
/** How a task came in; also its urgency, the first being the most urgent. */
export type Door = (typeof doors)[number];

export const causes = [
  'tag-created-in-harbor',
  'delivery-failed',
  'copy-with-several-tags',
  'proxy-cache',
  'unknown',
] as const;
/**
 * Why no webhook told of a change: the tag was made in Harbor's UI or API, which tells nobody; every delivery failed;
 * a copy made several tags and named one; a proxy cache filled itself; or nobody knows.
 */
export type Cause = (typeof causes)[number];

/** Times are milliseconds since 1970. */
export interface Task extends Wanted {
  id: number;
  state: TaskState;
  door: Door;
  /** Of a change that no webhook told of. */
  cause?: Cause;
  /** Copy even if the destination already has the digest. */
  force: boolean;
  generation: number;
  /** Attempts begun and neither taken back by a stop nor spent on waiting. */
  attempts: number;
  createdAt: number;
  /** When the change was made at the source (the event's time), or first seen: the start of the lag. */
  wantedAt: number;
  /** Not before; the next attempt of a retryable task. */
  runAt: number;
  startedAt?: number;
  finishedAt?: number;
  /** Of the last attempt: */
  outcome?: Outcome;
  reason?: Reason;
  message?: string;
  /** What the source tag named: copied, or, with a `reason`, not copied. */
  digest?: Digest;
  bytes?: number;
}

/** What one attempt did. */
export interface Attempt {
  number: number;
  startedAt: number;
  finishedAt: number;
  outcome?: Outcome;
  reason?: Reason;
  message?: string;
  digest?: Digest;
  /** Of the blobs that were copied; what a cut sent again is not in it. */
  bytes: number;
  copied: number;
  mounted: number;
  skipped: number;
}
