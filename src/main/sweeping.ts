import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import type { Log } from '../log.ts';
import { formatInstanceHost, parseInstanceHost } from '../oci/aliyun-host.ts';
import type { State } from '../state/state.ts';
import { CatchUp } from '../task/catch-up.ts';
import type { Enqueue } from '../task/enqueue.ts';
import { Schedule } from '../task/schedule.ts';
import { StorageError } from '../task/store.ts';
import { Sweeper } from '../task/sweep.ts';
import type { Current, Effective } from './effective.ts';
import type { Journal } from './journal.ts';

interface SweepingOptions {
  current: Current;
  state: State;
  enqueue: Enqueue;
  journal: Journal;
  log: Log;
  clock: Clock;
}

/** Once more this long after the start (ms): by then Harbor has given up what it was still trying to deliver. */
const secondLook = 6 * 60_000;

/** Everything that finds what no webhook told: at the start, by schedule, and on demand. */
export class Sweeping {
  readonly #options: SweepingOptions;
  readonly #catchUp: CatchUp;
  #effective: Effective;
  /** Another one as soon as what it goes by has changed. */
  #sweeper: Sweeper;
  #schedule: Schedule | undefined;
  /** The database has not taken yet which registries there are. */
  #unnoted = false;
  readonly #stopping = new AbortController();
  #starting = Promise.resolve();
  #renewing = Promise.resolve();

  constructor(options: SweepingOptions) {
    this.#options = options;
    this.#catchUp = catchUpOf(options);
    this.#effective = options.current.now;
    this.#sweeper = sweeperOf(options, this.#effective, this.#catchUp);
  }

  /** The one that makes the sweeps now. */
  get sweeper(): Sweeper {
    return this.#sweeper;
  }

  start(): void {
    this.#noteRegistries();
    this.#plan();
    this.#starting = this.#start(this.#stopping.signal).catch((error: unknown) => this.#failed(error));
  }

  /**
   * Goes by what holds now. A sweep under way is interrupted and goes on from the part it was at, under the new rules and
   * with the new clients, as it would after a restart: the old ones may be what was wrong.
   */
  renew(): Promise<void> {
    this.#renewing = this.#renew();
    return this.#renewing;
  }

  /** Resolves when nothing is under way; what was interrupted goes on at the next start. */
  async stop(): Promise<void> {
    this.#schedule?.stop();
    this.#stopping.abort(new Error('stopping'));
    await Promise.all([this.sweeper.stop(), this.#starting]);
  }

  /** What Harbor remembers comes first: it is quick, and says why it is late. A new sweep begins with it by itself. */
  async #start(signal: AbortSignal): Promise<void> {
    const { current, clock } = this.#options;
    const { onStart } = current.now.config.sweep;
    const resumed = this.#resume();
    const looked = resumed || !onStart ? this.#lookBack(signal) : Promise.resolve();
    await this.#idle();
    if (onStart && !signal.aborted) this.#sweep('start');
    await looked;
    await clock.sleep(secondLook, signal);
    await this.#lookBack(signal);
  }

  async #renew(): Promise<void> {
    const [before, next] = [this.#effective, this.#options.current.now];
    this.#effective = next;
    if (before.config.sweep.schedule !== next.config.sweep.schedule) this.#plan();
    if (!this.#unnoted && isDeepStrictEqual(sweptBy(before.config), sweptBy(next.config))) return;
    const running = this.#sweeper.running !== undefined;
    // What begins while one is stopped is stopped as well; none is left where they change.
    while (this.#sweeper.running !== undefined) await this.#sweeper.stop();
    this.#sweeper = sweeperOf(this.#options, next, this.#catchUp);
    // Only here: the one before may still have written down what it had seen.
    const moved = this.#noteRegistries();
    if (this.#stopping.signal.aborted) return;
    if (running) this.#resume();
    const others = moved || !isDeepStrictEqual(before.config.rules, next.config.rules);
    if (next.config.sweep.onStart && others) void this.#follow();
  }

  /** Whether a name means another registry than it did. What cannot be noted now is before the next sweep. */
  #noteRegistries(): boolean {
    const { state, log, clock } = this.#options;
    try {
      const meanings = this.#effective.config.registries.map(({ name, url }) => ({
        name,
        host: hostOf(url),
      }));
      this.#unnoted = true;
      const moved = state.meanings.note(meanings, clock.now());
      this.#unnoted = false;
      if (moved.length === 0) return false;
      const message =
        'registries have another host than before: what was seen there is not believed any more';
      log.info(message, { registries: moved });
      return true;
    } catch (error) {
      this.#failed(error);
      return false;
    }
  }

  /** What other rules want, or other registries have, is looked for at once, as a start would. */
  async #follow(): Promise<void> {
    try {
      await this.#idle();
      if (!this.#stopping.signal.aborted) this.#sweep('start');
    } catch (error) {
      this.#failed(error);
    }
  }

  /** No sweep runs, nor is about to go on. */
  async #idle(): Promise<void> {
    do {
      await this.#renewing;
      await this.#sweeper.idle();
      await this.#renewing;
    } while (this.#sweeper.running !== undefined);
  }

  #plan(): void {
    const { current, clock } = this.#options;
    const { schedule } = current.now.config.sweep;
    this.#schedule?.stop();
    this.#schedule =
      schedule === 'off' ? undefined : new Schedule(schedule, clock, () => this.#sweep('schedule'));
    this.#schedule?.start();
  }

  #resume(): boolean {
    try {
      return this.sweeper.resume() !== undefined;
    } catch (error) {
      this.#failed(error);
      return false;
    }
  }

  async #lookBack(signal: AbortSignal): Promise<void> {
    await this.#options.current.use((effective) => this.#lookBackBy(effective, signal));
  }

  /** Side by side: a source that is away keeps no other. */
  async #lookBackBy({ rules }: Effective, signal: AbortSignal): Promise<void> {
    const { log } = this.#options;
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
      if (this.#unnoted) this.#noteRegistries();
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

/** An instance of ACR has two names, and is the same by either. */
function hostOf(address: string): string {
  const { host, hostname, port } = new URL(address);
  const instance = parseInstanceHost(hostname);
  if (instance === undefined) return host;
  return formatInstanceHost({ ...instance, vpc: false }) + (port === '' ? '' : `:${port}`);
}

/** What a sweep goes by. */
function sweptBy({ rules, registries, sweep }: Config): unknown {
  return [rules, registries, sweep.audit];
}

function catchUpOf({ state, current, enqueue, clock }: SweepingOptions): CatchUp {
  return new CatchUp({
    positions: state.positions,
    source: (name) => current.now.registries.listing(name),
    reaches: (source, project) => current.now.rules.reads(source, project),
    isKnown: (event) => state.enqueue.isKnown(event),
    makeUp: (event, cause) => enqueue.makeUp(event, cause),
    now: () => clock.now(),
  });
}

function sweeperOf(options: SweepingOptions, effective: Effective, catchUp: CatchUp): Sweeper {
  const { state, enqueue, journal, clock } = options;
  const { config, rules, registries } = effective;
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
