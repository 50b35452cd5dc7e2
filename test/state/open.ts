import { join } from 'node:path';
import type { Event, PushEvent } from '../../src/event/event.ts';
import type { Digest } from '../../src/oci/digest.ts';
import type { Wanted } from '../../src/rule/rule.ts';
import type { DatabaseOptions } from '../../src/state/database.ts';
import { openState, type State } from '../../src/state/state.ts';
import type { Busy, Entry } from '../../src/task/store.ts';
import type { Attempt, Task } from '../../src/task/task.ts';
import { type Ending, makeTemporary, removeTemporary } from '../support/temporary.ts';

export const nobody: Busy = {};

/** A database in a folder of its own; closed and removed after the test. */
export async function temporaryState(
  t: Ending,
  options: DatabaseOptions = {},
): Promise<{ state: State; file: string; reopen: () => State }> {
  const folder = await makeTemporary();
  const file = join(folder, 'data', 'tagferry.db');
  let state = openState(file, options);
  t.after(async () => {
    state.close();
    await removeTemporary(folder);
  });
  const reopen = () => {
    state.close();
    return (state = openState(file, options));
  };
  return { state, file, reopen };
}

/** `library/app:v1` of `harbor`, wanted at `acr` under the same name, but for what is said otherwise. */
export function wanted(other: Partial<Wanted> = {}): Wanted {
  const sourceRepository = other.sourceRepository ?? 'library/app';
  const sourceTag = other.sourceTag ?? 'v1';
  return {
    rule: 'library',
    source: 'harbor',
    sourceRepository,
    sourceTag,
    destination: 'acr',
    destinationRepository: sourceRepository,
    destinationTag: sourceTag,
    ...other,
  };
}

export function pushed(tag = 'v1', other: Partial<PushEvent> = {}): PushEvent {
  return {
    kind: 'push',
    type: 'PUSH_ARTIFACT',
    repository: 'library/app',
    references: [{ tag, digest: digestOf(1) }],
    occurredAt: 1_000,
    ...other,
  };
}

export function scanned(repository = 'library/app'): Event {
  return { kind: 'scan', type: 'SCANNING_COMPLETED', repository, occurredAt: 1_000 };
}

export function entry(what: readonly Entry['wanted'][number][], other: Partial<Entry> = {}): Entry {
  return { door: 'webhook', force: false, wantedAt: 1_000, wanted: what, ...other };
}

/** Through the door alone; the task that stands for it. */
export function enter(state: State, what: Entry['wanted'][number], other: Partial<Entry> = {}, now = 1_000) {
  const [entered] = state.enqueue.enter([entry([what], other)], now, () => true);
  return { task: taskOf(state, entered?.tasks[0]), created: entered?.created };
}

export function taskOf(state: State, id: number | undefined): Task {
  const found = id === undefined ? undefined : state.tasks.get(id);
  if (!found) throw new RangeError(`there is no task ${id}`);
  return found.task;
}

export function claim(state: State, now = 2_000, busy = nobody): Task {
  const task = state.dispatch.claim(now, busy);
  if (!task) throw new RangeError('there is no task to claim');
  return task;
}

export function attempt(task: Task, other: Partial<Attempt> = {}): Attempt {
  const counts = { bytes: 0, copied: 0, mounted: 0, skipped: 0 };
  return { number: task.attempts, startedAt: 2_000, finishedAt: 3_000, ...counts, ...other };
}

export const failed = { reason: 'unreachable', message: 'no route to host' } as const;

/** Claims and settles so that the task is in the state. */
export function finish(state: State, now = 3_000, digest = digestOf(1)): Task {
  const task = claim(state);
  return state.dispatch.settle(
    task,
    attempt(task, { outcome: 'copied', digest, finishedAt: now }),
    { kind: 'complete', outcome: 'copied', again: false },
    now,
  );
}

export function postpone(state: State, at: number, reason: 'unreachable' | 'source-policy' = 'unreachable') {
  const task = claim(state);
  const why = { reason, message: 'later' };
  return state.dispatch.settle(
    task,
    attempt(task, why),
    { kind: 'retry', at, waited: reason === 'source-policy', ...why },
    3_000,
  );
}

export function discard(state: State): Task {
  const task = claim(state);
  return state.dispatch.settle(task, attempt(task, failed), { kind: 'discard', ...failed }, 3_000);
}

export function digestOf(n: number): Digest {
  return `sha256:${n.toString(16).padStart(64, '0')}`;
}
