import { CopyError, failureOf } from '../copy/error.ts';
import type { Reason } from '../copy/error.ts';
import type { Clock } from '../clock.ts';
import type { Verdict } from './store.ts';
import type { Task } from './task.ts';

export interface RetryPolicy {
  /** Attempts in all before a task is given up. */
  attempts: number;
  /** Milliseconds after the first failure, and at most. */
  first: number;
  max: number;
  /** Somebody waits for the end: what a run does, and no mirror. */
  impatient?: true;
}

/*
 * What a failure means for its task, the one table:
 *   never   the same attempt can only fail again
 *   count   an attempt is spent; after the last one the task is discarded
 *   wait    the other side is not ready, which says nothing about this copy: no attempt is spent
 */
type Kind = 'never' | 'count' | 'wait';

/** Of a task, what its retries depend on. */
export type Tried = Pick<Task, 'attempts' | 'wantedAt'>;

/** For a mirror, which has all the time there is, and for a run, which has an end: what only people can change is over there. */
const kinds: Record<Reason, { mirror: Kind; run: Exclude<Kind, 'wait'> }> = {
  'artifact-refused': { mirror: 'never', run: 'never' },
  'destination-immutable': { mirror: 'never', run: 'never' },
  'name-invalid': { mirror: 'never', run: 'never' },
  'name-collision': { mirror: 'never', run: 'never' },
  'source-denied': { mirror: 'count', run: 'never' },
  'destination-denied': { mirror: 'count', run: 'never' },
  'not-found': { mirror: 'count', run: 'never' },
  tls: { mirror: 'wait', run: 'never' },
  'source-policy': { mirror: 'wait', run: 'count' },
  'rate-limited': { mirror: 'wait', run: 'count' },
  unreachable: { mirror: 'wait', run: 'count' },
  timeout: { mirror: 'wait', run: 'count' },
  corrupt: { mirror: 'count', run: 'count' },
  protocol: { mirror: 'count', run: 'count' },
  internal: { mirror: 'count', run: 'count' },
};

/** Whether a task that failed for it is discarded at once: only another digest, or people, can change that. */
export function isFinal(reason: Reason): boolean {
  return kinds[reason].mirror === 'never';
}

/** A registry that wants to be left alone for longer (ms) is not waited for by a run. */
const longestPause = 5 * 60_000;

/** Permissions are changed by people: asking again within seconds only fills logs, here and there. */
const deniedPause = 60_000;

/** A run waits about as long as image-syncer for a registry that does not say when it may be asked again. */
const limitedPause = 16_000;

/** What to do with a task whose attempt failed with `error`. */
export function verdictOf(error: unknown, task: Tried, policy: RetryPolicy, clock: Clock): Verdict {
  const { reason, message } = failureOf(error);
  const kind = kinds[reason][policy.impatient ? 'run' : 'mirror'];
  if (kind === 'never') return { kind: 'discard', reason, message };
  if (kind === 'count' && task.attempts >= policy.attempts) {
    return { kind: 'discard', reason, message: gaveUp(task, message) };
  }
  const asked = error instanceof CopyError ? (error.retryAt ?? 0) : 0;
  if (policy.impatient && asked - clock.now() > longestPause) return { kind: 'discard', reason, message };
  const delay = kind === 'wait' ? waiting(task, policy, clock) : failing(task, policy, clock, reason);
  return {
    kind: 'retry',
    // Whole milliseconds: the database takes no other.
    at: Math.ceil(Math.max(clock.now() + delay, asked)),
    reason,
    message,
    waited: kind === 'wait',
  };
}

function gaveUp({ attempts }: Tried, message: string): string {
  return attempts === 1 ? message : `gave up after ${attempts} attempts: ${message}`;
}

/** Doubles with each attempt spent; between half and all of it, so that tasks that failed together part. */
function failing(task: Tried, policy: RetryPolicy, clock: Clock, reason: Reason): number {
  const full = Math.min(policy.first * 2 ** Math.max(0, task.attempts - 1), policy.max);
  const floor = Math.min(floorOf(reason), policy.max);
  return Math.max(full, floor) * (0.5 + clock.random() / 2);
}

function floorOf(reason: Reason): number {
  if (reason === 'rate-limited') return limitedPause;
  return reason.endsWith('-denied') ? deniedPause : 0;
}

/** Half of the time since it was wanted: soon after a push, seldom in a long outage, and without a count of the waits. */
function waiting(task: Tried, policy: RetryPolicy, clock: Clock): number {
  const waited = (clock.now() - task.wantedAt) / 2;
  return Math.min(Math.max(waited, policy.first), policy.max) * (0.5 + clock.random() / 2);
}
