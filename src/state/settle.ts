import type { Verdict } from '../task/store.ts';
import type { Attempt, Task, TaskState } from '../task/task.ts';

/** What the row of a running task says at its end. */
export interface Running {
  state: TaskState;
  generation: number;
  attempts: number;
  force: number;
  wantedAt: number;
  /** Of the pushes that joined since the claim, the oldest; or when the source began to hold back nothing more. */
  nextWantedAt: number | null;
  nextForce: number | null;
  cancelRequestedAt: number | null;
}

/** What the row says from then on. */
export interface Settled {
  state: TaskState;
  attempts: number;
  force: number;
  wantedAt: number;
  runAt: number;
  finishedAt: number | null;
  outcome: string | null;
  reason: string | null;
  message: string | null;
}

/**
 * The end of an attempt. A cancellation asked for is the newest word (a push that joined after it has taken
 * it back); then a push that joined since the claim; then the verdict.
 */
export function settled(
  claimed: Task,
  row: Running,
  attempt: Attempt,
  verdict: Verdict,
  now: number,
): Settled {
  const same = {
    attempts: row.attempts,
    force: row.force,
    wantedAt: row.wantedAt,
    runAt: claimed.runAt,
    finishedAt: null,
    outcome: null,
    reason: attempt.reason ?? null,
    message: messageOf(attempt),
  };
  if (row.cancelRequestedAt !== null) return { ...same, state: 'cancelled', finishedAt: now };
  const joined = row.generation !== claimed.generation;
  // What held it back may have ended after it had asked.
  const heldBack = verdict.kind === 'retry' && verdict.reason === 'source-policy';
  const released = heldBack && row.nextWantedAt !== null;
  if (joined || released || (verdict.kind === 'complete' && verdict.again))
    return { ...same, ...again(row, verdict, now) };
  return { ...same, ...ended(row, verdict, now) };
}

/** A reason always has words, if empty ones; a cancellation has words and no reason. */
export function messageOf({ reason, message }: Attempt): string | null {
  return message ?? (reason === undefined ? null : '');
}

/** What the verdict changes. */
function ended(row: Running, verdict: Verdict, now: number) {
  switch (verdict.kind) {
    case 'complete': {
      const { outcome } = verdict;
      return { state: 'completed', finishedAt: now, outcome, reason: null, message: null } as const;
    }
    case 'retry': {
      const { reason, message, at, waited } = verdict;
      const attempts = row.attempts - (waited ? 1 : 0);
      return { state: 'retryable', runAt: at, attempts, reason, message } as const;
    }
    case 'discard':
      return {
        state: 'discarded',
        finishedAt: now,
        reason: verdict.reason,
        message: verdict.message,
      } as const;
    case 'cancel':
      return { state: 'cancelled', finishedAt: now } as const;
  }
}

/** Available with no attempt spent. What a completed attempt has done is not wanted any more; else it still is. */
function again(row: Running, verdict: Verdict, now: number) {
  const done = verdict.kind === 'complete';
  const next = { wantedAt: row.nextWantedAt ?? now, force: row.nextForce ?? 0 };
  return {
    state: 'available' as const,
    attempts: 0,
    runAt: now,
    wantedAt: done ? next.wantedAt : Math.min(row.wantedAt, next.wantedAt),
    force: done ? next.force : Math.max(row.force, next.force),
  };
}
