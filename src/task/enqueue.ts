import type { Clock } from '../clock.ts';
import { type Event, type PushEvent, releasedBy } from '../event/event.ts';
import { companionOf } from '../oci/companion.ts';
import type { Refused, Wanted } from '../rule/rule.ts';
import { type Entered, type EnqueueStore, type Entry, StorageError } from './store.ts';
import type { Cause } from './task.ts';

/** What the corridor asks of the rules. */
export interface Rules {
  /** The copies wanted of a tag; `of` are the tags of the digest that a companion tag belongs to. */
  match(repository: string, tag: string, of?: readonly string[]): (Wanted | Refused)[];
  /** Whether any rule still sends that source repository to that destination repository. */
  owns(source: string, sourceRepository: string, destination: string, destinationRepository: string): boolean;
}

export interface EnqueueOptions {
  store: EnqueueStore;
  /** The rules that hold now. */
  rules: () => Rules;
  clock: Clock;
  /** Called after a commit that left tasks to run. Must not throw. */
  onEntered?: () => void;
  /** Called for every push that a webhook tells of, wanted or not, when it is stored. Must not throw. */
  onPush?: (event: PushEvent) => void;
  /** Called for every entry, after its commit. Must not throw. */
  listener?: (entry: Entry, entered: Entered) => void;
}

/** What became of an event: the tasks that stand for it, or in one word why there are none. */
export interface Received {
  tasks: number[];
  ignored?: string;
}

interface Request {
  entry: Entry;
  resolve(entered: Entered): void;
  reject(error: unknown): void;
}

/** Wanted copies in one commit: enough to share the wait for the disk, few enough to keep it short. */
const batchSize = 500;

/** An event this much older than its arrival (ms) was dated by a wrong clock. */
const oldestCredible = 24 * 60 * 60 * 1000;

/**
 * The corridor behind all doors. Entries that arrive in the same turn of the event loop share one commit,
 * and so do those that arrive while it is made: under load the batches grow by themselves. A promise is
 * settled after its commit, so whoever awaited it may answer for it.
 */
export class Enqueue {
  readonly #options: EnqueueOptions;
  readonly #waiting: Request[] = [];

  constructor(options: EnqueueOptions) {
    this.#options = options;
  }

  /** Rejects with `StorageError` when the event could not be stored: it may be delivered again. */
  async receive(event: Event): Promise<Received> {
    const wanted = this.#match(event);
    const received = await this.#receive(event, wanted);
    if (event.kind === 'push') this.#options.onPush?.(event);
    return received;
  }

  async #receive(event: Event, wanted: Entry['wanted']): Promise<Received> {
    const ignored = ignoredOf(event, wanted);
    if (ignored !== undefined && !this.#isKept(event)) return { tasks: [], ignored };
    const tasks = [...new Set((await this.submit(this.#entryOf(event, wanted))).tasks)];
    return ignored !== undefined && tasks.length === 0 ? { tasks, ignored } : { tasks };
  }

  /** An event that no webhook has brought, and why; how many new tasks it made. Rejects as `receive` does. */
  async makeUp(event: Event, cause: Cause): Promise<number> {
    const wanted = this.#match(event);
    if (ignoredOf(event, wanted) !== undefined && !this.#isKept(event)) return 0;
    return (await this.submit({ ...this.#entryOf(event, wanted), cause })).created;
  }

  /** For the other doors, which know what they want. Rejects as `receive` does. */
  submit(entry: Entry): Promise<Entered> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ entry, resolve, reject });
      if (this.#waiting.length === 1) setImmediate(() => this.#flush());
    });
  }

  #entryOf(event: Event, wanted: Entry['wanted']): Entry {
    return { door: 'webhook', event, force: false, wantedAt: this.#wantedAt(event), wanted };
  }

  /**
   * Of what makes no task, deletions are remembered, since they explain why a tag is gone, and what may release tasks.
   * Pushes by digest are frequent: where nothing waits for one, it costs a look and no commit.
   */
  #isKept(event: Event): boolean {
    if (event.kind === 'ignored' && event.ignored === 'deletion') return true;
    const repository = releasedBy(event);
    return repository !== undefined && this.#options.store.awaitsRelease(repository);
  }

  #match(event: Event): (Wanted | Refused)[] {
    if (event.kind !== 'push') return [];
    const { repository, references } = event;
    const rules = this.#options.rules();
    return references.flatMap(({ tag }) => {
      const digest = companionOf(tag);
      return rules.match(repository, tag, digest ? this.#tagsOf(repository, digest) : []);
    });
  }

  /** A companion comes right behind the tags of its digest: they may still wait for their commit. */
  #tagsOf(repository: string, digest: string): string[] {
    const waiting = this.#waiting.flatMap(({ entry: { event } }) =>
      event?.kind === 'push' && event.repository === repository ? event.references : [],
    );
    const named = waiting.filter((reference) => reference.digest === digest).map(({ tag }) => tag);
    return [...this.#options.store.tagsOf(repository, digest), ...named];
  }

  #wantedAt({ occurredAt }: Event): number {
    const now = this.#options.clock.now();
    const credible = occurredAt > 0 && occurredAt >= now - oldestCredible;
    return credible ? Math.min(Math.trunc(occurredAt), now) : now;
  }

  #flush(): void {
    const batch = this.#waiting.splice(0, this.#nextBatch());
    if (this.#waiting.length > 0) setImmediate(() => this.#flush());
    this.#commit(batch);
  }

  /** How many entries make one batch; at least one, however much it wants. */
  #nextBatch(): number {
    let copies = 0;
    const end = this.#waiting.findIndex(({ entry }, index) => {
      copies += Math.max(entry.wanted.length, 1);
      return index > 0 && copies > batchSize;
    });
    return end < 0 ? this.#waiting.length : end;
  }

  #commit(batch: Request[]): void {
    let entered: Entered[];
    try {
      entered = this.#enter(batch);
    } catch (error) {
      this.#fail(batch, error);
      return;
    }
    const requests = batch.values();
    for (const result of entered) requests.next().value?.resolve(result);
    const { listener } = this.#options;
    if (listener) entered.forEach((result, index) => batch[index] && listener(batch[index].entry, result));
    if (entered.some(({ tasks }) => tasks.length > 0)) this.#options.onEntered?.();
  }

  #enter(batch: Request[]): Entered[] {
    const { store, clock } = this.#options;
    const entries = batch.map(({ entry }) => entry);
    return store.enter(entries, clock.now(), (owner, { destination, destinationRepository }) =>
      this.#options.rules().owns(owner.source, owner.sourceRepository, destination, destinationRepository),
    );
  }

  /** The disk refuses all alike; a mistake in one entry must not cost the others their commit. */
  #fail(batch: Request[], error: unknown): void {
    if (error instanceof StorageError || batch.length === 1)
      for (const request of batch) request.reject(error);
    else for (const request of batch) this.#commit([request]);
  }
}

/** Why an event is not for us. Of those, only deletions are remembered: they explain why a tag is gone. */
function ignoredOf(event: Event, wanted: readonly unknown[]): string | undefined {
  if (event.kind === 'ignored') return event.ignored;
  return event.kind === 'push' && wanted.length === 0 ? 'no-rule' : undefined;
}
