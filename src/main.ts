import { isDeepStrictEqual } from 'node:util';
import { systemClock } from './clock.ts';
import type { Clock } from './clock.ts';
import { type Config, loadConfigAgain } from './config.ts';
import type { AdjustableLog } from './log.ts';
import { Certificate } from './main/certificate.ts';
import { limitsOf, newDispatcher } from './main/dispatching.ts';
import { Current, type Effective, effectiveOf } from './main/effective.ts';
import { settleEndpoints } from './main/endpoints.ts';
import { forgivingLedger, forgivingUploads } from './main/forgiving.ts';
import { Journal } from './main/journal.ts';
import { ConfiguredRegistries } from './main/registries.ts';
import type { Files } from './main/registry-entry.ts';
import { Reloading } from './main/reloading.ts';
import { newOtherTags } from './main/other-tags.ts';
import { Sweeping } from './main/sweeping.ts';
import { createMetrics } from './metrics.ts';
import type { Metrics } from './metrics.ts';
import { hintFor } from './doctor/hint.ts';
import { proxiesOf } from './registry/proxy.ts';
import { createApp } from './server/app.ts';
import type { Health } from './server/health.ts';
import { listen, type Listening } from './server/listen.ts';
import type { Reloaded } from './server/reload.ts';
import { openState } from './state/state.ts';
import type { State } from './state/state.ts';
import type { Dispatcher } from './task/dispatcher.ts';
import { Enqueue } from './task/enqueue.ts';
import { explain, recall } from './task/explain.ts';
import type { OtherTags } from './task/other-tags.ts';
import { Prune } from './task/prune.ts';
import { resync } from './task/resync.ts';
import { StorageError } from './task/store.ts';

/** A running mirror. */
export interface Mirror {
  /** Where it listens. */
  url: string;
  /** Reads the file of its configuration again, with the environment of this process; says in the log what came of it. */
  reload(): Promise<Reloaded>;
  /** Takes no new work, gives running copies `shutdownGrace`, and closes everything. */
  stop(): Promise<void>;
}

/**
 * Puts the parts together and starts them. Throws `DatabaseError`, `ListenError`, `ProxyError`, and what files that cannot be
 * read throw; nothing runs then.
 */
export async function startMirror(
  written: Config,
  log: AdjustableLog,
  clock: Clock = systemClock,
): Promise<Mirror> {
  const config = await settleEndpoints(written, log, { env: process.env, clock });
  const state = openState(config.database);
  try {
    return await new Parts(config, state, log, clock).start();
  } catch (error) {
    state.close();
    throw error;
  }
}

/** The parts of a mirror, each made once and given what it needs; what a reload replaces is in `#current`. */
class Parts {
  readonly #current: Current;
  readonly #state: State;
  readonly #log: AdjustableLog;
  readonly #clock: Clock;
  readonly #metrics: Metrics;
  readonly #journal: Journal;
  readonly #proxies = proxiesOf(process.env);
  readonly #certificate: Certificate | undefined;
  readonly #dispatcher: Dispatcher;
  readonly #enqueue: Enqueue;
  readonly #sweeping: Sweeping;
  readonly #prune: Prune;
  readonly #otherTags: OtherTags;
  readonly #reloading: Reloading;
  #stopping = false;

