import PQueue from 'p-queue';
import type { Clock } from '../clock.ts';
import { Multiset } from './multiset.ts';
import { repositoryOf, StorageError } from './store.ts';
import type { Busy, DispatchStore, Verdict } from './store.ts';
import type { Attempt, Task } from './task.ts';

/** One event in a task's life, for log and metrics. */
export type TaskEvent =
  | { kind: 'started'; task: Task }
  /** `task` is as it is now, after the verdict; `wantedAt` is of what the attempt was for: the start of its lag. */
  | { kind: 'settled'; task: Task; attempt: Attempt; verdict: Verdict; wantedAt: number }
  /** Stopped before its end, and not counted. */
  | { kind: 'released'; task: Task }
  /** Neither a result nor an abort came of it: a mistake in this program. The task is put back after a pause. */
  | { kind: 'faulted'; task: Task; error: unknown }
  /** The database did not answer; it is asked again. */
  | { kind: 'storage-failed'; error: StorageError };

export interface DispatcherOptions {
  store: DispatchStore;
  work(task: Task, signal: AbortSignal): Promise<{ attempt: Attempt; verdict: Verdict }>;
  clock: Clock;
  /** Tasks that run at once. */
  concurrency: number;
  /** Destinations that the rules name. */
  destinations: number;
  /** Milliseconds: no retryable task waits longer, unless the clock was set back meanwhile. */
  longestWait: number;
  listener(event: TaskEvent): void;
}

/** Milliseconds until a database that failed is asked again, or a task that met a mistake of ours is put back. */
const pause = 1000;
/** Retryable tasks made available in one transaction. */
const promoteBatch = 500;

class Stopped extends Error {}
class Cancelled extends Error {}

/**
 * Gives slots to tasks. The database is the queue: a task is claimed when a slot is free for it, so a million waiting
 * ones cost no memory; p-queue only limits how many run. Woken by whoever makes a task available, by the end
 * of a task, and when the next retryable one is due.
 */
