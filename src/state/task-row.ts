import type { Attempt, Task } from '../task/task.ts';

type Nullable<T> = { [K in keyof T]-?: Exclude<T[K], undefined> | null };

type Maybe = 'cause' | 'startedAt' | 'finishedAt' | 'outcome' | 'reason' | 'message' | 'digest' | 'bytes';

/** A task as the database gives it. */
export type TaskRow = Omit<Task, Maybe | 'force'> & Nullable<Pick<Task, Maybe>> & { force: number };

/** The columns of a `TaskRow`. */
export const taskColumns = `
  id, state, door, cause, force, rule, source, source_repository AS sourceRepository, source_tag AS sourceTag,
  destination, destination_repository AS destinationRepository, destination_tag AS destinationTag,
  generation, attempts, created_at AS createdAt, wanted_at AS wantedAt, run_at AS runAt,
  started_at AS startedAt, finished_at AS finishedAt, outcome, reason, message, digest, bytes`;

export function taskOf(row: TaskRow): Task {
  const { cause, force, startedAt, finishedAt, outcome, reason, message, digest, bytes, ...task } = row;
  return {
    ...task,
    force: force === 1,
    ...(cause !== null && { cause }),
    ...(startedAt !== null && { startedAt }),
    ...(finishedAt !== null && { finishedAt }),
    ...(outcome !== null && { outcome }),
    ...(reason !== null && { reason }),
    ...(message !== null && { message }),
    ...(digest !== null && { digest }),
    ...(bytes !== null && { bytes }),
  };
}

type MaybeAttempt = 'outcome' | 'reason' | 'message' | 'digest';

/** An attempt as the database gives it. */
export type AttemptRow = Omit<Attempt, MaybeAttempt> & Nullable<Pick<Attempt, MaybeAttempt>>;

/** The columns of an `AttemptRow`. */
export const attemptColumns = `
  number, started_at AS startedAt, finished_at AS finishedAt, outcome, reason, message, digest, bytes,
  copied, mounted, skipped`;

export function attemptOf({ outcome, reason, message, digest, ...attempt }: AttemptRow): Attempt {
  return {
    ...attempt,
    ...(outcome !== null && { outcome }),
    ...(reason !== null && { reason }),
    ...(message !== null && { message }),
    ...(digest !== null && { digest }),
  };
}
