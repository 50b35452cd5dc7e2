import type { Clock } from '../clock.ts';
import { RegistryError } from '../copy/error.ts';
import type { Refused, Wanted } from '../rule/rule.ts';
import { submitInBatches } from './batch.ts';
import { Comparison } from './comparison.ts';
import { addRepositories } from './listed.ts';
import type { Registries } from './registries.ts';
import { StorageError } from './store.ts';
import type { Entered, Entry, Sweep, SweepStore } from './store.ts';

/** What a sweep needs of the rules. */
export interface SweepRules {
  match(repository: string, tag: string, of?: readonly string[]): (Wanted | Refused)[];
  matchesRepository(rule: string, repository: string): boolean;
  sources(
    rule?: string,
  ): readonly { rule: string; source: string; repositories: readonly string[]; needsList: boolean }[];
}

export interface SweepOptions {
  store: SweepStore;
  registries: Registries;
  rules: SweepRules;
  submit(entry: Entry): Promise<Entered>;
  clock: Clock;
  /** Called when a sweep has ended. */
  listener(sweep: Sweep): void;
}

type Request = Pick<Sweep, 'rule' | 'dryRun' | 'trigger'>;

/** Error lines kept with a sweep; all are counted. */
const keptErrors = 20;

/**
 * Compares both ends, repository by repository, and enqueues what differs through the same door as an event. One at
 * a time. What cannot be compared is counted and named, and does not stop the rest.
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
    const sweep = this.#options.store.begin(request, this.#options.clock.now());
    const controller = new AbortController();
    const done = this.#run(sweep, controller.signal).finally(() => {
      this.#current = undefined;
    });
    this.#current = { id: sweep.id, controller, done };
    return sweep.id;
  }

  /** The id of the sweep that runs now. */
  get running(): number | undefined {
    return this.#current?.id;
  }

  async stop(): Promise<void> {
    this.#current?.controller.abort(new Error('interrupted: tagferry was stopped'));
    await this.#current?.done;
  }

  async #run(sweep: Sweep, signal: AbortSignal): Promise<void> {
    try {
      for (const [registry, repositories] of await this.#repositories(sweep, signal)) {
        for (const repository of repositories) await this.#compare(sweep, registry, repository, signal);
      }
      sweep.state = 'completed';
    } catch (error) {
      sweep.state = 'failed';
      note(sweep, error instanceof Error ? error.message : String(error));
    }
    sweep.finishedAt = this.#options.clock.now();
    this.#save(sweep);
    this.#options.listener(sweep);
  }

  /** By source registry, in the order of their names: every repository that a rule of the sweep matches. */
  async #repositories(sweep: Sweep, signal: AbortSignal): Promise<Map<string, string[]>> {
    const { rules, store } = this.#options;
    const sources = rules.sources(sweep.rule);
    const found = new Map<string, string[]>();
    for (const source of new Set(sources.map((one) => one.source))) {
      const here = sources.filter((one) => one.source === source);
      const names = new Set(here.flatMap((one) => one.repositories));
      if (here.some((one) => one.needsList)) {
        for (const name of store.repositories()) names.add(name);
        await this.#list(sweep, source, names, signal);
      }
      const matched = [...names].filter((name) =>
        here.some((one) => rules.matchesRepository(one.rule, name)),
      );
      found.set(source, matched.sort());
    }
    return found;
  }

  async #list(sweep: Sweep, source: string, names: Set<string>, signal: AbortSignal): Promise<void> {
    try {
      await addRepositories(names, source, this.#options.registries, signal);
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error;
      sweep.failed++;
      note(
        sweep,
        `${source} does not list its repositories, so only the ${names.size} known ones are compared: ${error.message}`,
      );
    }
  }

  async #compare(sweep: Sweep, registry: string, repository: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { registries, rules } = this.#options;
    const match = (name: string, tag: string, of?: readonly string[]): (Wanted | Refused)[] =>
      rules.match(name, tag, of).filter((copy) => sweep.rule === undefined || copy.rule === sweep.rule);
    try {
      const compared = await new Comparison({ registries, match, signal }, registry, repository).run();
      sweep.listed += compared.listed;
      sweep.unchanged += compared.unchanged;
      sweep.failed += compared.errors.length;
      for (const line of compared.errors) note(sweep, line);
      await this.#enqueue(sweep, compared.different);
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error;
      sweep.failed++;
      note(sweep, `${registry}/${repository}: ${error.message}`);
    }
    this.#save(sweep);
  }

  async #enqueue(sweep: Sweep, different: Entry['wanted']): Promise<void> {
    sweep.enqueued += different.length;
    if (sweep.dryRun || different.length === 0) return;
    const wantedAt = this.#options.clock.now();
    const entry = { door: 'sweep', force: false, wantedAt, wanted: different } as const;
    const entered = await submitInBatches(this.#options.submit, entry);
    sweep.missed += entered.created;
  }

  #save(sweep: Sweep): void {
    try {
      this.#options.store.save(sweep);
    } catch (error) {
      // The comparison goes on without its record; the next save may succeed.
      if (!(error instanceof StorageError)) throw error;
      note(sweep, error.message);
    }
  }
}

function note(sweep: Sweep, line: string): void {
  if (sweep.errors.length < keptErrors && !sweep.errors.includes(line)) sweep.errors.push(line);
}