export class Dispatcher {
  #options: DispatcherOptions;
  readonly #queue: PQueue;
  readonly #running = new Map<number, { task: Task; controller: AbortController }>();
  /** Of what runs. */
  readonly #repositories = new Multiset();
  readonly #destinations = new Multiset();
  #timer: { cancel(): void } | undefined;
  readonly #stop = new AbortController();

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#queue = new PQueue({ concurrency: options.concurrency });
  }

  /** Fills the free slots; call it after tasks became available. */
  wake(): void {
    // With every slot taken the end of a task wakes us.
    if (this.#stop.signal.aborted || this.#running.size >= this.#options.concurrency) return;
    this.#timer?.cancel();
    try {
      this.#fill();
      this.#rest();
    } catch (error) {
      this.#storageFailed(error);
      this.#timer = this.#options.clock.after(pause, () => this.wake());
    }
  }

  /** From now on; what runs beyond a lower `concurrency` comes to its end. */
  adjust(limits: Pick<DispatcherOptions, 'concurrency' | 'destinations' | 'longestWait'>): void {
    this.#options = { ...this.#options, ...limits };
    this.#queue.concurrency = limits.concurrency;
    this.wake();
  }

  /** Aborts a running task that the store has marked as cancelled. */
  cancel(id: number): void {
    this.#running.get(id)?.controller.abort(new Cancelled('cancelled by the admin API'));
  }

  /** Takes no new task; waits `grace` milliseconds for the running ones, then puts them back. */
  async stop(grace: number): Promise<void> {
    this.#stop.abort();
    this.#timer?.cancel();
    const impatience = this.#options.clock.after(grace, () => this.#abortAll());
    if (grace <= 0) this.#abortAll();
    await this.#queue.onIdle();
    impatience.cancel();
  }

  #abortAll(): void {
    for (const { controller } of this.#running.values()) controller.abort(new Stopped('stopping'));
  }

  #fill(): void {
    const { store, clock, concurrency, longestWait } = this.#options;
    store.promote(clock.now(), promoteBatch, longestWait);
    while (this.#running.size < concurrency) {
      const task = store.claim(clock.now(), this.#busy());
      if (task === undefined) return;
      this.#begin(task);
    }
  }

  /**
   * Neither a repository nor, where there are several, a destination ever takes the last slot, so that one with stalled
   * tasks cannot stop the others. Tasks of sweeps and of administrators leave a slot free, and one more of those that their
   * repository, or destination, may have: a push waits for no bulk run, its own repository's neither.
   */
  #busy(): Busy {
    const { concurrency, destinations } = this.#options;
    const most = Math.max(1, concurrency - 1);
    const having = (count: number): Pick<Busy, 'repositories' | 'destinations'> => ({
      repositories: this.#repositories.atLeast(count),
      destinations: this.#destinations.atLeast(destinations > 1 ? count : concurrency),
    });
    return {
      ...having(most),
      bulk: having(Math.max(1, most - 1)),
      doors: this.#running.size >= most ? new Set(['sweep', 'admin']) : new Set(),
    };
  }

  #rest(): void {
    const { store, clock } = this.#options;
    const next = store.nextRun();
    if (next === undefined) return;
    this.#timer = clock.after(Math.min(Math.max(next - clock.now(), 1), 60_000), () => this.wake());
  }

  #begin(task: Task): void {
    const controller = new AbortController();
    this.#running.set(task.id, { task, controller });
    this.#repositories.add(repositoryOf(task));
    this.#destinations.add(task.destination);
    this.#options.listener({ kind: 'started', task });
    void this.#queue.add(() => this.#run(task, controller.signal));
  }

  async #run(task: Task, signal: AbortSignal): Promise<void> {
    try {
      const { attempt, verdict } = await this.#options.work(task, signal);
      await this.#store(() => this.#settle(task, attempt, verdict));
    } catch (error) {
      await this.#interrupted(task, error);
    } finally {
      this.#ended(task);
      this.wake();
    }
  }

  #ended(task: Task): void {
    this.#running.delete(task.id);
    this.#repositories.remove(repositoryOf(task));
    this.#destinations.remove(task.destination);
  }

  #settle(claimed: Task, attempt: Attempt, verdict: Verdict): void {
    const { store, clock, listener } = this.#options;
    const task = store.settle(claimed, attempt, verdict, clock.now());
    listener({ kind: 'settled', task, attempt, verdict, wantedAt: claimed.wantedAt });
  }

  async #interrupted(task: Task, error: unknown): Promise<void> {
    if (error instanceof Cancelled) return this.#store(() => this.#cancelled(task, error));
    if (!(error instanceof Stopped)) {
      this.#options.listener({ kind: 'faulted', task, error });
      await this.#pause();
    }
    await this.#store(() => {
      this.#options.store.release([task.id], this.#options.clock.now());
      this.#options.listener({ kind: 'released', task });
    });
  }

  #cancelled(task: Task, { message }: Cancelled): void {
    const now = this.#options.clock.now();
    const attempt = { number: task.attempts, startedAt: task.startedAt ?? now, finishedAt: now, message };
    const nothing = { bytes: 0, copied: 0, mounted: 0, skipped: 0 };
    this.#settle(task, { ...attempt, ...nothing }, { kind: 'cancel' });
  }

  /** A result is not thrown away because the disk is full: it is stored as soon as there is room. */
  async #store(write: () => void): Promise<void> {
    for (;;) {
      try {
        return write();
      } catch (error) {
        this.#storageFailed(error);
        // On the way out the task stays marked as running, and the next start puts it back.
        if (this.#stop.signal.aborted) return;
        await this.#pause();
      }
    }
  }

  /** Ends early when the dispatcher stops. */
  async #pause(): Promise<void> {
    await this.#options.clock.sleep(pause, this.#stop.signal).catch(() => undefined);
  }

  #storageFailed(error: unknown): void {
    if (!(error instanceof StorageError)) throw error;
    this.#options.listener({ kind: 'storage-failed', error });
  }
}
