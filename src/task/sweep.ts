import type { Clock } from '../clock.ts';
import type { NameFindings } from '../rule/mapping.ts';
import type { Refused, Wanted } from '../rule/rule.ts';
import type { Account } from './catch-up.ts';
import type { NameRules, NameStore } from './names.ts';
import type { PlanRules } from './plan.ts';
import type { Ends, RecordStore } from './record.ts';
import type { Registries } from './registries.ts';
import { SweepRun } from './sweep-run.ts';
import { StorageError } from './store.ts';
import type { Entered, Entry, PositionStore, Sweep, SweepStore } from './store.ts';

/** What a sweep needs of the rules. */
export interface SweepRules extends PlanRules, NameRules {
  /** The copies that the rules want of a tag, or `only` the rule of that name. */
  match(repository: string, tag: string, of?: readonly string[], only?: string): (Wanted | Refused)[];
  /** Whether a rule declares that the source tag of this copy never moves. */
  isImmutable(copy: Ends): boolean;
  /** Whether any does, of any tag. */
  readonly hasImmutable: boolean;
}

export interface SweepOptions {
  store: SweepStore;
  names: NameStore;
  positions: PositionStore;
  records: RecordStore;
  registries: Registries;
  rules: SweepRules;
  submit(entry: Entry): Promise<Entered>;
  /** Tags that events have named for a digest in a source repository. */
  announced(repository: string, digest: string): string[];
  /** Takes in what a source remembers of changes that no webhook told of. Throws as a sweep does. */
  catchUp(source: string, account: Account, signal: AbortSignal): Promise<void>;
  /** Of trusted records and of repositories, from 0 to 1: what is looked at though nothing says that it has changed. */
  auditShare: number;
  /** Tags of a source looked at at once; by default few, for events come first. */
  width?: number;
  /** Told of each copy that is compared, before it is. */
  onCompare?(copy: Wanted): void;
  /** Told of what is wrong with the names of whole sources, each time that more is known. */
  onFindings?(findings: NameFindings): void;
  clock: Clock;
  /** Called when a sweep has ended. */
  listener(sweep: Sweep): void;
}

type Request = Pick<Sweep, 'rule' | 'dryRun' | 'trigger'>;

/**
 * Compares both ends and enqueues what differs through the same door as an event. One at a time. A sweep that a stop or a
 * crash has interrupted goes on where it was.
 */
export class Sweeper {
  readonly #options: SweepOptions;
  #current: { id: number; controller: AbortController; done: Promise<void> } | undefined;

  constructor(options: SweepOptions) {
    this.#options = options;
  }

  /** Begins a sweep and returns its id; `undefined` when one is running. Throws `StorageError`. */
  start(request: Request): number | undefined {
    if (this.#current !== undefined) return undefined;
    return this.#begin(this.#options.store.begin(request, this.#options.clock.now()));
  }

  /** Goes on with the sweep that was interrupted, if one was and none is running. Throws `StorageError`. */
  resume(): number | undefined {
    if (this.#current !== undefined) return undefined;
    const sweep = this.#options.store.interrupted();
    return sweep && this.#begin(sweep);
  }

  /** The id of the sweep that runs now. */
  get running(): number | undefined {
    return this.#current?.id;
  }

  /** Resolves when none is running. */
  async idle(): Promise<void> {
    await this.#current?.done;
  }

  async stop(): Promise<void> {
    this.#current?.controller.abort(new Error('interrupted: tagferry was stopped'));
    await this.#current?.done;
  }

  #begin(sweep: Sweep): number {
    const controller = new AbortController();
    const done = this.#run(sweep, controller.signal).finally(() => {
      this.#current = undefined;
    });
    this.#current = { id: sweep.id, controller, done };
    return sweep.id;
  }

  async #run(sweep: Sweep, signal: AbortSignal): Promise<void> {
    const { clock, listener } = this.#options;
    try {
      await new SweepRun(sweep, this.#options, signal).run();
      sweep.state = 'completed';
    } catch (error) {
      // Its parts are written down: the next start goes on with them.
      if (signal.aborted) return;
      sweep.state = 'failed';
      sweep.errors = [error instanceof Error ? error.message : String(error), ...sweep.errors];
    }
    sweep.finishedAt = clock.now();
    this.#save(sweep);
    listener(sweep);
  }

  /** Not kept as ended, it goes on at the next start. */
  #save(sweep: Sweep): void {
    try {
      this.#options.store.save(sweep);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      sweep.errors = [...sweep.errors, error.message];
    }
  }
}
