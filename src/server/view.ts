import type { z } from 'zod';
import type { Sweep } from '../task/store.ts';
import type { Attempt, Task } from '../task/task.ts';
import type { schemas } from './schema.ts';

/*
 * What the product keeps, as the admin API shows it: both ends as one object each, times in RFC 3339. Members
 * that are `undefined` do not appear in the JSON.
 */

export function taskView(task: Task): z.input<typeof schemas.Task> {
  return {
    id: task.id,
    state: task.state,
    rule: task.rule,
    source: { registry: task.source, repository: task.sourceRepository, tag: task.sourceTag },
    destination: {
      registry: task.destination,
      repository: task.destinationRepository,
      tag: task.destinationTag,
    },
    door: task.door,
    cause: task.cause,
    force: task.force,
    attemptCount: task.attempts,
    createdAt: timestamp(task.createdAt),
    wantedAt: timestamp(task.wantedAt),
    nextAttemptAt: task.state === 'retryable' ? timestamp(task.runAt) : undefined,
    startedAt: optional(task.startedAt),
    finishedAt: optional(task.finishedAt),
    outcome: task.outcome,
    reason: task.reason,
    message: task.message,
    digest: task.digest,
    bytes: task.bytes,
  };
}

export function attemptView(attempt: Attempt): z.input<typeof schemas.TaskWithAttempts>['attempts'][number] {
  return {
    number: attempt.number,
    startedAt: timestamp(attempt.startedAt),
    finishedAt: timestamp(attempt.finishedAt),
    outcome: attempt.outcome,
    reason: attempt.reason,
    message: attempt.message,
    digest: attempt.digest,
    bytes: attempt.bytes,
    blobs: { copied: attempt.copied, mounted: attempt.mounted, skipped: attempt.skipped },
  };
}

export function sweepView(sweep: Sweep): z.input<typeof schemas.Sweep> {
  return {
    ...sweep,
    startedAt: timestamp(sweep.startedAt),
    finishedAt: optional(sweep.finishedAt),
  };
}

export function timestamp(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

export function optional(milliseconds: number | undefined): string | undefined {
  return milliseconds === undefined ? undefined : timestamp(milliseconds);
}