  constructor(config: Config, state: State, log: AdjustableLog, clock: Clock) {
    this.#state = state;
    this.#log = log;
    this.#clock = clock;
    this.#metrics = createMetrics({
      taskCounts: () => state.tasks.counts(),
      registryWidths: () => this.#now.registries.widths(),
    });
    const journal = new Journal(log, this.#metrics);
    this.#journal = journal;
    this.#current = new Current(effectiveOf(config, this.#newRegistries(config)));
    const { tls } = config.server;
    this.#certificate = tls && new Certificate(tls, log, clock);
    this.#dispatcher = newDispatcher({
      current: this.#current,
      store: state.dispatch,
      records: state.records,
      journal,
      clock,
    });
    this.#enqueue = new Enqueue({
      store: state.enqueue,
      rules: () => this.#now.rules,
      clock,
      onEntered: () => this.#dispatcher.wake(),
      onPush: (event) => this.#otherTags.told(event),
      listener: (entry, entered) => journal.entered(entry, entered),
    });
    const [current, enqueue] = [this.#current, this.#enqueue];
    this.#otherTags = newOtherTags({ current, state, enqueue, log, clock });
    this.#sweeping = new Sweeping({ current, state, enqueue, journal, log, clock });
    this.#prune = this.#newPrune();
    this.#reloading = new Reloading({
      config: () => this.#now.config,
      load: () => this.#load(config.file),
      apply: (next) => this.#apply(next),
      log,
    });
  }

  #newPrune(): Prune {
    const log = this.#log;
    return new Prune({
      store: this.#state.prune,
      clock: this.#clock,
      keep: () => this.#now.config.dispatch.retention,
      onError: (error) => log.error('old tasks could not be removed; trying again later', { error }),
    });
  }

  get #now(): Effective {
    return this.#current.now;
  }

  async start(): Promise<Mirror> {
    const recovered = this.#state.recover(this.#clock.now());
    if (recovered.tasks > 0)
      this.#log.warn('tasks of an interrupted run put back', { tasks: recovered.tasks });
    const { server, database } = this.#now.config;
    const tls = this.#certificate && { tls: this.#certificate.pair };
    const listening = await listen(this.#app(), { ...server.listen, ...tls, clock: this.#clock });
    this.#log.info('listening', { url: listening.url, database });
    this.#certificate?.start((pair) => listening.show(pair));
    this.#dispatcher.wake();
    this.#prune.start();
    this.#sweeping.start();
    const reload = (): Promise<Reloaded> => this.#reloading.reload();
    return { url: listening.url, reload, stop: () => this.#stop(listening) };
  }

  /** Which endpoint was chosen is in the difference, where it is another one than before. */
  #load(file: string): Promise<Config> {
    const { debug, ...log } = this.#log;
    const options = { env: process.env, clock: this.#clock };
    return settleEndpoints(loadConfigAgain(file, process.env), { ...log, debug, info: debug }, options);
  }

  /** Whatever may fail is made first; then all of it changes at once, and the sweep goes over. */
  async #apply(config: Config): Promise<void> {
    this.#log.mask(config.secrets);
    const before = this.#now;
    const next = effectiveOf(config, this.#newRegistries(config, before.registries));
    const certificate = this.#certificate?.prepare(config.server.tls);
    await this.#current.use(async () => {
      const replaced = this.#current.replace(next);
      if (!isDeepStrictEqual(before.config.log, config.log)) this.#log.adjust(config.log);
      certificate?.();
      this.#dispatcher.adjust(limitsOf(config));
      await Promise.all([replaced, this.#sweeping.renew()]);
    });
  }

  /** Deliveries are taken to the end: what is answered with 202 is done after the next start. */
  async #stop(listening: Listening): Promise<void> {
    this.#stopping = true;
    const { shutdownGrace } = this.#now.config.server;
    this.#log.info('stopping', { graceSeconds: shutdownGrace / 1000 });
    this.#certificate?.stop();
    await Promise.all([
      this.#reloading.stop(),
      this.#prune.stop(),
      this.#sweeping.stop(),
      this.#otherTags.stop(),
      this.#dispatcher.stop(shutdownGrace),
    ]);
    await listening.close(1000);
    // Whatever was begun by a request meanwhile.
    await this.#sweeping.stop();
    await this.#current.close();
    this.#state.close();
    this.#log.info('stopped');
  }

  #newRegistries({ registries }: Config, before?: ConfiguredRegistries): ConfiguredRegistries {
    const log = this.#log;
    const files: Files = {
      bad: (registry, caFile, error) =>
        log.warn('caFile cannot be used as it is now: the earlier authorities count', {
          registry,
          caFile,
          error,
        }),
      secret: (...secrets) => log.mask(secrets),
    };
    return new ConfiguredRegistries({
      configs: registries,
      clock: this.#clock,
      proxies: this.#proxies,
      onRequest: (registry, method, status) =>
        this.#metrics.registryRequest(registry, method, status === 0 ? undefined : status),
      onPrepared: (...made) => this.#journal.prepared(...made),
      files,
      sessions: forgivingUploads(this.#state.uploads, log),
      ledger: (origin) => forgivingLedger(this.#state.ledger(origin), log),
      before,
    });
  }

  #app(): ReturnType<typeof createApp> {
    return createApp({
      clock: this.#clock,
      log: this.#log,
      webhook: {
        protection: () => this.#now.config.webhook,
        receive: (event) => this.#enqueue.receive(event),
      },
      admin: this.#adminApi(),
      health: { live: () => this.#live(), ready: () => this.#ready() },
      metrics: { contentType: this.#metrics.contentType, text: () => this.#metrics.text() },
      onDelivery: (outcome) => this.#metrics.webhookDelivery(outcome),
    });
  }

  #adminApi(): NonNullable<Parameters<typeof createApp>[0]['admin']> {
    const { tasks, sweeps } = this.#state;
    const sweeping = this.#sweeping;
    return {
      tokens: () => this.#now.config.admin.tokens,
      tasks: {
        list: (query) => tasks.list(query),
        get: (id) => tasks.get(id),
        retry: (id) => this.#retry(id),
        cancel: (id) => this.#cancel(id),
      },
      resync: (request) => this.#resync(request),
      sweeps: {
        get: (id) => sweeps.get(id),
        list: (limit, before) => sweeps.list(limit, before),
        start: (request) => sweeping.sweeper.start({ ...request, trigger: 'admin' }),
        get running() {
          return sweeping.sweeper.running;
        },
      },
      rules: {
        list: () => this.#now.config.rules,
        test: (repository, tags) => this.#now.rules.explain(repository, tags),
      },
      explain: (reference) => this.#explain(reference),
      reload: () => this.#reloading.reload(),
    };
  }

  #retry(id: number): ReturnType<State['tasks']['retry']> {
    const done = this.#state.tasks.retry(id, this.#clock.now());
    if (done !== 'done') return done;
    this.#journal.asked('retry', id);
    this.#dispatcher.wake();
    return done;
  }

  #cancel(id: number): ReturnType<State['tasks']['cancel']> {
    const done = this.#state.tasks.cancel(id, this.#clock.now());
    if (done === 'done' || done === 'running') this.#journal.asked('cancel', id);
    if (done === 'running') this.#dispatcher.cancel(id);
    return done;
  }

  #resync(request: Parameters<typeof resync>[0]): ReturnType<typeof resync> {
    const others = { submit: this.#enqueue.submit.bind(this.#enqueue), clock: this.#clock };
    return this.#current.use(({ rules, registries }) => resync(request, { rules, registries, ...others }));
  }

  #explain(reference: Parameters<typeof recall>[0]): ReturnType<typeof explain> {
    const { enqueue: events, tasks, records } = this.#state;
    return this.#current.use(({ config, rules, registries }) => {
      const recalled = recall(reference, { rules, events, tasks, records });
      const hint = hintFor(config.registries);
      return explain(recalled, { registries, hint, clock: this.#clock, from: 'mirror' });
    });
  }

  #live(): Health {
    return { status: 'ok', checks: {} };
  }

  #ready(): Health {
    if (this.#stopping) return { status: 'stopping', checks: {} };
    try {
      this.#state.writable();
      return { status: 'ok', checks: { database: 'ok', migrations: 'ok' } };
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      return { status: 'unavailable', checks: { database: error.message, migrations: 'ok' } };
    }
  }
}
