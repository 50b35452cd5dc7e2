import type { Clock } from '../clock.ts';
import type { Digest } from '../oci/digest.ts';
import { Dispatcher } from '../task/dispatcher.ts';
import type { TaskEvent } from '../task/dispatcher.ts';
import { OneShot } from '../task/one-shot.ts';
import type { Task } from '../task/task.ts';
import { work } from '../task/worker.ts';
import type { Work, WorkerOptions } from '../task/worker.ts';
import { Accounts } from './accounts.ts';
import type { Journal } from './journal.ts';
import { destinationOf, sourceOf } from './outcome.ts';
import type { TagOutcome } from './outcome.ts';
import type { Plan } from './plan.ts';

export interface RunOptions extends Pick<WorkerOptions, 'ends' | 'asked' | 'policy' | 'onWrite'> {
  /** What is to be copied, as far as it was found when the signal was aborted. `onRetry` is told of each further attempt. */
  plan(signal: AbortSignal, onRetry: (attempt: number) => void): Promise<Plan>;
  /** Tags copied at once. */
  width: number;
  /** Write manifests also where they are already. */
  force: boolean;
  clock: Clock;
  journal: Pick<Journal, 'expect' | 'tag' | 'attempt' | 'retry' | 'warn'>;
  /** Told of every tag that is at its destination, and of what it names there. */
  onThere(task: Task, digest: Digest): void;
}

/** How far a run is. */
export interface Progress {
  /** Tags in all; `undefined` until the lists are there. */
  tags: number | undefined;
  ended: number;
  failed: number;
  /** What is being copied now, begun first in front: the source, and for how long (ms). */
  underWay: { source: string; age: number }[];
}

/** One run, from what is planned to the outcome of every tag. */
export class Run {
  readonly #options: RunOptions;
  readonly #stop = new AbortController();
  readonly #underWay = new Map<number, Task>();
  /** What attempts came to, until their tasks are settled. */
  readonly #done = new Map<number, Pick<Work, 'result' | 'wrote'>>();
  #accounts = new Accounts({ copies: [], skipped: [], failures: [] });
  #tags: number | undefined;
  #ended = 0;
  #failed = 0;
  /** Attempts that rules, then tags, have got so far: each more than the first is a round of retries. */
  #round = 1;

  constructor(options: RunOptions) {
    this.#options = options;
  }

  /** To the end, or until it is stopped; never fails: what failed is in the accounts. */
  async run(): Promise<Accounts> {
    const plan = await this.#options.plan(this.#stop.signal, (attempt) => this.#retrying(attempt));
    this.#accounts = new Accounts(plan);
    this.#tags = plan.copies.length;
    await this.#copy(plan);
    return this.#accounts;
  }

  /** Ends what is under way. */
  stop(): void {
    this.#stop.abort(new Error('the run was stopped'));
  }

  get stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  get progress(): Progress {
    const now = this.#options.clock.now();
    const underWay = [...this.#underWay.values()].map((task) => {
      return { source: sourceOf(task), age: now - (task.startedAt ?? now) };
    });
    return { tags: this.#tags, ended: this.#ended, failed: this.#failed, underWay };
  }

  async #copy({ copies, skipped }: Plan): Promise<void> {
    const { width, force, clock, journal } = this.#options;
    for (const { copy, message } of skipped)
      journal.warn(`${sourceOf(copy)} is not copied to ${destinationOf(copy)}: ${message}`);
    journal.expect(copies.length);
    if (copies.length === 0 || this.stopped) return;
    this.#round = 1;
    const store = new OneShot(copies, { force, now: clock.now() });
    const { promise: done, resolve } = Promise.withResolvers<void>();
    const dispatcher = new Dispatcher({
      store,
      work: (task, signal) => this.#work(task, signal),
      clock,
      concurrency: width,
      destinations: 1,
      longestWait: Number.POSITIVE_INFINITY,
      listener: (event) => {
        this.#told(event);
        if (store.unfinished === 0) resolve();
      },
    });
    this.#stop.signal.addEventListener('abort', () => resolve(), { once: true });
    dispatcher.wake();
    await done;
    await dispatcher.stop(0);
  }

  async #work(task: Task, signal: AbortSignal): ReturnType<typeof work> {
    const done = await work(task, { ...this.#options, wanted: () => true }, signal);
    this.#done.set(task.id, done);
    return done;
  }

  /** An attempt begins: the first one that is so late is a round's. */
  #retrying(attempt: number): void {
    if (attempt <= this.#round) return;
    this.#round = attempt;
    this.#options.journal.retry();
  }

  #told(event: TaskEvent): void {
    if (event.kind === 'storage-failed') throw event.error;
    const { task } = event;
    if (event.kind === 'started') return this.#started(task);
    this.#underWay.delete(task.id);
    if (event.kind === 'settled') return this.#settled(event);
    if (event.kind === 'faulted') this.#ends(this.#accounts.fault(task, event.error));
  }

  #started(task: Task): void {
    this.#underWay.set(task.id, task);
    this.#retrying(task.attempts);
  }

  #settled({ task, attempt }: Extract<TaskEvent, { kind: 'settled' }>): void {
    const { journal, onThere } = this.#options;
    const { result, wrote = false } = this.#done.get(task.id) ?? {};
    this.#done.delete(task.id);
    if (task.state === 'retryable') {
      this.#accounts.retry(task, attempt, wrote);
      const ends = { source: sourceOf(task), destination: destinationOf(task) };
      return journal.attempt(ends, `${task.reason}: ${task.message}`);
    }
    const tag = this.#accounts.settle(task, attempt, result);
    const { digest, destinationDigest } = tag;
    const isThere = tag.outcome === 'copied' || tag.outcome === 'unchanged';
    // Before it is told: whoever reads that it is there may kill this process.
    if (isThere && digest !== undefined) onThere(task, destinationDigest ?? digest);
    this.#ends(tag);
  }

  #ends(tag: TagOutcome): void {
    this.#ended++;
    if (tag.outcome === 'failed') this.#failed++;
    this.#options.journal.tag(tag);
  }
}
