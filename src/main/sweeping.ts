import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import type { Log } from '../log.ts';
import type { Ruleset } from '../rule/match.ts';
import type { State } from '../state/state.ts';
import { CatchUp } from '../task/catch-up.ts';
import type { Enqueue } from '../task/enqueue.ts';
import { Schedule } from '../task/schedule.ts';
import { StorageError } from '../task/store.ts';
import { Sweeper } from '../task/sweep.ts';
import type { Journal } from './journal.ts';
import type { ConfiguredRegistries } from './registries.ts';

interface SweepingOptions {
  config: Config;
  state: State;
  registries: ConfiguredRegistries;
  rules: Ruleset;
  enqueue: Enqueue;
  journal: Journal;
  log: Log;
  clock: Clock;
}

/** Once more this long after the start (ms): by then Harbor has given up what it was still trying to deliver. */
const secondLook = 6 * 60_000;

/** Everything that finds what no webhook told: at the start, by schedule, and on demand. */
export class Sweeping {
  readonly sweeper: Sweeper;
  readonly #options: SweepingOptions;
  readonly #catchUp: CatchUp;
  readonly #schedule: Schedule | undefined;
  readonly #stopping = new AbortController();
  #starting = Promise.resolve();

  constructor(options: SweepingOptions) {
    this.#options = options;
    this.#catchUp = catchUpOf(options);
    this.sweeper = sweeperOf(options, this.#catchUp);
    const { schedule } = options.config.sweep;
    if (schedule !== 'off')
      this.#schedule = new Schedule(schedule, options.clock, () => this.#sweep('schedule'));
  }

  start(): void {
    this.#schedule?.start();
    this.#starting = this.#start(this.#stopping.signal).catch((error: unknown) => this.#failed(error));
  }

  /** Resolves when nothing is under way; what was interrupted goes on at the next start. */
  async stop(): Promise<void> {
    this.#schedule?.stop();
    this.#stopping.abort(new Error('stopping'));
    await Promise.all([this.sweeper.stop(), this.#starting]);
  }

  /** What Harbor remembers comes first: it is quick, and says why it is late. A new sweep begins with it by itself. */
  async #start(signal: AbortSignal): Promise<void> {
    const { config, clock } = this.#options;
    const resumed = this.#resume();
    const looked = resumed || !config.sweep.onStart ? this.#lookBack(signal) : Promise.resolve();
    await this.sweeper.idle();
    if (config.sweep.onStart && !signal.aborted) this.#sweep('start');
    await looked;
    await clock.sleep(secondLook, signal);
    await this.#lookBack(signal);
  }

  #resume(): boolean {
    try {
      return this.sweeper.resume() !== undefined;
    } catch (error) {
      this.#failed(error);
      return false;
    }
  }

  /** Side by side: a source that is away keeps no other. */
  async #lookBack(signal: AbortSignal): Promise<void> {
    const { rules, log } = this.#options;
    const failed = (detail: string): void => log.warn('Harbor does not tell of its past', { detail });
    const refused = (detail: string): void => log.info('Harbor may not be asked for its past', { detail });
    const account = { missed: () => undefined, failed, refused };
    const sources = new Set(rules.sources().map((one) => one.source));
    const looks = [...sources].map((source) => this.#catchUp.run(source, account, signal));
    for (const look of await Promise.allSettled(looks))
      if (look.status === 'rejected') this.#failed(look.reason);
  }

  #sweep(trigger: 'schedule' | 'start'): void {
    try {
      const id = this.sweeper.start({ dryRun: false, trigger });
      if (id === undefined)
        this.#options.log.warn('sweep left out: the one before is still running', { trigger });
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    if (this.#stopping.signal.aborted) return;
    const why = error instanceof StorageError ? 'the database does not take it' : 'a mistake in this program';
    this.#options.log.error(`looking for what no webhook told of failed: ${why}`, { error });
  }
}

function catchUpOf({ state, registries, rules, enqueue, clock }: SweepingOptions): CatchUp {
  return new CatchUp({
    positions: state.positions,
    source: (name) => registries.listing(name),
    reaches: (source, project) => rules.reads(source, project),
    isKnown: (event) => state.enqueue.isKnown(event),
    makeUp: (event, cause) => enqueue.makeUp(event, cause),
    now: () => clock.now(),
  });
}

function sweeperOf(options: SweepingOptions, catchUp: CatchUp): Sweeper {
  const { state, registries, rules, enqueue, journal, clock, config } = options;
  return new Sweeper({
    store: state.sweeps,
    names: state.names,
    positions: state.positions,
    records: state.records,
    registries,
    rules,
    submit: (entry) => enqueue.submit(entry),
    announced: (repository, digest) => state.enqueue.tagsOf(repository, digest),
    catchUp: (...args) => catchUp.run(...args),
    auditShare: config.sweep.audit,
    clock,
    listener: (sweep) => journal.sweep(sweep),
  });
}
