import type { Wanted } from '../rule/rule.ts';
import type { DispatchStore, Verdict } from './store.ts';
import type { Attempt, Task, TaskState } from './task.ts';

const ends = {
  complete: 'completed',
  retry: 'retryable',
  discard: 'discarded',
  cancel: 'cancelled',
} as const;

/**
 * The tasks of one run, in memory, first come first served: what failed stands behind all that has not been tried yet.
 * Their ids are their places in `wanted`, from 1. Unlike a mirror's they do not go again when the source moves on: that
 * is for the next run.
 */
export class OneShot implements DispatchStore {
  readonly #available: Task[];
  readonly #retryable = new Map<number, Task>();
  /** Of `#available`, what has been claimed. */
  #claimed = 0;
  readonly #unfinished: Set<number>;

  constructor(wanted: readonly Wanted[], options: { force: boolean; now: number }) {
    this.#available = wanted.map((copy, index) => newTask(copy, index + 1, options));
    this.#unfinished = new Set(this.#available.map(({ id }) => id));
  }

  /** Tasks that have not come to an end. */
  get unfinished(): number {
    return this.#unfinished.size;
  }

  claim(now: number): Task | undefined {
    const task = this.#available[this.#claimed];
    if (task === undefined) return undefined;
    this.#claimed++;
    return { ...task, state: 'running', attempts: task.attempts + 1, startedAt: now };
  }

  settle(claimed: Task, attempt: Attempt, verdict: Verdict, now: number): Task {
    const { outcome, reason, digest } = attempt;
    // Who gives up says after how many attempts.
    const { message } = verdict.kind === 'discard' ? verdict : attempt;
    const told = { ...(outcome && { outcome }), ...(reason && { reason }), ...(message && { message }) };
    const state: TaskState = ends[verdict.kind];
    const task: Task = { ...claimed, ...told, ...(digest && { digest }), state, bytes: attempt.bytes };
    if (verdict.kind === 'retry') {
      const waiting = { ...task, runAt: verdict.at };
      this.#retryable.set(task.id, waiting);
      return waiting;
    }
    this.#unfinished.delete(task.id);
    return { ...task, finishedAt: now };
  }

  /** What a stop has interrupted, or a mistake of this program: there is no other attempt in this run. */
  release(ids: readonly number[]): void {
    for (const id of ids) this.#unfinished.delete(id);
  }

  /** Nothing while something has not been claimed: what is waiting stands behind it anyway, and may be long. */
  promote(now: number, limit: number): number {
    if (this.#hasAvailable) return 0;
    const due = [...this.#retryable.values()].filter(({ runAt }) => runAt <= now).slice(0, limit);
    for (const task of due) {
      this.#retryable.delete(task.id);
      this.#available.push({ ...task, state: 'available' });
    }
    return due.length;
  }

  /** `undefined` also while something has not been claimed: the end of a task is waited for then. */
  nextRun(): number | undefined {
    if (this.#hasAvailable) return undefined;
    const times = [...this.#retryable.values()].map(({ runAt }) => runAt);
    return times.length === 0 ? undefined : times.reduce((a, b) => Math.min(a, b));
  }

  get #hasAvailable(): boolean {
    return this.#claimed < this.#available.length;
  }
}

function newTask(copy: Wanted, id: number, { force, now }: { force: boolean; now: number }): Task {
  const times = { createdAt: now, wantedAt: now, runAt: now };
  return { ...copy, id, state: 'available', door: 'admin', force, generation: 1, attempts: 0, ...times };
}
